#include "lib/Partition/FragmentPlan.h"

#include "dialects/janus/IR/JanusOps.h"
#include "janus/Partition/MeshAnalysis.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace janus {
namespace {

struct Planner {
  std::vector<Operation *> operations; // program order
  DenseMap<Operation *, unsigned> stage;
  DenseMap<Operation *, unsigned> part; // of its stage: odd for moe.sequence, of others how many they wait for
  unsigned stages = 0, parts = 1;

  LogicalResult assignStages(func::FuncOp step) {
    for (Operation &op : step.getBody().front().without_terminator()) {
      if (isa<moe::GetWeightOp>(op))
        continue;
      auto mesh = op.getAttrOfType<StringAttr>(dist::kMeshAttr);
      if (!mesh || !op.hasAttr(dist::kOriginAttr))
        return op.emitOpError("expects janus.mesh and janus.origin; run --janus-assign-meshes first");
      unsigned parity = mesh.getValue() == dist::kExpertMesh;
      unsigned value = parity;
      for (Value operand : op.getOperands())
        if (auto found = stage.find(operand.getDefiningOp()); found != stage.end())
          value = std::max(value, found->second + (found->second % 2 != parity));
      stage[&op] = value;
      bool sequence = isa<moe::SequenceOp>(op);
      unsigned number = sequence;
      for (Value operand : op.getOperands())
        if (Operation *producer = operand.getDefiningOp(); producer && stage.contains(producer))
          if (stage.lookup(producer) == value)
            number = std::max(number, part.lookup(producer) + part.lookup(producer) % 2 + sequence);
      part[&op] = number;
      parts = std::max(parts, number + 1);
      stages = std::max(stages, value + 1);
      operations.push_back(&op);
    }
    for (Value value : step.getBody().front().getTerminator()->getOperands())
      if (value.getDefiningOp<moe::GetWeightOp>())
        return step.emitError() << "expects the results of a step to be computed but @" << step.getName()
                                << " returns a weight";
    return success();
  }

  /// Operations that some later expert stage's first input waits for: they feed an operation of the next stage.
  DenseSet<Operation *> awaited() const {
    DenseSet<Operation *> result;
    for (Operation *op : llvm::reverse(operations))
      if (llvm::any_of(op->getUsers(), [&](Operation *user) {
            auto found = stage.find(user);
            if (found == stage.end())
              return false;
            return found->second == stage.lookup(op) ? result.contains(user) : found->second == stage.lookup(op) + 1;
          }))
        result.insert(op);
    return result;
  }

  int64_t layerOf(unsigned index) const {
    for (Operation *op : operations)
      if (auto experts = dyn_cast<moe::ExpertsOp>(op); experts && stage.lookup(op) == index)
        return experts.getLayer();
    return -1;
  }

  /// Layer tag of a stage: its own experts, those it feeds, or those before it.
  int64_t tagOf(unsigned index) const {
    for (unsigned candidate : {index, index + 1, index - 1})
      if (int64_t layer = layerOf(candidate); layer >= 0)
        return layer;
    return 0;
  }
};

} // namespace

FailureOr<std::vector<PlannedFragment>> planFragments(func::FuncOp step) {
  Planner planner;
  if (failed(planner.assignStages(step)))
    return failure();
  DenseSet<Operation *> awaited = planner.awaited();
  std::vector<PlannedFragment> fragments;
  for (unsigned index = 0; index < planner.stages; ++index) {
    bool last = index + 1 == planner.stages, attention = index % 2 == 0;
    std::vector<std::vector<Operation *>> first(planner.parts), overlapped(planner.parts);
    for (Operation *op : planner.operations)
      if (planner.stage.lookup(op) == index)
        (attention && !last && !awaited.contains(op) ? overlapped : first)[planner.part.lookup(op)].push_back(op);
    auto add = [&](std::vector<Operation *> operations) {
      std::vector<std::string> origins;
      for (Operation *op : operations)
        origins.push_back(op->getAttrOfType<StringAttr>(dist::kOriginAttr).str());
      fragments.push_back({attention ? dist::kAttentionMesh : dist::kExpertMesh, joinOrigins(origins),
                           planner.tagOf(index), std::move(operations)});
    };
    for (const auto &parts : {first, overlapped})
      for (const auto &[number, operations] : llvm::enumerate(parts)) {
        if (number % 2)
          for (Operation *sequence : operations)
            add({sequence});
        else if (!operations.empty())
          add(operations);
      }
  }
  return fragments;
}

} // namespace janus
