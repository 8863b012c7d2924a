#include "janus/Schedule/Passes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace janus {

#define GEN_PASS_REGISTRATION
#include "lib/Schedule/Passes.h.inc"

void buildSchedulePipeline(OpPassManager &manager) {
  manager.addPass(createInsertSchedulePass());
  manager.addPass(createVerifySchedulePass());
}

void registerSchedulePasses() {
  registerScheduleStagePasses();
  PassPipelineRegistration<>("janus-schedule", "the schedule stage: schedules, placements, verification",
                             buildSchedulePipeline);
}

} // namespace janus
