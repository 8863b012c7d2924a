// How the weights of MoE and QMoE lie, where their file does not tell.
#include "absl/strings/str_cat.h"
#include "lib/Import/ImportInternal.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using janus::onnx::Code;

namespace janus {
namespace {
ArrayRef<int64_t> shapeOf(Value value) {
  auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
  return type && type.hasStaticShape() ? type.getShape() : ArrayRef<int64_t>();
}

enum class Layout : uint8_t { kRaw, kPrepacked, kEither };

/// What shapes tell of weights without weights_prepacked: raw ones are [E, N, K/pack], those of a GPU kernel
/// [E, K, N/pack]; scales are [E, N, ...] in both. One layer that can only be one tells for all.
Layout layoutOf(onnx::QMoEOp op) {
  const int64_t bits = std::max<int64_t>(1, op.getExpertWeightBits()), pack = std::max<int64_t>(1, 8 / bits);
  bool anyRaw = false, anyPrepacked = false;
  for (auto [weight, scale] : {std::pair<Value, Value>(op.getFc1ExpertsWeights(), op.getFc1Scales()),
                               std::pair<Value, Value>(op.getFc2ExpertsWeights(), op.getFc2Scales()),
                               std::pair<Value, Value>(op.getFc3ExpertsWeights(), op.getFc3Scales())}) {
    ArrayRef<int64_t> w = shapeOf(weight), s = shapeOf(scale);
    if (!weight)
      continue;
    const bool known = w.size() == 3 && s.size() >= 2;
    const bool raw = known && w[1] == s[1], prepacked = known && s[1] % pack == 0 && w[2] == s[1] / pack;
    if (!raw && !prepacked)
      return Layout::kRaw; // and wrong, as shape inference says
    anyRaw |= raw && !prepacked, anyPrepacked |= prepacked && !raw;
  }
  return anyPrepacked ? Layout::kPrepacked : anyRaw ? Layout::kRaw : Layout::kEither;
}

void settle(onnx::QMoEOp op, const onnx::Node &node, int64_t opset, const ImportOptions &options,
            onnx::Diagnostics &diagnostics) {
  const int64_t prepacked = op.getWeightsPrepacked().value_or(0);
  const std::string cure = "that cannot be decoded; hint: re-export with weights_prepacked=0 (raw [E,N,K/pack])";
  const Layout layout = op.getWeightsPrepacked() ? Layout::kRaw : layoutOf(op);
  if (prepacked != 0)
    diagnostics.error(
        Code::QuantLayout, node, opset,
        absl::StrCat("weights_prepacked=", prepacked, " stores weights in a CUDA-specific layout ", cure));
  if (layout == Layout::kPrepacked)
    diagnostics.error(Code::QuantLayout, node, opset,
                      absl::StrCat("weights_prepacked is absent and the weights are [E, K, N/pack], a CUDA-specific "
                                   "layout ",
                                   cure));
  if (layout == Layout::kEither && !options.rawQMoE)
    diagnostics.error(Code::QuantLayout, node, opset,
                      "weights_prepacked is absent and all weights are square, so that they may be raw [E,N,K/pack] or "
                      "in a CUDA-specific layout [E,K,N/pack]; hint: --qmoe-layout=raw says that they are raw");
}

/// Weights of the old description, [E, H, f I] and [E, I, H], as the user says that they lie. Where nothing is said,
/// shape inference tells them by the width of the input (012).
void settle(onnx::MoEOp op, const ImportOptions &options) {
  ArrayRef<int64_t> first = shapeOf(op.getFc1ExpertsWeights()), second = shapeOf(op.getFc2ExpertsWeights());
  const int64_t fused = op.getActivationType() == "swiglu" && !op.getFc3ExpertsWeights() ? 2 : 1;
  if (options.expertLayout == ImportOptions::ExpertLayout::kUnknown || first.size() != 3 || second.size() != 3 ||
      first[1] != second[2] || first[2] % fused != 0 || first[2] / fused != second[1])
    return;
  OpBuilder b(op);
  auto arrange = [&](Value weight) -> Value {
    ArrayRef<int64_t> shape = shapeOf(weight);
    if (shape.size() != 3)
      return weight;
    Type unknown = onnx::UnknownType::get(op.getContext());
    if (options.expertLayout == ImportOptions::ExpertLayout::kColumns)
      return onnx::TransposeOp::create(b, op.getLoc(), unknown, weight, b.getDenseI64ArrayAttr({0, 2, 1}));
    auto type = RankedTensorType::get({3}, b.getI64Type());
    Value wanted = onnx::ConstantValueOp::create(
        b, op.getLoc(), type, DenseElementsAttr::get(type, ArrayRef<int64_t>{shape[0], shape[2], shape[1]}));
    return onnx::ReshapeOp::create(b, op.getLoc(), unknown, weight, wanted);
  };
  op.getFc1ExpertsWeightsMutable().assign(arrange(op.getFc1ExpertsWeights()));
  op.getFc2ExpertsWeightsMutable().assign(arrange(op.getFc2ExpertsWeights()));
  if (Value third = op.getFc3ExpertsWeights())
    op.getFc3ExpertsWeightsMutable().assign(arrange(third));
}
} // namespace

void settleExpertLayout(Operation *op, const onnx::Node &node, int64_t opset, const ImportOptions &options,
                        onnx::Diagnostics &diagnostics) {
  if (auto moe = dyn_cast<onnx::MoEOp>(op))
    settle(moe, options);
  if (auto moe = dyn_cast<onnx::QMoEOp>(op))
    settle(moe, node, opset, options, diagnostics);
}
} // namespace janus
