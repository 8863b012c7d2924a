#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_EXPANDATTENTIONPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using onnx::Dims;
using onnx::SymExpr;

struct ExpandAttention : impl::ExpandAttentionPassBase<ExpandAttention> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step)
      return;
    SmallVector<Operation *> operators;
    for (Operation &op : step.front())
      operators.push_back(&op);
    for (Operation *op : operators) {
      builder_.emplace(op);
      if (auto attention = dyn_cast<onnx::MultiHeadAttentionOp>(op); attention && attention.getBias())
        addBias(attention);
      if (auto attention = dyn_cast<onnx::GroupQueryAttentionOp>(op);
          attention && attention.getQNormWeight() && attention.getKNormWeight())
        normHeads(attention);
    }
  }

  static SmallVector<int64_t> extent(Value value) {
    return llvm::to_vector(cast<RankedTensorType>(value.getType()).getShape());
  }

  Value create(StringRef name, ValueRange operands, const Dims &dims, Type element,
               ArrayRef<NamedAttribute> attributes = {}) {
    OperationState state(Location(loc_), name);
    state.addOperands(operands);
    state.addTypes(onnx::getTensorType(dims, element));
    state.addAttributes(attributes);
    return builder_->create(state)->getResult(0);
  }

  Value integers(ArrayRef<int64_t> numbers) {
    auto type = RankedTensorType::get({static_cast<int64_t>(numbers.size())}, builder_->getI64Type());
    return onnx::ConstantValueOp::create(*builder_, Location(loc_), type, DenseElementsAttr::get(type, numbers));
  }

  Type elementOf(Value x) { return cast<RankedTensorType>(x.getType()).getElementType(); }

  /// Numbers [begin, begin + count) of a vector.
  Value slice(Value x, int64_t begin, int64_t count) {
    return onnx::SliceOp::create(*builder_, Location(loc_), RankedTensorType::get({count}, elementOf(x)), x,
                                 integers({begin}), integers({begin + count}), integers({0}), Value());
  }

  /// `shape`: 0 copies a dimension.
  Value reshape(Value x, ArrayRef<int64_t> shape) {
    Dims from = *onnx::getDims(x.getType()), dims;
    for (auto [d, n] : llvm::enumerate(shape))
      dims.push_back(n ? SymExpr(n) : from[d]);
    return create(onnx::ReshapeOp::getOperationName(), {x, integers(shape)}, dims, elementOf(x),
                  {builder_->getNamedAttr("allowzero", builder_->getI64IntegerAttr(0))});
  }

  Value add(Value x, Value vector) {
    return create(onnx::AddOp::getOperationName(), {x, vector}, *onnx::getDims(x.getType()), elementOf(x));
  }

  static bool isZero(Value value) {
    auto constant = value.getDefiningOp<onnx::ConstantValueOp>();
    auto numbers = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : nullptr;
    return numbers && numbers.isSplat() && numbers.getSplatValue<APFloat>().isZero();
  }

  void addBias(onnx::MultiHeadAttentionOp op) {
    loc_ = op.getLoc();
    Value bias = op.getBias(), query = op.getQuery(), key = op.getKey(), value = op.getValue();
    SmallVector<int64_t> q = extent(query), all = extent(bias);
    if (q.size() != 3 || ShapedType::isDynamic(q[2]) || all.size() != 1)
      return;
    int64_t heads = op.getNumHeads(), columns = q[2];
    int64_t rest = all[0] - 2 * columns;
    // Packed operands keep it; of keys [B, heads, T, d], which are projected already, it is not stated whether they do.
    if (rest < 1 || rest % heads || !key || !value || extent(key).size() != 3 || extent(value).size() != 3)
      return;
    if (!isZero(bias)) {
      op.getQueryMutable().assign(add(query, slice(bias, 0, columns)));
      op.getKeyMutable().assign(add(key, slice(bias, columns, columns)));
      op.getValueMutable().assign(add(value, slice(bias, 2 * columns, rest)));
    }
    op.getBiasMutable().clear();
  }

  void normHeads(onnx::GroupQueryAttentionOp op) {
    loc_ = op.getLoc();
    Value query = op.getQuery(), key = op.getKey();
    int64_t heads = op.getNumHeads(), kvHeads = op.getKvNumHeads(), columns = extent(query).back();
    int64_t all = key ? heads : heads + 2 * kvHeads;
    if (ShapedType::isDynamic(columns) || all < 1 || columns % all || !key != !op.getValue())
      return;
    int64_t size = columns / all;
    for (Value weight : {op.getQNormWeight(), op.getKNormWeight()})
      if (extent(weight) != SmallVector<int64_t>{size})
        return;
    if (!key) {
      int64_t sizes[] = {heads * size, kvHeads * size, kvHeads * size};
      SmallVector<Type> types;
      for (int64_t count : sizes) {
        Dims dims = *onnx::getDims(query.getType());
        dims.back() = SymExpr(count);
        types.push_back(onnx::getTensorType(dims, elementOf(query)));
      }
      OperationState state(Location(loc_), onnx::SplitOp::getOperationName());
      state.addOperands({query, integers(sizes)});
      state.addTypes(types);
      state.addAttribute("axis", builder_->getI64IntegerAttr(2));
      Operation *split = builder_->create(state);
      query = split->getResult(0), key = split->getResult(1);
      op.getValueMutable().assign(split->getResult(2));
    }
    auto normed = [&](Value x, Value weight, int64_t count) {
      Value split = reshape(x, {0, 0, count, size});
      Value y = create(onnx::RMSNormalizationOp::getOperationName(), {split, weight}, *onnx::getDims(split.getType()),
                       elementOf(x),
                       {builder_->getNamedAttr("axis", builder_->getI64IntegerAttr(-1)),
                        builder_->getNamedAttr("epsilon", op.getQkNormEpsilonAttr()),
                        builder_->getNamedAttr("stash_type", builder_->getI64IntegerAttr(1))});
      return reshape(y, {0, 0, count * size});
    };
    op.getQueryMutable().assign(normed(query, op.getQNormWeight(), heads));
    op.getKeyMutable().assign(normed(key, op.getKNormWeight(), kvHeads));
    op.getQNormWeightMutable().clear();
    op.getKNormWeightMutable().clear();
  }

  std::optional<OpBuilder> builder_;
  LocationAttr loc_;
};
} // namespace
} // namespace janus
