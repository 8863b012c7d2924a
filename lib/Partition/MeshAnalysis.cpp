#include "janus/Partition/MeshAnalysis.h"

#include "dialects/janus/IR/JanusOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus {

SmallVector<func::FuncOp> stepsOf(ModuleOp module) {
  SmallVector<func::FuncOp> steps;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isPrivate())
      steps.push_back(function);
  return steps;
}

FailureOr<RouterSide> gateSideOf(func::FuncOp step) {
  auto side = step->getAttrOfType<StringAttr>(dist::kGateSideAttr);
  if (side && side.getValue() == "expert")
    return RouterSide::kExpert;
  if (side && side.getValue() == "attention")
    return RouterSide::kAttention;
  step.emitError() << "expects the attribute janus.gate_side = \"expert\" or \"attention\" on @" << step.getName()
                   << (side ? " but found '" + side.getValue().str() + "'" : std::string(" but found none"))
                   << "; --janus-select-gate-side sets it";
  return failure();
}

/// True when every use of `op` ends in moe.route without passing another linear layer.
static bool onlyFeedsRoute(Operation *op) {
  if (op->use_empty())
    return false;
  return llvm::all_of(op->getUsers(), [](Operation *user) {
    if (isa<moe::RouteOp>(user))
      return true;
    return isa<moe::AddOp, moe::ColumnsOp, moe::ActivateOp>(user) && onlyFeedsRoute(user);
  });
}

bool isRouter(Operation *op) {
  if (isa<moe::RouteOp>(op))
    return true;
  if (auto linear = dyn_cast<moe::LinearOp>(op); linear && linear.getRouter())
    return true;
  return isa<moe::LinearOp, moe::AddOp, moe::ColumnsOp, moe::ActivateOp>(op) && onlyFeedsRoute(op);
}

static MeshChoice routerChoice(RouterSide side, const char *prefix) {
  if (side == RouterSide::kExpert)
    return {dist::kExpertMesh, std::string(prefix) + "router (EGate)"};
  return {dist::kAttentionMesh, std::string(prefix) + "router (AGate)"};
}

FailureOr<MeshChoice> ruleFor(Operation *op, RouterSide side) {
  if (isa<moe::ExpertsOp, dist::ExpertsOp>(op))
    return MeshChoice{dist::kExpertMesh, "rule: routed experts"};
  if (isRouter(op)) {
    auto linear = dyn_cast<moe::LinearOp>(op);
    bool named = isa<moe::RouteOp>(op) || (linear && linear.getRouter());
    return routerChoice(side, named ? "rule: " : "inferred: feeds the ");
  }
  if (isa<moe::EmbeddingOp, moe::NormOp, moe::LinearOp, moe::ColumnsOp, moe::ArrangeOp, moe::RotaryOp, moe::AttentionOp,
          moe::AddOp, moe::ActivateOp, moe::GateOp, moe::MapOp, moe::CombineOp, moe::SelectOp, moe::SequenceOp>(op))
    return MeshChoice{dist::kAttentionMesh, "rule: " + op->getName().stripDialect().str()};
  return failure();
}

FailureOr<MeshAnalysis> MeshAnalysis::compute(func::FuncOp step) {
  FailureOr<RouterSide> side = gateSideOf(step);
  if (failed(side))
    return failure();
  MeshAnalysis analysis;
  int errors = 0;
  for (Operation &op : step.getBody().front().without_terminator()) {
    if (isa<moe::GetWeightOp>(op))
      continue;
    auto mesh = op.getAttrOfType<StringAttr>(dist::kMeshAttr);
    auto origin = op.getAttrOfType<StringAttr>(dist::kOriginAttr);
    if (mesh && (!origin || origin.getValue() == "user")) {
      if (mesh.getValue() == dist::kAttentionMesh || mesh.getValue() == dist::kExpertMesh) {
        analysis.choices_[&op] = {mesh.getValue(), "user"};
        continue;
      }
      op.emitOpError() << "expects janus.mesh = \"attention\" or \"expert\" but found \"" << mesh.getValue() << "\"";
      ++errors;
      continue;
    }
    FailureOr<MeshChoice> rule = ruleFor(&op, *side);
    if (succeeded(rule)) {
      analysis.choices_[&op] = *rule;
      continue;
    }
    op.emitOpError("has no rule that says where it runs; set janus.mesh = \"attention\" or \"expert\" on it");
    if (++errors == 10)
      return failure();
  }
  if (errors)
    return failure();
  return analysis;
}

std::string originOf(Operation *op, RouterSide side) {
  if (auto origin = op->getAttrOfType<StringAttr>(dist::kOriginAttr))
    return origin.str();
  FailureOr<MeshChoice> rule = ruleFor(op, side);
  return succeeded(rule) ? rule->origin : std::string();
}

std::string joinOrigins(ArrayRef<std::string> origins) {
  llvm::SetVector<StringRef> rules, inferred;
  bool user = false;
  for (StringRef origin : origins) {
    if (origin.empty())
      continue;
    if (origin.consume_front("rule: "))
      rules.insert(origin);
    else if (origin.consume_front("inferred: "))
      inferred.insert(origin);
    else
      user = true;
  }
  llvm::SmallVector<std::string> parts;
  if (user)
    parts.push_back("user");
  if (!rules.empty())
    parts.push_back("rule: " + llvm::join(rules, ", "));
  if (!inferred.empty())
    parts.push_back("inferred: " + llvm::join(inferred, ", "));
  return llvm::join(parts, "; ");
}

} // namespace janus
