//===- MoEOps.cpp - verifiers -------------------------------------------===//
//
// The checks stand in the order of the rules in MoEOps.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/moe/IR/MoEOps.h"

#include "dialects/moe/IR/Formula.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace janus::moe;

#define GET_OP_CLASSES
#include "dialects/moe/IR/MoEOps.cpp.inc"

namespace {

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// Is `value` of exactly this shape? Dynamic sizes must be dynamic on both sides.
bool hasShape(Value value, ArrayRef<int64_t> shape) { return shapeOf(value) == shape; }

bool isStatic(Value value, size_t rank) {
  return shapeOf(value).size() == rank && !ShapedType::isDynamicShape(shapeOf(value));
}

bool isMatrix(Value value) { return shapeOf(value).size() == 2 && !ShapedType::isDynamic(shapeOf(value)[1]); }

std::string text(ArrayRef<int64_t> shape) {
  std::string result;
  llvm::raw_string_ostream stream(result);
  stream << "[";
  llvm::interleaveComma(shape, stream, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      stream << "?";
    else
      stream << size;
  });
  stream << "]";
  return result;
}

/// The error of a shape rule: "expects NAME of shape EXPECTED, found TYPE".
InFlightDiagnostic shapeError(Operation *op, StringRef name, ArrayRef<int64_t> expected, Value found) {
  return op->emitOpError() << "expects " << name << " of shape " << text(expected) << ", found " << found.getType();
}

LogicalResult checkShape(Operation *op, StringRef name, Value value, ArrayRef<int64_t> expected) {
  if (value && !hasShape(value, expected))
    return shapeError(op, name, expected, value);
  return success();
}

/// Types of equal shape and elements, whatever they say of their dimensions.
bool sameTensor(Type a, Type b) {
  auto x = dyn_cast<RankedTensorType>(a), y = dyn_cast<RankedTensorType>(b);
  return x && y && x.getShape() == y.getShape() && x.getElementType() == y.getElementType();
}

/// f32 rows [rows, C], i32 rows [rows], or a static weight of f32.
bool isRowsOrWeight(RankedTensorType type) {
  bool rows = type.getRank() && type.isDynamicDim(0);
  int64_t rank = type.getElementType().isF32() ? 2 : 1;
  if (!rows)
    return type.hasStaticShape() && type.getElementType().isF32();
  return type.getRank() == rank && type.getNumDynamicDims() == 1;
}

/// Rule W6 for one view of rows of `columns` numbers.
LogicalResult checkStorage(WeightOp op, Attribute view, BlocksAttr blocks, int64_t columns) {
  auto quantised = dyn_cast<QuantisedAttr>(view);
  if (!quantised != !blocks)
    return op.emitOpError() << "expects quantised views if and only if its type has the encoding #moe.blocks, found "
                            << view;
  if (!quantised) {
    Type storage = cast<ViewAttr>(view).getStorage();
    return isa<FloatType>(storage) || storage == cast<RankedTensorType>(op.getType()).getElementType()
               ? success()
               : op.emitOpError() << "expects a view of floating-point numbers, found " << view;
  }
  auto integers = dyn_cast<ViewAttr>(quantised.getIntegers());
  if (integers && integers.getStorage().getIntOrFloatBitWidth() != blocks.getBits())
    return op.emitOpError() << "expects integers of " << blocks.getBits() << " bits, found " << integers.getStorage();
  auto shapeOfPart = [](Attribute part) {
    auto view = dyn_cast<ViewAttr>(part);
    return view ? view.getShape() : cast<DenseElementsAttr>(part).getType().getShape();
  };
  auto isInteger = [](Attribute part) {
    auto view = dyn_cast<ViewAttr>(part);
    return isa<IntegerType>(view ? view.getStorage() : cast<DenseElementsAttr>(part).getElementType());
  };
  int64_t count = (columns - 1) / blocks.getSize() + 1;
  if (shapeOfPart(quantised.getScales()).back() != count)
    return op.emitOpError() << "expects " << count << " scales a row of " << columns << " in blocks of "
                            << blocks.getSize() << ", found " << quantised.getScales();
  Attribute zeros = quantised.getZeros();
  ZeroPoints found = !zeros ? ZeroPoints::middle : isInteger(zeros) ? ZeroPoints::integers : ZeroPoints::numbers;
  if (found != blocks.getZeros())
    return op.emitOpError() << "expects zeros = " << stringifyZeroPoints(blocks.getZeros())
                            << ", found a view with zeros = " << stringifyZeroPoints(found);
  auto zeroView = dyn_cast_or_null<ViewAttr>(zeros);
  if (zeroView && found == ZeroPoints::integers && zeroView.getStorage().getIntOrFloatBitWidth() != blocks.getBits())
    return op.emitOpError() << "expects zero points of " << blocks.getBits() << " bits, found "
                            << zeroView.getStorage();
  return success();
}

} // namespace

