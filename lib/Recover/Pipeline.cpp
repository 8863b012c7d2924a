#include "janus/Recover/Passes.h"

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace janus {

#define GEN_PASS_REGISTRATION
#include "lib/Recover/Passes.h.inc"

namespace {
struct RecoverOptions : PassPipelineOptions<RecoverOptions> {
  Option<std::string> modelDir{*this, "model-dir", llvm::cl::desc("where the files with weights are")};
  Option<bool> require{*this, "require", llvm::cl::desc("a model that is not recovered is an error"),
                       llvm::cl::init(false)};
};
} // namespace

void buildRecoverPipeline(OpPassManager &manager, const std::string &modelDir, bool require) {
  manager.addPass(createBeginRecoveryPass());
  manager.addPass(createWidenFloatsPass());
  manager.addPass(createCanonicaliseGraphPass());
  manager.addPass(createFindRowsPass());
  manager.addPass(createExpandAttentionPass());
  manager.addPass(createRecoverMoEPass());
  manager.addPass(createFuseNormsPass());
  manager.addPass(createBindInterfacePass());
  manager.addPass(createOutlineStatesPass());
  ForgetPastPassOptions past;
  past.modelDir = modelDir;
  manager.addPass(createForgetPastPass(past));
  RecoverAttentionPassOptions attention;
  attention.modelDir = modelDir;
  manager.addPass(createRecoverAttentionPass(attention));
  manager.addPass(createOutlineRegionsPass());
  manager.addPass(createProveRowsPass());
  manager.addPass(createRecoverEmbeddingPass());
  manager.addPass(createRecoverLinearPass());
  manager.addPass(createRecoverNormFormulasPass());
  manager.addPass(createRecoverActivationsPass());
  manager.addPass(createRecoverNormsPass());
  manager.addPass(createRecoverLayoutPass());
  manager.addPass(createRecoverElementwisePass());
  OutlineRegionsPassOptions left;
  left.rows = true;
  manager.addPass(createOutlineRegionsPass(left));
  manager.addPass(createRewriteToRowsPass());
  manager.addPass(createMergeLinearsPass());
  manager.addPass(createFuseEpiloguesPass());
  manager.addPass(createSelectWantedPass());
  manager.addPass(createOrderStepPass());
  FinishRecoveryPassOptions options;
  options.require = require;
  manager.addPass(createFinishRecoveryPass(options));
  manager.addPass(createNumberRegionsPass());
  manager.addPass(createNameWeightsPass());
  manager.addPass(createVerifyRecoverPass());
}

void registerRecoverPasses() {
  registerRecoverStagePasses();
  PassPipelineRegistration<RecoverOptions>("janus-recover", "the recover stage: from the imported graph to the model",
                                           [](OpPassManager &manager, const RecoverOptions &options) {
                                             buildRecoverPipeline(manager, options.modelDir, options.require);
                                           });
}

} // namespace janus
