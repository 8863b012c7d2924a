#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

#include "mlir/IR/SymbolTable.h"

#include <cmath>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FUSENORMSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

/// The numbers of a constant that the graph holds by value.
DenseElementsAttr elementsOf(Value value) {
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (auto constant = dyn_cast_or_null<onnx::ConstantValueOp>(op))
    return dyn_cast<DenseElementsAttr>(constant.getValue());
  if (auto read = dyn_cast_or_null<onnx::InitializerValueOp>(op))
    if (auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(op, read.getInitializerAttr()))
      return dyn_cast<DenseElementsAttr>(initializer.getData());
  return {};
}

std::optional<double> numberOf(Value value) {
  auto elements = elementsOf(value);
  if (!elements || elements.getNumElements() != 1 || !isa<FloatType>(elements.getElementType()))
    return std::nullopt;
  return elements.getSplatValue<APFloat>().convertToDouble();
}

bool isConstant(Value value) {
  while (auto cast = value.getDefiningOp<onnx::CastOp>()) // stored in a narrower type
    value = cast.getX();
  return isa_and_nonnull<onnx::ConstantValueOp, onnx::InitializerValueOp>(value.getDefiningOp());
}

/// The mean over the last dimension, kept as an extent of 1; null when `value` is something else.
Value meanOf(Value value) {
  auto mean = value.getDefiningOp<onnx::ReduceMeanOp>();
  auto type = mean ? dyn_cast<RankedTensorType>(mean.getX().getType()) : RankedTensorType();
  if (!type || !mean.getKeepdims())
    return nullptr;
  std::optional<int64_t> axis;
  if (mean.getAxes() && mean.getAxes()->size() == 1)
    axis = (*mean.getAxes())[0];
  if (auto axes = elementsOf(mean.getAxesInput()); axes && axes.getNumElements() == 1)
    axis = axes.getSplatValue<APInt>().getSExtValue();
  return axis == -1 || axis == type.getRank() - 1 ? mean.getX() : Value();
}

/// x of x * x or x ^ 2.
Value squareOf(Value value) {
  if (auto power = value.getDefiningOp<onnx::PowOp>()) {
    auto exponent = numberOf(power.getB());
    if (auto integers = elementsOf(power.getB()); !exponent && integers && integers.getNumElements() == 1)
      exponent = isa<IntegerType>(integers.getElementType())
                     ? std::optional<double>(integers.getSplatValue<APInt>().getSExtValue())
                     : std::nullopt;
    return exponent == 2.0 ? power.getA() : Value();
  }
  auto product = value.getDefiningOp<onnx::MulOp>();
  return product && product.getA() == product.getB() ? product.getA() : Value();
}

/// sqrt(mean(y^2) + epsilon)
struct Root {
  Value y;
  double epsilon;
};
std::optional<Root> rootOf(Value value) {
  auto root = value.getDefiningOp<onnx::SqrtOp>();
  auto sum = root ? root.getX().getDefiningOp<onnx::AddOp>() : nullptr;
  if (!sum)
    return std::nullopt;
  for (bool swap : {false, true}) {
    auto epsilon = numberOf(swap ? sum.getA() : sum.getB());
    Value mean = meanOf(swap ? sum.getB() : sum.getA());
    if (Value y = epsilon && mean ? squareOf(mean) : Value())
      return Root{y, *epsilon};
  }
  return std::nullopt;
}

/// 1 / sqrt(mean(y^2) + epsilon)
std::optional<Root> inverseRootOf(Value value) {
  if (auto reciprocal = value.getDefiningOp<onnx::ReciprocalOp>())
    return rootOf(reciprocal.getX());
  if (auto quotient = value.getDefiningOp<onnx::DivOp>(); quotient && numberOf(quotient.getA()) == 1.0)
    return rootOf(quotient.getB());
  if (auto power = value.getDefiningOp<onnx::PowOp>(); power && numberOf(power.getB()) == -0.5) {
    auto sum = power.getA().getDefiningOp<onnx::AddOp>();
    for (bool swap : {false, true}) {
      auto epsilon = sum ? numberOf(swap ? sum.getA() : sum.getB()) : std::nullopt;
      Value mean = epsilon ? meanOf(swap ? sum.getB() : sum.getA()) : Value();
      if (Value y = mean ? squareOf(mean) : Value())
        return Root{y, *epsilon};
    }
  }
  return std::nullopt;
}

