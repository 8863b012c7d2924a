#include "lib/Recover/RowAnalysis.h"

#include "dialects/moe/IR/MoEOps.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

namespace {

bool isInteger(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isInteger() && !tensor.getElementType().isInteger(1);
}

SymExpr product(ArrayRef<SymExpr> dims) {
  SymExpr result(1);
  for (const SymExpr &dim : dims)
    result = result * dim;
  return result;
}

/// The positions of the operator, present operands only.
unsigned countPositions(Operation *op, bool inputs) {
  auto shaped = dyn_cast<onnx::ShapeInterface>(op);
  if (!shaped)
    return inputs ? op->getNumOperands() : op->getNumResults();
  StringRef kinds = inputs ? shaped.getInputKinds() : shaped.getOutputKinds();
  unsigned count = inputs ? op->getNumOperands() : op->getNumResults();
  return std::max<unsigned>(kinds.size(), count);
}

/// Where the operand's rows [0, dims) x pieces are in the result: leading dimensions and pieces.
std::optional<std::pair<unsigned, int64_t>> carry(ArrayRef<onnx::DimGroup> groups, const Dims &in, const Dims &out,
                                                  unsigned dims, int64_t pieces) {
  if (auto whole = onnx::carryRows(groups, dims))
    return std::pair(*whole, pieces);
  // A group that spans the end of the rows is a flattening: any prefix of the same size on the other side will do.
  unsigned nextIn = 0, nextOut = 0;
  for (const onnx::DimGroup &group : groups) {
    if (group.operandBegin != nextIn || group.resultBegin != nextOut)
      return std::nullopt;
    if (group.operandEnd > dims) {
      SymExpr before = product(ArrayRef(in).slice(group.operandBegin, dims - group.operandBegin));
      for (unsigned end = group.resultBegin + 1; end <= group.resultEnd; ++end) {
        SymExpr prefix = product(ArrayRef(out).slice(group.resultBegin, end - group.resultBegin));
        auto cut = SymExpr::divideExactly(prefix * SymExpr(pieces), before);
        if (cut && cut->constant().value_or(0) > 0)
          return std::pair(end, *cut->constant());
      }
      return std::nullopt;
    }
    nextIn = group.operandEnd, nextOut = group.resultEnd;
  }
  return std::nullopt;
}

RowState mixed(Operation *op, const Twine &reason) {
  RowState state;
  state.kind = RowState::kMixed;
  state.culprit = op;
  state.reason = reason.str();
  return state;
}

} // namespace

BlockArgument traceArgument(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isInteger(value.getType()) ||
        !isa<onnx::CastOp, onnx::IdentityOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp>(op))
      return nullptr;
    value = op->getOperand(0);
  }
  return isInteger(value.getType()) ? dyn_cast<BlockArgument>(value) : BlockArgument();
}

RowAnalysis::RowAnalysis(func::FuncOp function, BlockArgument tokens) {
  auto tokenDims = onnx::getDims(tokens.getType());
  rows_ = product(*tokenDims);
  for (BlockArgument argument : function.getArguments()) {
    RowState state;
    auto dims = onnx::getDims(argument.getType());
    state.kind = RowState::kSequence;
    if (dims && *dims == *tokenDims && isInteger(argument.getType()))
      state.kind = RowState::kRows, state.dims = dims->size();
    if (argument.getArgNumber() == kIds || argument.getArgNumber() == kPositions)
      state.kind = RowState::kRows, state.dims = 1;
    states_[argument] = state;
  }
  function.walk([&](Operation *op) {
    if (op == function)
      return;
    unsigned positions = countPositions(op, false);
    if (!isa<onnx::ShapeInterface>(op)) {
      for (Value result : op->getResults())
        states_[result] = recovered(op, result);
      return;
    }
    for (unsigned position = 0; position < positions; ++position)
      if (Value result = onnx::getOutput(op, position))
        states_[result] = transfer(op, position);
  });
}

/// What recovery has put into the graph already: conversions between the graph's form and rows, operators by row.
RowState RowAnalysis::recovered(Operation *op, Value result) {
  RowState state;
  for (Value operand : op->getOperands()) {
    const RowState &in = states_[operand];
    if (in.kind == RowState::kMixed)
      return in;
    if (in.kind == RowState::kSequence)
      return mixed(op, "takes data of whole sequences for rows");
    if (in.kind == RowState::kRows)
      state.kind = RowState::kRows;
  }
  if (state.kind != RowState::kRows)
    return state;
  auto dims = onnx::getDims(result.getType());
  state.dims = 1;
  if (!dims) // row form
    return state;
  SymExpr size(1);
  for (state.dims = 0; state.dims < dims->size() && size != rows_; ++state.dims)
    size = size * (*dims)[state.dims];
  return size == rows_ ? state : mixed(op, "its rows are not its leading dimensions");
}

RowState RowAnalysis::transfer(Operation *op, unsigned result) {
  auto effects = cast<onnx::ShapeInterface>(op);
  if (isa<onnx::ShapeOp, onnx::SizeOp>(op))
    return RowState();
  Value output = onnx::getOutput(op, result);
  auto out = onnx::getDims(output.getType());
  RowState state;
  SmallVector<unsigned> constants;
  bool sequence = false;
  for (unsigned position = 0, count = countPositions(op, true); position < count; ++position) {
    Value operand = onnx::getInput(op, position);
    if (!operand)
      continue;
    const RowState &in = states_[operand];
    auto dims = onnx::getDims(operand.getType());
    if (in.kind == RowState::kMixed)
      return in;
    if (in.kind == RowState::kConstant) {
      constants.push_back(position);
    } else if (in.kind == RowState::kSequence) {
      sequence = true;
    } else {
      auto place =
          dims && out ? carry(effects.getRowEffect(position, result), *dims, *out, in.dims, in.pieces) : std::nullopt;
      if (!place)
        return mixed(op, "mixes rows of input " + Twine(position) + ", " + Twine(in.dims) + " leading dimensions of " +
                             llvm::Twine(dims ? dims->size() : 0));
      while (place->first > 1 && (*out)[place->first - 1].isConstant(1)) // rows with and without it are the same
        --place->first;
      if (state.kind == RowState::kRows && (state.dims != place->first || state.pieces != place->second))
        return mixed(op, "its inputs carry rows in different dimensions");
      state.kind = RowState::kRows;
      std::tie(state.dims, state.pieces) = *place;
    }
  }
  if (sequence && state.kind == RowState::kRows)
    return mixed(op, "combines rows with data of whole sequences");
  if (sequence)
    state.kind = RowState::kSequence;
  // A constant that varies along the rows gives each place in the batch its own numbers.
  if (state.kind == RowState::kRows)
    for (unsigned position : constants)
      for (const onnx::DimGroup &group : effects.getRowEffect(position, result))
        if (group.resultBegin < state.dims &&
            !product(ArrayRef(*out).slice(group.resultBegin, group.resultEnd - group.resultBegin)).isConstant(1))
          return mixed(op, "input " + Twine(position) + " depends on the row's place in the batch, not on the row");
  return state;
}

} // namespace janus::recover
