#include "janus/Partition/Passes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace janus {

#define GEN_PASS_REGISTRATION
#include "lib/Partition/Passes.h.inc"

namespace {
struct PartitionOptions : PassPipelineOptions<PartitionOptions> {
  Option<std::string> gateSide{*this, "gate-side", llvm::cl::desc("expert, attention or auto"),
                               llvm::cl::init("expert")};
};
} // namespace

void buildPartitionPipeline(OpPassManager &manager, const std::string &gateSide) {
  SelectGateSidePassOptions options;
  options.gateSide = gateSide;
  manager.addPass(createDropUnusedWeightsPass());
  manager.addPass(createSelectGateSidePass(options));
  manager.addPass(createAssignMeshesPass());
  manager.addPass(createFormFragmentsPass());
  manager.addPass(createVerifyPartitionPass());
}

void registerPartitionPasses() {
  registerPartitionStagePasses();
  PassPipelineRegistration<PartitionOptions>("janus-partition", "the partition stage: meshes, fragments, verification",
                                             [](OpPassManager &manager, const PartitionOptions &options) {
                                               buildPartitionPipeline(manager, options.gateSide);
                                             });
}

} // namespace janus