BlocksAttr janus::moe::blocksOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<BlocksAttr>(tensor.getEncoding()) : BlocksAttr();
}

//===-- weights -----------------------------------------------------------===//

LogicalResult WeightOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape() || type.getRank() == 0)
    return emitOpError() << "expects a static shape of at least one dimension, found " << type;
  if (getViews().has_value() == getValue().has_value())
    return emitOpError() << "expects either views or a value";
  if (std::optional<ElementsAttr> value = getValue()) {
    if (value->getShapedType() != type)
      return emitOpError() << "expects a value of type " << type << ", found " << value->getShapedType();
    return success();
  }
  int64_t rows = 0;
  for (Attribute view : getViewsAttr()) {
    auto quantised = dyn_cast<QuantisedAttr>(view);
    ArrayRef<int64_t> shape = quantised ? quantised.getShape() : cast<ViewAttr>(view).getShape();
    if (shape.empty() || shape.drop_front() != type.getShape().drop_front())
      return emitOpError() << "expects views whose dimensions after the first are "
                           << text(type.getShape().drop_front()) << ", found a view of shape " << text(shape);
    if (llvm::AddOverflow(rows, shape[0], rows))
      return emitOpError() << "expects fewer than 2^63 rows";
  }
  if (getViews()->empty())
    return emitOpError() << "expects at least one view";
  if (rows != type.getDimSize(0))
    return emitOpError() << "expects views of " << type.getDimSize(0) << " rows together, found " << rows;
  for (Attribute view : getViewsAttr())
    if (failed(checkStorage(*this, view, blocksOf(type), type.getShape().back())))
      return failure();
  return success();
}

LogicalResult SequenceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getCalleeAttr());
  if (!function || function.isExternal())
    return emitOpError() << "expects " << getCalleeAttr() << " to be a function with a body in the module";
  ArrayRef<Type> arguments = function.getArgumentTypes(), yielded = function.getResultTypes();
  if (arguments.size() < getInputs().size() || yielded.size() < getResults().size())
    return emitOpError() << "expects a function of at least " << getInputs().size() << " arguments and "
                         << getResults().size() << " results, found " << arguments.size() << " and " << yielded.size();
  bool anyRows = false;
  for (auto [i, input] : llvm::enumerate(getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    anyRows |= type.getRank() && type.isDynamicDim(0);
    if (!isRowsOrWeight(type) || !sameTensor(type, arguments[i]))
      return emitOpError() << "expects operand " << i << " to be rows or a weight as the function's argument, found "
                           << type << " and " << arguments[i];
  }
  if (!anyRows)
    return emitOpError() << "expects an operand that counts rows";
  for (auto [i, result] : llvm::enumerate(getResults()))
    if (!isMatrix(result) || !ShapedType::isDynamic(shapeOf(result)[0]) || !sameTensor(result.getType(), yielded[i]))
      return emitOpError() << "expects result " << i << " to be [rows, C] as the function's, found " << result.getType()
                           << " and " << yielded[i];
  ArrayRef<Type> past = arguments.drop_front(getInputs().size()), present = yielded.drop_front(getResults().size());
  auto isState = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape() && tensor.getElementType().isF32();
  };
  if (past.size() != present.size() || !llvm::all_of(past, isState) ||
      !llvm::all_of(llvm::zip(past, present),
                    [](auto pair) { return sameTensor(std::get<0>(pair), std::get<1>(pair)); }))
    return emitOpError() << "expects as many new states as states, static and of f32, found (" << past << ") and ("
                         << present << ")";
  if (static_cast<int64_t>(getState()) < 0 ||
      (getHistory() && (static_cast<int64_t>(*getHistory()) < 0 || !past.empty())))
    return emitOpError() << "expects a state and a history that are not negative, and no states with a history";
  return success();
}

