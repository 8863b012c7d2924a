#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/StoredWeight.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERMOEPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::notRecovered;
using recover::RowForm;
using recover::StoredWeight;

/// The experts' weights by their meaning: gate, up [E, I, H], down [E, H, I], biases [E, I], [E, I], [E, H].
struct Experts {
  std::optional<StoredWeight> gate, up, down, gateBias, upBias, downBias;
};

std::optional<moe::ActivationKind> activationKind(StringRef type) {
  return llvm::StringSwitch<std::optional<moe::ActivationKind>>(type)
      .Case("swiglu", moe::ActivationKind::swiglu)
      .Case("silu", moe::ActivationKind::silu)
      .Case("gelu", moe::ActivationKind::gelu_tanh) // ONNX Runtime's MoE computes the tanh form
      .Case("relu", moe::ActivationKind::relu)
      .Case("identity", moe::ActivationKind::identity)
      .Default(std::nullopt);
}

struct RecoverMoE : impl::RecoverMoEPassBase<RecoverMoE> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    int64_t layer = 0;
    for (auto op : llvm::make_early_inc_range(step.front().getOps<onnx::MoEOp>()))
      if (succeeded(rewrite(form, op, layer)))
        ++layer;
  }

  /// Gate and up out of the first projection, [E, f I, ...] with f = 2.
  void cut(const StoredWeight &fused, bool interleaved, std::optional<StoredWeight> &gate,
           std::optional<StoredWeight> &up) {
    int64_t rows = fused.shape()[1] / 2;
    gate = interleaved ? fused.slice(1, 0, 2, rows) : fused.slice(1, 0, 1, rows);
    up = interleaved ? fused.slice(1, 1, 2, rows) : fused.slice(1, rows, 1, rows);
  }

  FailureOr<Experts> traceExperts(onnx::MoEOp op, bool swiglu, int64_t experts, int64_t hidden) {
    auto trace = [](Value value) { return value ? StoredWeight::trace(value) : std::nullopt; };
    auto fc1 = trace(op.getFc1ExpertsWeights()), fc1Bias = trace(op.getFc1ExpertsBias());
    Experts result;
    result.down = trace(op.getFc2ExpertsWeights()), result.downBias = trace(op.getFc2ExpertsBias());
    auto up = trace(op.getFc3ExpertsWeights()), upBias = trace(op.getFc3ExpertsBias());
    if (!fc1 || !result.down || !fc1Bias != !op.getFc1ExpertsBias() || !result.downBias != !op.getFc2ExpertsBias() ||
        !up != !op.getFc3ExpertsWeights() || !upBias != !op.getFc3ExpertsBias())
      return notRecovered(op, "its weights are no constants");
    if (fc1->shape().size() != 3 || result.down->shape().size() != 3)
      return notRecovered(op, "its weights have not three dimensions");
    int64_t intermediate = result.down->shape()[2], fused = swiglu && !up ? 2 : 1;
    auto is = [](const std::optional<StoredWeight> &weight, ArrayRef<int64_t> shape) {
      return !weight || weight->shape() == shape;
    };
    if (!is(fc1, {experts, fused * intermediate, hidden}) || !is(result.down, {experts, hidden, intermediate}) ||
        !is(up, {experts, intermediate, hidden}) || !is(fc1Bias, {experts, fused * intermediate}) ||
        !is(upBias, {experts, intermediate}) || !is(result.downBias, {experts, hidden}))
      return notRecovered(
          op, "weights and biases do not have the shapes [E, f I, H], [E, H, I], [E, I, H], [E, f I], [E, H], "
              "[E, I] (JNS-ONNX-012)");
    if (upBias && !up)
      return notRecovered(op, "a third bias without third weights");
    if (fused == 1) {
      result.gate = fc1, result.gateBias = fc1Bias, result.up = up, result.upBias = upBias;
      return result;
    }
    bool interleaved = op.getSwigluFusion() != 2;
    if (op.getSwigluFusion() == 0)
      emitWarning(op.getLoc()) << "[JNS-ONNX-013] swiglu_fusion = 0 without third weights: treated as interleaved";
    cut(*fc1, interleaved, result.gate, result.up);
    if (fc1Bias)
      cut(*fc1Bias, interleaved, result.gateBias, result.upBias);
    return result;
  }

  LogicalResult rewrite(const RowForm &form, onnx::MoEOp op, int64_t layer) {
    auto kind = activationKind(op.getActivationType());
    if (!kind)
      return notRecovered(op, "activation_type = '" + op.getActivationType() + "' (JNS-ONNX-013)");
    if (op.getUseSparseMixer())
      return notRecovered(op, "use_sparse_mixer");
    OpBuilder builder(op);
    Value x = form.toRows(builder, op.getInput()), logits = form.toRows(builder, op.getRouterProbs());
    auto router = logits ? logits.getDefiningOp<moe::LinearOp>() : nullptr;
    if (!x || !router || router.getRouter() || router.getResidual())
      return notRecovered(op, "its router logits are not those of a linear layer of its own");
    int64_t experts = cast<RankedTensorType>(logits.getType()).getShape()[1];
    int64_t hidden = cast<RankedTensorType>(x.getType()).getShape()[1], k = op.getK();
    if (k < 1 || k > experts)
      return notRecovered(op, "k = " + Twine(k) + " of " + Twine(experts) + " experts (JNS-ONNX-014)");
    auto weights = traceExperts(op, *kind == moe::ActivationKind::swiglu, experts, hidden);
    if (failed(weights))
      return failure();

    IntegerAttr number = builder.getI64IntegerAttr(layer);
    router.setRouter(true);
    router.setLayerAttr(number);
    auto ranks = [&](Type element) { return RankedTensorType::get({ShapedType::kDynamic, k}, element); };
    auto route = moe::RouteOp::create(builder, op.getLoc(), ranks(builder.getI32Type()), ranks(builder.getF32Type()),
                                      logits, Value(), builder.getI64IntegerAttr(k),
                                      moe::ScoreAttr::get(&getContext(), moe::Score::softmax),
                                      builder.getBoolAttr(op.getNormalizeRoutingWeights() != 0),
                                      builder.getF32FloatAttr(0.0f), builder.getF32FloatAttr(1.0f), number);
    auto put = [&](const std::optional<StoredWeight> &weight) {
      return weight ? weight->materialise(builder, form.step()) : Value();
    };
    bool swiglu = *kind == moe::ActivationKind::swiglu;
    float limit = op.getSwigluLimit() ? op.getSwigluLimit()->convertToFloat() : std::numeric_limits<float>::infinity();
    auto activation =
        swiglu ? moe::ActivationAttr::get(&getContext(), *kind, op.getActivationAlpha().convertToFloat(),
                                          op.getActivationBeta().convertToFloat(), limit)
               : moe::ActivationAttr::get(&getContext(), *kind, 1.0f, 0.0f, std::numeric_limits<float>::infinity());
    Value gate = put(weights->gate), up = put(weights->up), down = put(weights->down),
          gateBias = put(weights->gateBias), upBias = put(weights->upBias), downBias = put(weights->downBias);
    auto pairs = RankedTensorType::get({ShapedType::kDynamic, k, hidden}, builder.getF32Type());
    Value y = moe::ExpertsOp::create(builder, op.getLoc(), pairs, x, route.getIds(), route.getWeights(), gate, up, down,
                                     gateBias, upBias, downBias, activation, number);
    Value sum = moe::CombineOp::create(builder, op.getLoc(), form.rowsType(hidden), y, Value(), Value());
    op.getOutput().replaceAllUsesWith(form.fromRows(builder, sum, op.getOutput().getType()));
    op.erase();
    return success();
  }
};
} // namespace
} // namespace janus
