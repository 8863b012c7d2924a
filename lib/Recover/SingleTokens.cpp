#include "lib/Recover/SingleTokens.h"

#include "lib/Recover/Attention/KnownValues.h"
#include "lib/Recover/ModelInterface.h"
#include "lib/Recover/PastCaches.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus::recover {
namespace {

using onnx::Dims;
using onnx::SymExpr;

class LengthFreer {
public:
  LengthFreer(func::FuncOp step, const ModelInterface &interface, const SymExpr &length)
      : step_(step), interface_(interface), length_(length) {}

  void run() {
    {
      KnownValues known(step_, interface_);
      dropMasks(known);
      for (Operation &op : llvm::make_early_inc_range(step_.front().without_terminator())) {
        countPositions(op, known);
        cutPositions(op, known);
        numberRows(op, known);
        countKeys(op, known);
      }
    }
    for (BlockArgument argument : step_.getArguments().drop_front(kStepArguments)) {
      auto dims = onnx::getDims(argument.getType());
      StringRef role = inputRole(argument);
      if (dims && !dims->empty() && (role == "tokens" || role == "positions") && dims->back().isConstant(1))
        places_[argument] = static_cast<unsigned>(dims->size()) - 1;
    }
    for (Operation &op : step_.front().without_terminator())
      place(&op);
    for (BlockArgument argument : step_.getArguments().drop_front(kStepArguments))
      retype(argument);
    for (Operation &op : step_.front().without_terminator())
      for (Value result : op.getResults())
        retype(result);
  }

private:
  /// A mask that hides no key of a single token is a number or truth for all lengths of the past.
  void dropMasks(const KnownValues &known) {
    auto past = interface_.past.asSymbol();
    SmallVector<std::pair<OpOperand *, double>> masks;
    for (Operation &op : step_.front().without_terminator()) {
      if (llvm::all_of(op.getResults(), [&](Value result) { return known.find(result) != nullptr; }))
        continue;
      for (OpOperand &operand : op.getOpOperands()) {
        const Known *value = known.find(operand.get());
        auto type = dyn_cast<RankedTensorType>(operand.get().getType());
        if (!value || !value->element || !type ||
            !(type.getElementType().isInteger(1) || type.getElementType().isF32()) ||
            llvm::none_of(value->dims, [&](const SymExpr &dim) { return dim.symbols().count(*past) != 0; }))
          continue;
        if (auto number = value->element->constant(); number && broadcasts(&op, operand.get()))
          masks.emplace_back(&operand, *number);
      }
    }
    for (auto [operand, number] : masks) {
      OpBuilder builder(operand->getOwner());
      auto old = cast<RankedTensorType>(operand->get().getType());
      auto type = RankedTensorType::get(SmallVector<int64_t>(old.getRank(), 1), old.getElementType());
      auto value = old.getElementType().isF32() ? DenseElementsAttr::get(type, static_cast<float>(number))
                                                : DenseElementsAttr::get(type, number != 0);
      operand->set(onnx::ConstantValueOp::create(builder, operand->getOwner()->getLoc(), type, value));
    }
  }

  /// Operands that may have extents of 1 where another has more.
  static bool broadcasts(Operation *op, Value operand) {
    if (isa<onnx::AttentionOp>(op))
      return onnx::getInput(op, 3) == operand;
    if (isa<onnx::MultiHeadAttentionOp>(op))
      return onnx::getInput(op, 5) == operand;
    if (isa<onnx::GroupQueryAttentionOp>(op))
      return onnx::getInput(op, 10) == operand;
    auto dims = onnx::getDims(op->getResult(0).getType());
    return isa<onnx::AddOp, onnx::SubOp, onnx::MulOp, onnx::WhereOp>(op) &&
           llvm::any_of(op->getOperands(),
                        [&](Value other) { return other != operand && onnx::getDims(other.getType()) == dims; });
  }