LogicalResult GetWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "expects " << getWeightAttr() << " to be a moe.weight";
  if (weight.getType() != getResult().getType()) {
    InFlightDiagnostic error = emitOpError() << "expects the weight's type " << weight.getType() << ", found "
                                             << getResult().getType();
    error.attachNote(weight.getLoc()) << "the weight is here";
    return error;
  }
  return success();
}

//===-- rows in, rows out -------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (shapeOf(getIds()).size() != 1)
    return emitOpError() << "expects ids of one dimension, found " << getIds().getType();
  if (!isStatic(getTable(), 2))
    return emitOpError() << "expects a static table [vocab, H], found " << getTable().getType();
  return checkShape(*this, "a result", getResult(), {shapeOf(getIds())[0], shapeOf(getTable())[1]});
}

LogicalResult NormOp::verify() {
  if (!isMatrix(getX()) || getX().getType() != getResult().getType())
    return emitOpError() << "expects x [rows, C] and a result of its type, found " << getX().getType() << " and "
                         << getResult().getType();
  int64_t columns = shapeOf(getX())[1];
  auto group = static_cast<int64_t>(getGroup());
  if (group < 0 || (group > 0 && columns % group != 0))
    return emitOpError() << "expects a group of 0 or a divisor of " << columns << " columns, found " << group;
  int64_t width = group == 0 ? columns : group;
  if (failed(checkShape(*this, "a scale", getScale(), {width})) ||
      failed(checkShape(*this, "a bias", getBias(), {width})))
    return failure();
  if (getKind() == NormKind::rms && getBias())
    return emitOpError() << "expects no bias on an rms norm; use the kind layer";
  if (getEpsilon().isNaN() || getEpsilon().isNegative())
    return emitOpError() << "expects an epsilon that is not negative, found " << getEpsilonAttr();
  return success();
}

LogicalResult LinearOp::verify() {
  if (!isMatrix(getX()) || !isStatic(getWeight(), 2) || shapeOf(getX())[1] != shapeOf(getWeight())[1])
    return emitOpError() << "expects x [rows, K] and a static weight [N, K], found " << getX().getType() << " and "
                         << getWeight().getType();
  int64_t n = shapeOf(getWeight())[0];
  if (failed(checkShape(*this, "a result", getResult(), {shapeOf(getX())[0], n})) ||
      failed(checkShape(*this, "a bias", getBias(), {n})))
    return failure();
  if (getResidual() && getResidual().getType() != getResult().getType())
    return emitOpError() << "expects a residual of the result's type " << getResult().getType() << ", found "
                         << getResidual().getType();
  std::optional<int64_t> layer = getLayer();
  if (getRouter() && (!layer || *layer < 0 || getResidual()))
    return emitOpError() << "expects a router to have a layer of at least 0 and no residual";
  if (layer && !getRouter())
    return emitOpError() << "expects a layer only on a router";
  return success();
}

LogicalResult ColumnsOp::verify() {
  if (!isMatrix(getX()) || !isMatrix(getResult()) || shapeOf(getX())[0] != shapeOf(getResult())[0])
    return emitOpError() << "expects x [rows, C] and a result [rows, N], found " << getX().getType() << " and "
                         << getResult().getType();
  auto offset = static_cast<int64_t>(getOffset());
  if (offset < 0 || offset > shapeOf(getX())[1] - shapeOf(getResult())[1])
    return emitOpError() << "expects columns within 0 to " << shapeOf(getX())[1] << ", found " << offset << " to "
                         << offset + shapeOf(getResult())[1];
  return success();
}

