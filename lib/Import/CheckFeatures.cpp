#include "absl/strings/str_cat.h"
#include "lib/Import/ImportInternal.h"

using namespace mlir;
using janus::onnx::Code;

namespace janus {
namespace {
/// What MoE and QMoE have in common.
template <typename Op> void checkExperts(Op op, const onnx::Node &node, int64_t opset, onnx::Diagnostics &diagnostics) {
  std::string activation = op.getActivationType().str();
  int64_t fusion = op.getSwigluFusion();
  if (!llvm::is_contained({"relu", "gelu", "silu", "swiglu", "identity"}, activation))
    diagnostics.error(
        Code::Activation, node, opset,
        absl::StrCat("activation_type; found '", activation, "'; supported: relu, gelu, silu, swiglu, identity"));
  if (fusion < 0 || fusion > 2)
    diagnostics.error(Code::Activation, node, opset,
                      absl::StrCat("swiglu_fusion; found ", fusion, "; supported: 0, 1, 2"));
  if (activation == "swiglu" && fusion == 0 && !op.getFc3ExpertsWeights())
    diagnostics.warning(Code::Activation, node, opset,
                        "swiglu_fusion=0 without fc3: treated as interleaved, as swiglu_fusion=1");
  if (op.getUseSparseMixer() && op.getK() != 2)
    diagnostics.error(Code::Routing, node, opset,
                      absl::StrCat("k=", op.getK(), " with use_sparse_mixer=1 (only k=2 defined)"));
}

void checkQMoE(onnx::QMoEOp op, const onnx::Node &node, int64_t opset, onnx::Diagnostics &diagnostics) {
  if (op.getQuantType() != "int")
    diagnostics.error(Code::QuantType, node, opset,
                      absl::StrCat("quant_type; found '", op.getQuantType().str(),
                                   "'; supported: int with expert_weight_bits 4 or 8"));
  if (!llvm::is_contained({2, 4, 8}, op.getExpertWeightBits()))
    diagnostics.error(Code::QuantType, node, opset,
                      absl::StrCat("expert_weight_bits; found ", op.getExpertWeightBits(), "; supported: 2, 4, 8"));
  for (mlir::Value scale :
       {op.getFc1GlobalScale(), op.getFc2GlobalScale(), op.getFc1ActivationScale(), op.getFc2ActivationScale(),
        op.getFc1ActivationBlockScale(), op.getFc2ActivationBlockScale()})
    if (scale)
      return diagnostics.error(Code::QuantType, node, opset,
                               "global and activation scales (inputs 15 to 20) are not supported; hint: export with "
                               "quant_type=int");
}

void checkAttention(onnx::GroupQueryAttentionOp op, const onnx::Node &node, int64_t opset,
                    onnx::Diagnostics &diagnostics) {
  auto unsupported = [&](const std::string &what, const std::string &hint) {
    diagnostics.error(Code::Attention, node, opset, absl::StrCat(what, " is not supported; hint: ", hint));
  };
  for (auto [name, value] :
       {std::pair("k_quant_type", op.getKQuantType()), std::pair("v_quant_type", op.getVQuantType())})
    if (value != "NONE")
      unsupported(absl::StrCat(name, "=", value.str()), "export with a float key/value cache");
  if (op.getKvCacheBitWidth() != 0)
    unsupported(absl::StrCat("kv_cache_bit_width=", op.getKvCacheBitWidth()), "export with a float key/value cache");
  if (op.getKScale() || op.getVScale())
    unsupported("a quantised key/value cache (inputs 12, 13)", "export with a float key/value cache");
  if (op.getQkOutput() > 2)
    diagnostics.error(Code::Attention, node, opset,
                      absl::StrCat("qk_output; found ", op.getQkOutput(), "; supported: 0, 1, 2"));
  if (op.getSlidingWindowCache() && op.getOutputQk())
    unsupported("the qk output with sliding_window_cache=1", "drop output 3");
}
} // namespace

void checkFeatures(Operation *op, const onnx::Node &node, int64_t opset, onnx::Diagnostics &diagnostics) {
  if (auto moe = dyn_cast<onnx::MoEOp>(op))
    checkExperts(moe, node, opset, diagnostics);
  if (auto moe = dyn_cast<onnx::QMoEOp>(op)) {
    checkExperts(moe, node, opset, diagnostics);
    checkQMoE(moe, node, opset, diagnostics);
  }
  if (auto attention = dyn_cast<onnx::GroupQueryAttentionOp>(op))
    checkAttention(attention, node, opset, diagnostics);
  if (auto attention = dyn_cast<onnx::MultiHeadAttentionOp>(op))
    if (attention.getPastSequenceLength() || attention.getCacheIndirection())
      diagnostics.error(Code::Attention, node, opset,
                        "past_sequence_length and cache_indirection (inputs 8, 9) are not supported; hint: export "
                        "without a shared key/value buffer");
}
} // namespace janus