/// y times its inverse root, in any order, or over its root.
std::optional<Root> normalised(Operation *op) {
  if (auto product = dyn_cast<onnx::MulOp>(op))
    for (bool swap : {false, true}) {
      auto root = inverseRootOf(swap ? product.getA() : product.getB());
      if (root && root->y == (swap ? product.getB() : product.getA()))
        return root;
    }
  if (auto quotient = dyn_cast<onnx::DivOp>(op))
    if (auto root = rootOf(quotient.getB()); root && root->y == quotient.getA())
      return root;
  return std::nullopt;
}

/// The one user of `value`, when it combines it with a constant vector [n]: that constant.
template <typename Op> std::pair<Op, Value> vectorUser(Value value, int64_t n) {
  auto op = value.hasOneUse() ? dyn_cast<Op>(*value.getUsers().begin()) : Op();
  if (!op)
    return {};
  Value other = op.getA() == value ? op.getB() : op.getA();
  auto type = dyn_cast<RankedTensorType>(other.getType());
  bool vector = type && type.hasStaticShape() && type.getRank() > 0 && type.getNumElements() == n &&
                type.getShape().back() == n && isConstant(other) && op.getC().getType() == value.getType();
  return vector ? std::pair(op, other) : std::pair<Op, Value>();
}

struct FuseNorms : impl::FuseNormsPassBase<FuseNorms> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step)
      return;
    SmallVector<Operation *> operators;
    for (Operation &op : step.front())
      operators.push_back(&op);
    for (Operation *op : operators) {
      if (auto root = normalised(op))
        fuse(op, *root);
    }
    recover::eraseDead(step);
  }

  void fuse(Operation *op, const Root &root) {
    Value y = op->getResult(0);
    auto type = dyn_cast<RankedTensorType>(y.getType());
    if (!type || type != root.y.getType() || type.isDynamicDim(type.getRank() - 1))
      return;
    int64_t n = type.getShape().back();
    // (x - mean(x)) is what a layer norm normalises.
    auto centred = root.y.getDefiningOp<onnx::SubOp>();
    bool layer = centred && meanOf(centred.getB()) == centred.getA();
    Value result = y;
    auto [scaled, scale] = vectorUser<onnx::MulOp>(y, n);
    if (scaled)
      result = scaled.getC();
    Value bias;
    if (layer && scaled)
      if (auto [shifted, shift] = vectorUser<onnx::AddOp>(result, n); shifted)
        result = shifted.getC(), bias = shift;
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(result);
    if (!scaled) {
      auto ones = RankedTensorType::get({n}, type.getElementType());
      scale = onnx::ConstantValueOp::create(
          builder, op->getLoc(), ones, DenseElementsAttr::get(ones, builder.getFloatAttr(type.getElementType(), 1.0)));
    }
    SmallVector<Value> operands = {layer ? centred.getA() : root.y, scale};
    if (bias)
      operands.push_back(bias);
    OperationState state(op->getLoc(), layer ? onnx::LayerNormalizationOp::getOperationName()
                                             : onnx::RMSNormalizationOp::getOperationName());
    state.addOperands(operands);
    state.addAttribute("axis", builder.getI64IntegerAttr(-1));
    state.addAttribute("epsilon", builder.getF32FloatAttr(static_cast<float>(root.epsilon)));
    if (layer)
      state.addAttribute("resultSegmentSizes", builder.getDenseI32ArrayAttr({1, 0, 0}));
    state.addTypes(type);
    Operation *norm = builder.create(state);
    result.replaceAllUsesWith(norm->getResult(0));
  }
};
} // namespace
} // namespace janus
