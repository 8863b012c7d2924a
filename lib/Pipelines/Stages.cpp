#include "janus/Pipelines/Stages.h"

#include "janus/Communication/Passes.h"
#include "janus/Import/Passes.h"
#include "janus/Lowering/Passes.h"
#include "janus/Partition/Passes.h"
#include "janus/Recover/Passes.h"
#include "janus/Schedule/Passes.h"

namespace janus {

static constexpr StageInfo kStages[] = {
    {Stage::kImport, "import", "every ONNX node is an onnx op with a shape, weights are references into files"},
    {Stage::kRecover, "recover", "MoE layers and attention are moe ops over rows; what is not recovered is reported"},
    {Stage::kPartition, "partition", "every op is in a fragment on a mesh, with the origin of that choice"},
    {Stage::kCommunicate, "communicate", "every edge between meshes is a transfer with phases, messages and bytes"},
    {Stage::kSchedule, "schedule", "every expert fragment gets its work from a schedule op"},
    {Stage::kLower, "lower", "fragments are code and kernel calls, the step is a program, buffers are planned"},
    {Stage::kTarget, "target", "the artifact is on disk: code, weights, plan, manifest"},
};

llvm::ArrayRef<StageInfo> allStages() { return kStages; }

const StageInfo &stageInfo(Stage stage) { return kStages[static_cast<size_t>(stage)]; }

std::optional<Stage> parseStage(llvm::StringRef name) {
  for (const StageInfo &info : kStages)
    if (name == info.name)
      return info.stage;
  return std::nullopt;
}

std::string stageNames() {
  std::string text;
  for (const StageInfo &info : kStages)
    text += (text.empty() ? "" : ", ") + std::string(info.name);
  return text;
}

void buildStage(mlir::OpPassManager &manager, Stage stage, const StageOptions &options) {
  bool tensor = options.contract == Contract::kTensor;
  switch (stage) {
  case Stage::kImport:
    return buildImportPipeline(manager);
  case Stage::kRecover:
    return tensor ? void() : buildRecoverPipeline(manager, options.modelDirectory, options.requireMoE);
  case Stage::kPartition:
    return tensor ? void() : buildPartitionPipeline(manager, options.gateSide);
  case Stage::kCommunicate:
    return tensor ? void() : buildCommunicationPipeline(manager);
  case Stage::kSchedule:
    return tensor ? void() : buildSchedulePipeline(manager);
  case Stage::kLower:
    manager.addPass(createRecordPlanPass());
    return tensor ? buildTensorLoweringPipeline(manager) : buildLoweringPipeline(manager);
  case Stage::kTarget:
    return;
  }
}

} // namespace janus