LogicalResult ActivateOp::verify() {
  if (!isMatrix(getGate()) || getGate().getType() != getResult().getType() ||
      (getUp() && getUp().getType() != getGate().getType()))
    return emitOpError() << "expects gate, up and the result to have one type [rows, I], found " << getGate().getType()
                         << " and a result " << getResult().getType();
  if (getActivation().getKind() == ActivationKind::swiglu && !getUp())
    return emitOpError() << "expects swiglu to have an up projection";
  return success();
}

LogicalResult GateOp::verify() {
  if (!isMatrix(getX()) || getX().getType() != getResult().getType())
    return emitOpError() << "expects x [rows, C] and a result of its type, found " << getX().getType() << " and "
                         << getResult().getType();
  return checkShape(*this, "a gate", getGate(), {shapeOf(getX())[0], 1});
}

LogicalResult MapOp::verify() {
  bool rows = false;
  if (!isMatrix(getResult()))
    return emitOpError() << "expects a result [rows, C], found " << getResult().getType();
  ArrayRef<int64_t> shape = shapeOf(getResult());
  for (Value input : getInputs()) {
    bool counts =
        isMatrix(input) && shapeOf(input)[0] == shape[0] && (shapeOf(input)[1] == shape[1] || shapeOf(input)[1] == 1);
    if (!counts && !hasShape(input, shape.drop_front()))
      return emitOpError() << "expects operands [rows, C], [rows, 1] or [C] of a result [rows, C], found "
                           << input.getType() << " and " << getResult().getType();
    rows |= counts;
  }
  if (!rows)
    return emitOpError() << "expects an operand that counts rows";
  if (getFormula().size() > kMaxFormula)
    return emitOpError() << "expects a formula of at most " << kMaxFormula << " steps, found " << getFormula().size();
  size_t depth = 0;
  for (auto [i, step] : llvm::enumerate(getFormula())) {
    auto name = dyn_cast<StringAttr>(step);
    auto fn = name ? parseFormulaFn(name.getValue()) : std::nullopt;
    size_t arity = fn.has_value() ? arityOf(fn.value_or(FormulaFn::add)) : 0;
    auto index = dyn_cast<IntegerAttr>(step);
    auto number = dyn_cast<FloatAttr>(step);
    bool known = fn      ? depth >= arity
                 : index ? index.getType().isInteger(64) && index.getInt() >= 0 &&
                               index.getInt() < static_cast<int64_t>(getInputs().size())
                         : number && number.getType().isF32();
    if (!known)
      return emitOpError() << "expects a formula of operands, f32 numbers and functions of values before them, found "
                           << step << " at step " << i;
    depth = depth - arity + 1;
  }
  if (depth != 1)
    return emitOpError() << "expects a formula that leaves one value, found " << depth;
  return success();
}

LogicalResult SelectOp::verify() {
  if (!isMatrix(getX()) || shapeOf(getWanted()).size() != 1)
    return emitOpError() << "expects x [rows, C] and wanted of one dimension, found " << getX().getType() << " and "
                         << getWanted().getType();
  return checkShape(*this, "a result", getResult(), {shapeOf(getWanted())[0], shapeOf(getX())[1]});
}

//===-- attention ---------------------------------------------------------===//

LogicalResult ArrangeOp::verify() {
  if (getInputs().empty() || !isMatrix(getResult()))
    return emitOpError() << "expects at least one operand and a result [rows, C], found " << getResult().getType();
  int64_t rows = shapeOf(getResult())[0];
  for (Value input : getInputs())
    if (!isMatrix(input) || shapeOf(input)[0] != rows)
      return emitOpError() << "expects operands [rows, C] with the result's rows, found " << input.getType();
  ArrayRef<int64_t> runs = getRuns();
  if (runs.size() % 3 != 0)
    return emitOpError() << "expects runs (operand, offset, count), found " << runs.size() << " numbers";
  int64_t total = 0;
  for (; !runs.empty(); runs = runs.drop_front(3)) {
    int64_t operand = runs[0], offset = runs[1], count = runs[2];
    if (operand < 0 || operand >= static_cast<int64_t>(getInputs().size()) || offset < 0 || count < 1 ||
        offset > shapeOf(getInputs()[operand])[1] - count)
      return emitOpError() << "expects runs that lie in their operand, found (" << operand << ", " << offset << ", "
                           << count << ")";
    total += count;
  }
  return checkShape(*this, "a result", getResult(), {rows, total});
}

