#include "lib/Recover/FusedExperts.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace janus::recover {

namespace {

std::optional<moe::ActivationKind> activationKind(StringRef type) {
  return llvm::StringSwitch<std::optional<moe::ActivationKind>>(type)
      .Case("swiglu", moe::ActivationKind::swiglu)
      .Case("silu", moe::ActivationKind::silu)
      .Case("gelu", moe::ActivationKind::gelu_tanh) // ONNX Runtime's MoE computes the tanh form
      .Case("relu", moe::ActivationKind::relu)
      .Case("identity", moe::ActivationKind::identity)
      .Default(std::nullopt);
}

/// Gate and up out of the first projection, [E, 2 I, ...].
void cut(const StoredWeight &fused, bool interleaved, std::optional<StoredWeight> &gate,
         std::optional<StoredWeight> &up) {
  int64_t rows = fused.shape()[1] / 2;
  gate = interleaved ? fused.slice(1, 0, 2, rows) : fused.slice(1, 0, 1, rows);
  up = interleaved ? fused.slice(1, 1, 2, rows) : fused.slice(1, rows, 1, rows);
}

/// A projection of the operator, number 0 to 2: fc1, fc2, fc3.
struct Projection {
  std::optional<StoredWeight> weight, bias;
  bool there = false, readable = true; // whether it occurs, and whether what occurs could be read
};

Projection projectionOf(const RowForm &form, onnx::MoEOp op, int number) {
  const std::pair<Value, Value> values[] = {{op.getFc1ExpertsWeights(), op.getFc1ExpertsBias()},
                                            {op.getFc2ExpertsWeights(), op.getFc2ExpertsBias()},
                                            {op.getFc3ExpertsWeights(), op.getFc3ExpertsBias()}};
  auto [weight, bias] = values[number];
  Projection result{form.trace(weight), form.trace(bias), weight || bias, true};
  result.readable = !result.weight == !weight && !result.bias == !bias;
  return result;
}

/// Weights [E, rows, bytes]: a row holds as many numbers as fit its bytes, in blocks or in one block.
Projection projectionOf(const RowForm &form, onnx::QMoEOp op, int number) {
  struct Values {
    Value weight, scales, bias, zeros;
  };
  const Values values[] = {
      {op.getFc1ExpertsWeights(), op.getFc1Scales(), op.getFc1ExpertsBias(), op.getFc1ZeroPoints()},
      {op.getFc2ExpertsWeights(), op.getFc2Scales(), op.getFc2ExpertsBias(), op.getFc2ZeroPoints()},
      {op.getFc3ExpertsWeights(), op.getFc3Scales(), op.getFc3ExpertsBias(), op.getFc3ZeroPoints()}};
  const auto &[weight, scales, bias, zeros] = values[number];
  Projection result;
  result.there = weight || bias;
  result.bias = form.trace(bias);
  auto type = weight ? dyn_cast<RankedTensorType>(weight.getType()) : RankedTensorType();
  if (type && type.hasStaticShape() && type.getRank() == 3) {
    SmallVector<int64_t> shape(type.getShape());
    int64_t bits = op.getExpertWeightBits(), block = op.getBlockSize();
    shape.back() *= 8 / bits;
    result.weight = form.trace({weight, scales, zeros, shape, bits, block ? block : shape.back()});
  }
  result.readable = !result.weight == !weight && !result.bias == !bias;
  return result;
}

template <typename Op>
std::optional<ReadExpert> read(Op op, const RowForm &form, int64_t experts, std::string &reason) {
  auto stop = [&](const Twine &text) -> std::optional<ReadExpert> {
    reason = text.str();
    return std::nullopt;
  };
  auto kind = activationKind(op.getActivationType());
  if (!kind)
    return stop("activation_type = '" + op.getActivationType() + "' (JNS-ONNX-013)");
  Projection first = projectionOf(form, op, 0), second = projectionOf(form, op, 1), third = projectionOf(form, op, 2);
  auto &fc1 = first.weight, &fc1Bias = first.bias, &up = third.weight, &upBias = third.bias;
  ReadExpert result;
  ExpertWeights &weights = result.weights;
  weights.down = second.weight, weights.downBias = second.bias;
  if (!fc1 || !weights.down || !first.readable || !second.readable || !third.readable)
    return stop("its weights are no constants");
  if (fc1->shape().size() != 3 || weights.down->shape().size() != 3)
    return stop("its weights have not three dimensions");
  bool swiglu = *kind == moe::ActivationKind::swiglu;
  int64_t hidden = weights.down->shape()[1], intermediate = weights.down->shape()[2], fused = swiglu && !up ? 2 : 1;
  auto is = [](const std::optional<StoredWeight> &weight, ArrayRef<int64_t> shape) {
    return !weight || weight->shape() == shape;
  };
  if (!is(fc1, {experts, fused * intermediate, hidden}) || !is(weights.down, {experts, hidden, intermediate}) ||
      !is(up, {experts, intermediate, hidden}) || !is(fc1Bias, {experts, fused * intermediate}) ||
      !is(upBias, {experts, intermediate}) || !is(weights.downBias, {experts, hidden}))
    return stop("weights and biases do not have the shapes [E, f I, H], [E, H, I], [E, I, H], [E, f I], [E, H], [E, I] "
                "(JNS-ONNX-012)");
  if (upBias && !up)
    return stop("a third bias without third weights");
  result.activation.kind = *kind;
  result.activation.gated = up || fused == 2;
  if (swiglu) {
    result.activation.alpha = op.getActivationAlpha().convertToFloat();
    result.activation.beta = op.getActivationBeta().convertToFloat();
    if (op.getSwigluLimit())
      result.activation.limit = op.getSwigluLimit()->convertToFloat();
  } else if (*kind == moe::ActivationKind::silu && up) {
    result.activation.kind = moe::ActivationKind::swiglu; // the same, as the model dialect writes it
  }
  if (fused == 1) {
    weights.gate = fc1, weights.gateBias = fc1Bias, weights.up = up, weights.upBias = upBias;
    return result;
  }
  if (op.getSwigluFusion() == 0)
    emitWarning(op.getLoc()) << "[JNS-ONNX-013] swiglu_fusion = 0 without third weights: treated as interleaved";
  cut(*fc1, op.getSwigluFusion() != 2, weights.gate, weights.up);
  if (fc1Bias)
    cut(*fc1Bias, op.getSwigluFusion() != 2, weights.gateBias, weights.upBias);
  return result;
}

} // namespace

std::optional<ReadExpert> readFused(Operation *op, const RowForm &form, int64_t experts, std::string &reason) {
  if (auto quantised = dyn_cast<onnx::QMoEOp>(op)) {
    if (!quantised.getRouterWeights() && !quantised.getNormalizeRoutingWeights() && !quantised.getUseSparseMixer())
      emitWarning(op->getLoc())
          << "[JNS-ONNX-013] QMoE with normalize_routing_weights = 0: weights are the softmax over "
             "all experts, as the operator is defined, not over the chosen ones";
    return read(quantised, form, experts, reason);
  }
  return read(cast<onnx::MoEOp>(op), form, experts, reason);
}

} // namespace janus::recover