  template <typename Op>
  Value make(OpBuilder &builder, Location loc, Type type, ValueRange operands,
             ArrayRef<NamedAttribute> attributes = {}) {
    OperationState state(loc, Op::getOperationName(), operands, TypeRange(type), attributes);
    return builder.create(state)->getResult(0);
  }
  Value integers(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, int64_t number) {
    auto type = RankedTensorType::get(shape, builder.getI64Type());
    return onnx::ConstantValueOp::create(builder, loc, type, DenseElementsAttr::get(type, number));
  }
  /// An extent of a value, as one number.
  Value extentOf(OpBuilder &builder, Location loc, Value value, int64_t dim) {
    return make<onnx::ShapeOp>(builder, loc, RankedTensorType::get({1}, builder.getI64Type()), {value},
                               {builder.getNamedAttr("start", builder.getI64IntegerAttr(dim)),
                                builder.getNamedAttr("end", builder.getI64IntegerAttr(dim + 1))});
  }
  /// first, first + 1, .. as many as there are tokens; `type` is that for one.
  Value range(OpBuilder &builder, Location loc, RankedTensorType type, Value first) {
    Value one = integers(builder, loc, {}, 1);
    auto scalar = RankedTensorType::get({}, builder.getI64Type());
    Value last = make<onnx::AddOp>(builder, loc, scalar, {first, one});
    Value result = make<onnx::RangeOp>(builder, loc, type, {first, last, one});
    places_[result] = 0;
    return result;
  }
  ElementRef elementOf(Value value, const KnownValues &known) {
    const Known *found = value ? known.find(value) : nullptr;
    return !found ? nullptr : found->element || found->items.size() != 1 ? found->element : found->items[0];
  }
  bool isInteger(ElementRef element, const SymExpr &value) {
    return element && element->kind == Element::Kind::kInteger && element->value == value;
  }

  /// Positions of all new tokens: an arange of one token, perhaps a constant already, behind the past.
  void countPositions(Operation &op, const KnownValues &known) {
    auto type = op.getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResult(0).getType()) : RankedTensorType();
    if (!type || type.getShape() != ArrayRef<int64_t>{1} || !type.getElementType().isInteger(64) ||
        !isInteger(elementOf(op.getResult(0), known), interface_.past))
      return;
    if (isa<onnx::RangeOp>(op)) {
      places_[op.getResult(0)] = 0;
      return;
    }
    auto add = dyn_cast<onnx::AddOp>(op);
    for (auto [zero, past] : {std::pair(0, 1), std::pair(1, 0)}) {
      if (!add || !isInteger(elementOf(op.getOperand(zero), known), SymExpr(0)) ||
          cast<RankedTensorType>(op.getOperand(zero).getType()).getRank() != 1)
        continue;
      OpBuilder builder(&op);
      auto scalar = RankedTensorType::get({}, builder.getI64Type());
      Value first = op.getOperand(past);
      if (first.getType() != scalar)
        first = make<onnx::SqueezeOp>(builder, op.getLoc(), scalar, {first});
      op.getResult(0).replaceAllUsesWith(range(builder, op.getLoc(), type, first));
      return;
    }
  }

  /// Positions of the new tokens, cut out of those of all.
  void cutPositions(Operation &op, const KnownValues &known) {
    auto slice = dyn_cast<onnx::SliceOp>(op);
    auto type = slice ? dyn_cast<RankedTensorType>(slice.getY().getType()) : RankedTensorType();
    const Known *value = slice ? known.find(slice.getY()) : nullptr;
    if (!type || !value || value->dims.size() != 2 || value->dims[0] != interface_.batch ||
        !value->dims[1].isConstant(1) || !type.getElementType().isInteger(64))
      return;
    ElementRef element = elementOf(slice.getY(), known);
    auto offset = element && element->kind == Element::Kind::kInteger ? (element->value - interface_.past).constant()
                                                                      : std::nullopt;
    if (!offset)
      return;
    for (BlockArgument past : step_.getArguments().drop_front(kStepArguments)) {
      auto dims = inputRole(past) == "past" ? onnx::getDims(past.getType()) : std::nullopt;
      auto *axis = dims ? llvm::find(*dims, interface_.past) : nullptr;
      if (!dims || axis == dims->end())
        continue;
      int64_t at = axis - dims->begin();
      OpBuilder builder(&op);
      Location loc = op.getLoc();
      auto scalar = RankedTensorType::get({}, builder.getI64Type()),
           single = RankedTensorType::get({1}, builder.getI64Type());
      Value size = extentOf(builder, loc, past, at);
      Value first =
          make<onnx::AddOp>(builder, loc, scalar,
                            {make<onnx::SqueezeOp>(builder, loc, scalar, {size}), integers(builder, loc, {}, *offset)});
      Value row = range(builder, loc, single, first);
      Value shape = integers(builder, loc, {2}, 1);
      Value rows =
          make<onnx::ReshapeOp>(builder, loc, RankedTensorType::get({1, 1}, builder.getI64Type()), {row, shape},
                                {builder.getNamedAttr("allowzero", builder.getI64IntegerAttr(0))});
      Value all = make<onnx::ExpandOp>(builder, loc, type, {rows, shape});
      places_[rows] = places_[all] = 1;
      slice.getY().replaceAllUsesWith(all);
      return;
    }
  }

