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

} // namespace

std::optional<ReadExpert> readFused(onnx::MoEOp op, int64_t experts, std::string &reason) {
  auto stop = [&](const Twine &text) -> std::optional<ReadExpert> {
    reason = text.str();
    return std::nullopt;
  };
  auto kind = activationKind(op.getActivationType());
  if (!kind)
    return stop("activation_type = '" + op.getActivationType() + "' (JNS-ONNX-013)");
  auto trace = [](Value value) { return value ? StoredWeight::trace(value) : std::nullopt; };
  auto fc1 = trace(op.getFc1ExpertsWeights()), fc1Bias = trace(op.getFc1ExpertsBias());
  auto up = trace(op.getFc3ExpertsWeights()), upBias = trace(op.getFc3ExpertsBias());
  ReadExpert result;
  ExpertWeights &weights = result.weights;
  weights.down = trace(op.getFc2ExpertsWeights()), weights.downBias = trace(op.getFc2ExpertsBias());
  if (!fc1 || !weights.down || !fc1Bias != !op.getFc1ExpertsBias() || !weights.downBias != !op.getFc2ExpertsBias() ||
      !up != !op.getFc3ExpertsWeights() || !upBias != !op.getFc3ExpertsBias())
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

} // namespace janus::recover
