#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace janus {

#define GEN_PASS_REGISTRATION
#include "lib/Import/Passes.h.inc"

void buildImportPipeline(mlir::OpPassManager &manager) {
  manager.addPass(createInlineConstants());
  manager.addPass(createFoldCasts());
  manager.addPass(createFoldControlFlow());
  manager.addPass(createInferShapes());
  manager.addPass(createVerifyImport());
}

void registerImportPasses() {
  registerImportStagePasses();
  mlir::PassPipelineRegistration<>(
      "janus-import", "what follows reading a model: constants, casts, shapes, verification", buildImportPipeline);
}
} // namespace janus