  /// Tables with a row for each token are indexed by numbers of rows.
  void numberRows(Operation &op, const KnownValues &known) {
    auto places = rotaryPlaces(&op);
    Value rows = places ? onnx::getInput(&op, places->positions) : Value();
    const Known *value = rows ? known.find(rows) : nullptr;
    auto type = rows ? dyn_cast<RankedTensorType>(rows.getType()) : RankedTensorType();
    if (!value || !value->element || value->dims.size() != 2 || value->dims[0] != interface_.batch ||
        !value->dims[1].isConstant(1) ||
        !isInteger(value->element, interface_.batch.isConstant(1) ? SymExpr(0) : indexSymbol(0)))
      return;
    OpBuilder builder(&op);
    auto flat = onnx::getTensorType({interface_.batch}, type.getElementType());
    Value numbers = range(builder, op.getLoc(), flat, integers(builder, op.getLoc(), {}, 0));
    Value shape = integers(builder, op.getLoc(), {2}, -1);
    Value split = make<onnx::ReshapeOp>(builder, op.getLoc(), type, {numbers, shape},
                                        {builder.getNamedAttr("allowzero", builder.getI64IntegerAttr(0))});
    places_[split] = 1;
    for (OpOperand &operand : op.getOpOperands())
      if (operand.get() == rows)
        operand.set(split);
  }

  /// seqlens_k and total_sequence_length count all new tokens.
  void countKeys(Operation &op, const KnownValues &known) {
    if (!isa<onnx::GroupQueryAttentionOp>(op))
      return;
    for (auto [position, expected] : {std::pair(5u, interface_.past), std::pair(6u, interface_.keys())}) {
      Value old = onnx::getInput(&op, position), past = onnx::getInput(&op, 3);
      auto type = old ? dyn_cast<RankedTensorType>(old.getType()) : RankedTensorType();
      if (!type || !past || !isa<BlockArgument>(past) || !isInteger(elementOf(old, known), expected))
        continue;
      OpBuilder builder(&op);
      Location loc = op.getLoc();
      auto single = RankedTensorType::get({1}, builder.getI64Type());
      BlockArgument tokens = step_.getArgument(step_->getAttrOfType<IntegerAttr>(kTokensAttr).getInt());
      Value count =
          make<onnx::AddOp>(builder, loc, single,
                            {extentOf(builder, loc, past, 2),
                             extentOf(builder, loc, tokens, cast<RankedTensorType>(tokens.getType()).getRank() - 1)});
      if (position == 5)
        count = make<onnx::SubOp>(builder, loc, single, {count, integers(builder, loc, {1}, 1)});
      if (!type.getElementType().isInteger(64))
        count = make<onnx::CastOp>(
            builder, loc, RankedTensorType::get({1}, type.getElementType()), {count},
            {builder.getNamedAttr("to", builder.getI64IntegerAttr(onnx::getDataType(type.getElementType())))});
      Value shape = integers(builder, loc, {std::max<int64_t>(type.getRank(), 1)}, 1);
      count = type.getRank() == 0 ? make<onnx::SqueezeOp>(builder, loc, type, {count})
                                  : make<onnx::ExpandOp>(builder, loc, type, {count, shape});
      for (OpOperand &operand : op.getOpOperands())
        if (operand.get() == old)
          operand.set(count);
    }
  }

