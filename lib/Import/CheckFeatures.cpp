#include "absl/strings/str_cat.h"
#include "lib/Import/ImportInternal.h"

using namespace mlir;
using janus::onnx::Code;

namespace janus {
namespace {
void checkMoE(onnx::MoEOp op, const onnx::Node &node, int64_t opset, onnx::Diagnostics &diagnostics) {
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
  else if (op.getUseSparseMixer())
    diagnostics.error(Code::Routing, node, opset, "use_sparse_mixer=1 is not supported; supported: 0");
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
  if (op.getQNormWeight() || op.getKNormWeight())
    unsupported("a fused query/key norm (inputs 14, 15)", "export the norms as operators of their own");
  if (op.getCausal() != 1)
    unsupported(absl::StrCat("causal=", op.getCausal()), "only causal attention has a key/value cache here");
  if (op.getQkOutput() != 0 || op.getOutputQk())
    unsupported("the qk output", "drop output 3");
}
} // namespace

void checkFeatures(Operation *op, const onnx::Node &node, int64_t opset, onnx::Diagnostics &diagnostics) {
  if (auto moe = dyn_cast<onnx::MoEOp>(op))
    checkMoE(moe, node, opset, diagnostics);
  if (auto attention = dyn_cast<onnx::GroupQueryAttentionOp>(op))
    checkAttention(attention, node, opset, diagnostics);
}
} // namespace janus
