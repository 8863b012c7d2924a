#include "janus/Communication/Passes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace janus {

#define GEN_PASS_REGISTRATION
#include "lib/Communication/Passes.h.inc"

void buildCommunicationPipeline(OpPassManager &manager) {
  manager.addPass(createInsertTransfersPass());
  manager.addPass(createVerifyCommunicationPass());
}

void registerCommunicationPasses() {
  registerCommunicationStagePasses();
  PassPipelineRegistration<>("janus-communicate", "the communicate stage: transfers, verification",
                             buildCommunicationPipeline);
}

} // namespace janus