  /// Which dimension of each result carries the token.
  void place(Operation *op) {
    if (llvm::any_of(op->getResults(), [&](Value result) { return places_.contains(result); }))
      return;
    if (pastOperands(op)) {
      auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
      auto query = places_.find(op->getOperand(0));
      if (type && query != places_.end() && (type.getRank() == 3 || type.getRank() == 4))
        places_[op->getResult(0)] = static_cast<unsigned>(type.getRank()) - 2;
      return;
    }
    if (isa<UnrealizedConversionCastOp>(op)) {
      auto dims = onnx::getDims(op->getResult(0).getType());
      if (dims && op->getNumResults() == 1)
        if (auto at = placeOfRows(*dims))
          places_[op->getResult(0)] = *at;
      return;
    }
    auto shape = dyn_cast<onnx::ShapeInterface>(op);
    if (!shape)
      return;
    if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp>(op)) {
      if (auto from = places_.find(op->getOperand(0)); from != places_.end())
        if (auto to = placeOfReshaped(op, from->second))
          places_[op->getResult(0)] = *to;
      return;
    }
    if (auto slice = dyn_cast<onnx::SliceOp>(op)) {
      auto from = places_.find(slice.getX());
      auto axes = from == places_.end() ? std::nullopt : constantAxes(slice.getAxes(), slice.getX());
      if (axes && !llvm::is_contained(*axes, from->second))
        places_[slice.getY()] = from->second;
      return;
    }
    unsigned inputs = std::max<size_t>(shape.getInputKinds().size(), op->getNumOperands());
    for (unsigned i = 0; i < inputs; ++i) {
      Value operand = onnx::getInput(op, i);
      auto from = operand ? places_.find(operand) : places_.end();
      if (from == places_.end())
        continue;
      unsigned at = from->second, results = std::max<size_t>(shape.getOutputKinds().size(), op->getNumResults());
      for (unsigned r = 0; r < results; ++r) {
        Value result = onnx::getOutput(op, r);
        auto dims = result ? onnx::getDims(result.getType()) : std::nullopt;
        if (!dims || places_.contains(result))
          continue;
        for (const onnx::DimGroup &group : shape.getRowEffect(i, r))
          if (group.operandBegin == at && group.operandEnd == at + 1 && group.resultEnd == group.resultBegin + 1 &&
              ((*dims)[group.resultBegin].isConstant(1) || (*dims)[group.resultBegin] == interface_.batch))
            places_[result] = group.resultBegin;
      }
    }
  }

  /// Of [batch, 1, ..], or of rows of both in one dimension.
  std::optional<unsigned> placeOfRows(const Dims &dims) const {
    if (dims.size() > 2 && dims[0] == interface_.batch && dims[1].isConstant(1))
      return 1;
    return dims.size() > 1 && dims[0] == interface_.batch ? std::optional(0u) : std::nullopt;
  }

  static unsigned frontAxis(int64_t axis, int64_t rank) { return static_cast<unsigned>(axis < 0 ? axis + rank : axis); }

  /// Constant axes of a value, from the front.
  static std::optional<SmallVector<unsigned>> constantAxes(Value axes, Value of) {
    auto constant = axes ? axes.getDefiningOp<onnx::ConstantValueOp>() : onnx::ConstantValueOp();
    auto numbers = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : DenseIntElementsAttr();
    auto type = dyn_cast<RankedTensorType>(of.getType());
    if (!numbers || !type)
      return std::nullopt;
    SmallVector<unsigned> result;
    for (const APInt &number : numbers.getValues<APInt>())
      result.push_back(frontAxis(number.getSExtValue(), type.getRank()));
    return result;
  }

  /// Where new keys or values that this becomes, dimension by dimension, count tokens.
  std::optional<unsigned> placeInCache(Value value) const {
    constexpr unsigned kMost = 64;
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    SmallVector<Value> open = {value};
    for (unsigned i = 0; i < open.size() && i < kMost; ++i)
      for (Operation *user : open[i].getUsers()) {
        if (auto concat = dyn_cast<onnx::ConcatOp>(user); concat && isa<BlockArgument>(concat->getOperand(0)))
          return frontAxis(static_cast<int64_t>(concat.getAxis()), rank);
        auto type =
            user->getNumResults() == 1 ? dyn_cast<RankedTensorType>(user->getResult(0).getType()) : RankedTensorType();
        if (type && type.getRank() == rank && !isa<onnx::TransposeOp, onnx::ReshapeOp, onnx::MatMulOp>(user))
          open.push_back(user->getResult(0));
      }
    return std::nullopt;
  }

  /// In row-major order, as many elements stand before the token's place as before.
  std::optional<unsigned> placeOfReshaped(Operation *op, unsigned at) const {
    auto in = onnx::getDims(op->getOperand(0).getType()), out = onnx::getDims(op->getResult(0).getType());
    if (!in || !out || at >= in->size())
      return std::nullopt;
    if (auto unsqueeze = dyn_cast<onnx::UnsqueezeOp>(op)) // which of several extents of 1 is new
      if (auto axes = constantAxes(unsqueeze.getAxes(), unsqueeze.getResult())) {
        unsigned left = at;
        for (unsigned d = 0; d < out->size(); ++d)
          if (!llvm::is_contained(*axes, d) && left-- == 0)
            return d;
      }
    SymExpr before(1);
    for (unsigned d = 0; d < at; ++d)
      before = before * (*in)[d];
    bool merged = !(*in)[at].isConstant(1); // the batch stands before the token
    if (merged)
      before = before * (*in)[at];
    SymExpr passed(1);
    SmallVector<unsigned> found;
    for (unsigned d = 0; d < out->size(); ++d) {
      if ((*out)[d].isConstant(1) && passed == before && !(d == 0 && out->size() > 2))
        found.push_back(d);
      passed = passed * (*out)[d];
    }
    if (found.size() > 1)
      if (auto axis = placeInCache(op->getResult(0)); axis && llvm::is_contained(found, *axis))
        return axis;
    if (!found.empty())
      return llvm::is_contained(found, at) ? at : found.front();
    passed = SymExpr(1);
    for (unsigned d = 0; d < out->size(); ++d) { // into the dimension of what stands before
      passed = passed * (*out)[d];
      if (passed == before && (*out)[d] == interface_.batch)
        return d;
    }
    return std::nullopt;
  }

  void retype(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    auto dims = type && !moe::blocksOf(type) ? onnx::getDims(type) : std::nullopt;
    if (!dims)
      return;
    auto past = interface_.past.asSymbol();
    bool changed = false;
    for (SymExpr &dim : *dims)
      if (dim != interface_.past && dim.symbols().count(*past))
        dim = dim.substitute({{*past, interface_.past + length_ - SymExpr(1)}}), changed = true;
    if (auto place = places_.find(value); place != places_.end())
      (*dims)[place->second] = (*dims)[place->second] * length_, changed = true;
    if (changed)
      value.setType(onnx::getTensorType(*dims, type.getElementType()));
  }

  func::FuncOp step_;
  const ModelInterface &interface_;
  SymExpr length_;
  llvm::DenseMap<Value, unsigned> places_; // the dimension that carries the token, in this value's type
};

} // namespace

bool freeLength(func::FuncOp step) {
  auto interface = ModelInterface::read(step);
  if (!interface || !interface->sequence.isConstant(1) || !interface->past.asSymbol())
    return false;
  std::set<std::string> used;
  for (BlockArgument argument : step.getArguments())
    for (const SymExpr &dim : onnx::getDims(argument.getType()).value_or(Dims()))
      used.merge(dim.symbols());
  std::string name = "sequence";
  while (used.count(name))
    name += "_";
  SymExpr length = SymExpr::symbol(name);
  LengthFreer(step, *interface, length).run();
  Builder builder(step.getContext());
  step->setAttr(kRowsAttr, builder.getStringAttr((interface->batch * length).str()));
  step->setAttr(kSingleAttr, builder.getUnitAttr());
  step.setFunctionType(
      builder.getFunctionType(step.front().getArgumentTypes(), step.front().getTerminator()->getOperandTypes()));
  return true;
}

} // namespace janus::recover