LogicalResult RotaryOp::verify() {
  if (!isMatrix(getX()) || getX().getType() != getResult().getType() || !hasShape(getPositions(), shapeOf(getX())[0]))
    return emitOpError() << "expects x [rows, C], a result of its type and positions [rows], found " << getX().getType()
                         << ", " << getResult().getType() << " and " << getPositions().getType();
  auto headDim = static_cast<int64_t>(getHeadDim()), rotaryDim = static_cast<int64_t>(getRotaryDim());
  if (headDim <= 0 || shapeOf(getX())[1] % headDim != 0)
    return emitOpError() << "expects a head_dim that divides " << shapeOf(getX())[1] << " columns, found " << headDim;
  auto offset = static_cast<int64_t>(getOffset());
  if (offset < 0 || offset > headDim || rotaryDim < 2 || rotaryDim % 2 != 0 || rotaryDim > headDim - offset)
    return emitOpError() << "expects an even rotary_dim from 2 to head_dim " << headDim << " less the offset, found "
                         << rotaryDim << " and offset " << offset;
  if (!isStatic(getCos(), 2) || getCos().getType() != getSin().getType() || shapeOf(getCos())[1] != rotaryDim / 2)
    return emitOpError() << "expects static tables cos and sin [P, " << rotaryDim / 2 << "] of one type, found "
                         << getCos().getType() << " and " << getSin().getType();
  return success();
}

LogicalResult AttentionOp::verify() {
  auto heads = static_cast<int64_t>(getHeads()), kvHeads = static_cast<int64_t>(getKvHeads());
  auto headDim = static_cast<int64_t>(getHeadDim()), valueDim = static_cast<int64_t>(getValueDim());
  if (heads <= 0 || kvHeads <= 0 || headDim <= 0 || valueDim <= 0 || heads % kvHeads != 0)
    return emitOpError() << "expects positive sizes and kv_heads that divide heads, found " << heads << " heads, "
                         << kvHeads << " kv_heads, head_dim " << headDim << ", value_dim " << valueDim;
  if (shapeOf(getQ()).size() != 2)
    return emitOpError() << "expects q of shape [rows, " << heads * headDim << "], found " << getQ().getType();
  int64_t rows = shapeOf(getQ())[0];
  if (failed(checkShape(*this, "q", getQ(), {rows, heads * headDim})) ||
      failed(checkShape(*this, "k", getK(), {rows, kvHeads * headDim})) ||
      failed(checkShape(*this, "v", getV(), {rows, kvHeads * valueDim})) ||
      failed(checkShape(*this, "positions", getPositions(), {rows})) ||
      failed(checkShape(*this, "a result", getResult(), {rows, heads * valueDim})) ||
      failed(checkShape(*this, "sinks", getSinks(), {heads})))
    return failure();
  auto chunk = static_cast<int64_t>(getChunk());
  if (static_cast<int64_t>(getCache()) < 0 || static_cast<int64_t>(getWindow()) < 0 || chunk < 0 ||
      getSoftcap().isNegative() || !getSoftcap().isFinite())
    return emitOpError() << "expects cache, window, chunk and softcap that are not negative, found "
                         << static_cast<int64_t>(getCache()) << ", " << static_cast<int64_t>(getWindow()) << ", "
                         << chunk << " and " << getSoftcapAttr();
  if (!getScale().isFinite() || getScale().isNegative() || getScale().isZero())
    return emitOpError() << "expects a finite positive scale, found " << getScaleAttr();
  return success();
}

//===-- mixture of experts ------------------------------------------------===//

