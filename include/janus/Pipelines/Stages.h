//===- Stages.h - the stages of the compiler --------------------*- C++ -*-===//
//
// One list names the stages: folders, `--from`, `--to`, `--dump-stages-to`,
// tests and documentation follow it.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_PIPELINES_STAGES_H
#define JANUS_PIPELINES_STAGES_H

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ArrayRef.h"

#include <optional>
#include <string>

namespace janus {

enum class Stage { kImport, kRecover, kPartition, kCommunicate, kSchedule, kLower, kTarget };

struct StageInfo {
  Stage stage;
  const char *name;
  const char *sentence; // what holds after it
};

/// In order.
llvm::ArrayRef<StageInfo> allStages();
const StageInfo &stageInfo(Stage stage);
/// Empty for a name that is no stage.
std::optional<Stage> parseStage(llvm::StringRef name);
/// "import, recover, ...".
std::string stageNames();

enum class Contract { kAuto, kTensor };

struct StageOptions {
  std::string gateSide = "expert"; // "expert", "attention", "auto"
  Contract contract = Contract::kAuto;
  std::string modelDirectory; // where the files with weights are; recovery reads small tables of them
  bool requireMoE = false;    // a model that is not recovered is an error
};

/// Adds the passes of a stage, its verification last. Import assumes a module that importOnnx returned; target adds
/// none (see janus/Target/Artifact.h).
void buildStage(mlir::OpPassManager &manager, Stage stage, const StageOptions &options);

} // namespace janus

#endif // JANUS_PIPELINES_STAGES_H