LogicalResult RouteOp::verify() {
  auto k = static_cast<int64_t>(getK());
  if (!isMatrix(getLogits()) || k < 1 || k > shapeOf(getLogits())[1])
    return emitOpError() << "expects logits [rows, E] and 1 <= k <= E, found " << getLogits().getType()
                         << " and k = " << k;
  int64_t rows = shapeOf(getLogits())[0];
  if (failed(checkShape(*this, "ids", getIds(), {rows, k})) ||
      failed(checkShape(*this, "weights", getWeights(), {rows, k})) ||
      failed(checkShape(*this, "a bias", getSelectBias(), {shapeOf(getLogits())[1]})) ||
      failed(checkShape(*this, "an expert_scale", getExpertScale(), {shapeOf(getLogits())[1]})))
    return failure();
  if (static_cast<int64_t>(getLayer()) < 0)
    return emitOpError() << "expects a layer of at least 0, found " << static_cast<int64_t>(getLayer());
  if (getEpsilon().isNegative() || !getEpsilon().isFinite() || !getScale().isFinite())
    return emitOpError() << "expects an epsilon that is not negative and a finite scale, found " << getEpsilonAttr()
                         << " and " << getScaleAttr();
  if (getGroups() && shapeOf(getLogits())[1] % getGroups()->getCount() != 0)
    return emitOpError() << "expects a number of groups that divides " << shapeOf(getLogits())[1] << " experts, found "
                         << getGroups()->getCount();
  bool mixer = getScore() == Score::sparse_mixer;
  if (mixer && (!getJitter().isFinite() || !(getJitter().convertToFloat() > 0) || getSelectBias() || getExpertScale() ||
                getGroups() || getRenormalize() || !getScale().isExactlyValue(1)))
    return emitOpError() << "expects a positive jitter and no bias, groups or scales with a sparse mixer, found jitter "
                         << getJitterAttr();
  return success();
}

LogicalResult ExpertsOp::verify() {
  if (!isMatrix(getX()) || shapeOf(getResult()).size() != 3)
    return emitOpError() << "expects x [rows, H] and a result [rows, k, H], found " << getX().getType() << " and "
                         << getResult().getType();
  int64_t rows = shapeOf(getX())[0], hidden = shapeOf(getX())[1], k = shapeOf(getResult())[1];
  if (failed(checkShape(*this, "a result", getResult(), {rows, k, hidden})) ||
      failed(checkShape(*this, "ids", getIds(), {rows, k})) ||
      failed(checkShape(*this, "weights", getWeights(), {rows, k})))
    return failure();
  if (!isStatic(getGate(), 3) || shapeOf(getGate())[2] != hidden)
    return emitOpError() << "expects a static gate [E, I, " << hidden << "], found " << getGate().getType();
  int64_t experts = shapeOf(getGate())[0], intermediate = shapeOf(getGate())[1];
  if (failed(checkShape(*this, "up", getUp(), {experts, intermediate, hidden})) ||
      failed(checkShape(*this, "down", getDown(), {experts, hidden, intermediate})) ||
      failed(checkShape(*this, "gate_bias", getGateBias(), {experts, intermediate})) ||
      failed(checkShape(*this, "up_bias", getUpBias(), {experts, intermediate})) ||
      failed(checkShape(*this, "down_bias", getDownBias(), {experts, hidden})))
    return failure();
  if (getUp() && blocksOf(getUp().getType()) != blocksOf(getGate().getType()))
    return emitOpError() << "expects gate and up stored alike, found " << getGate().getType() << " and "
                         << getUp().getType();
  if (getUpBias() && !getUp())
    return emitOpError() << "expects up where there is an up_bias";
  if (getActivation().getKind() == ActivationKind::swiglu && !getUp())
    return emitOpError() << "expects swiglu to have an up projection";
  if (static_cast<int64_t>(getLayer()) < 0)
    return emitOpError() << "expects a layer of at least 0, found " << static_cast<int64_t>(getLayer());
  if (getWeighInput() && (getGateBias() || getUpBias() || getDownBias()))
    return emitOpError() << "expects no biases where the weight multiplies the input";
  return success();
}

LogicalResult CombineOp::verify() {
  ArrayRef<int64_t> y = shapeOf(getY());
  if (y.size() != 3 || ShapedType::isDynamic(y[1]) || y[1] < 1)
    return emitOpError() << "expects y [rows, k, H] with k of at least 1, found " << getY().getType();
  if (failed(checkShape(*this, "a result", getResult(), {y[0], y[2]})) ||
      failed(checkShape(*this, "shared", getShared(), {y[0], y[2]})) ||
      failed(checkShape(*this, "a residual", getResidual(), {y[0], y[2]})))
    return failure();
  return success();
}
