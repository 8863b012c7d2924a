#include "janus/Partition/Passes.h"
#include "lib/Partition/FragmentPlan.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FORMFRAGMENTSPASS
#include "lib/Partition/Passes.h.inc"

namespace {

/// Builds the planned fragments of one step function in front of its return.
class FragmentBuilder {
public:
  FragmentBuilder(func::FuncOp step) : block_(step.getBody().front()), builder_(block_.getTerminator()) {
    for (BlockArgument argument : block_.getArguments())
      values_.map(argument, argument);
  }

  void build(const PlannedFragment &plan) {
    llvm::SetVector<Value> inputs, outputs;
    DenseSet<Operation *> inside(plan.operations.begin(), plan.operations.end());
    SmallVector<Location> locations;
    for (Operation *op : plan.operations) {
      locations.push_back(op->getLoc());
      for (Value operand : op->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            !producer || (!inside.contains(producer) && !isa<moe::GetWeightOp>(producer)))
          inputs.insert(operand);
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !inside.contains(user); }))
          outputs.insert(result);
    }
    SmallVector<Value> operands;
    for (Value input : inputs)
      operands.push_back(values_.lookup(input));
    SmallVector<Type> types(llvm::map_range(outputs, [](Value value) { return value.getType(); }));
    auto fragment =
        dist::FragmentOp::create(builder_, locations.front(), types, plan.mesh, plan.origin, plan.layer, operands);
    fillBody(fragment, plan, inputs.getArrayRef(), outputs.getArrayRef());
    for (auto [output, result] : llvm::zip_equal(outputs, fragment.getResults()))
      values_.map(output, result);
  }

  /// Redirects the return and drops the operations that fragments replaced.
  void finish() {
    Operation *terminator = block_.getTerminator();
    for (OpOperand &operand : terminator->getOpOperands())
      operand.set(values_.lookup(operand.get()));
    SmallVector<Operation *> replaced;
    for (Operation &op : block_.without_terminator())
      if (!isa<dist::FragmentOp>(op))
        replaced.push_back(&op);
    for (Operation *op : llvm::reverse(replaced))
      op->erase();
  }

private:
  void fillBody(dist::FragmentOp fragment, const PlannedFragment &plan, ArrayRef<Value> inputs,
                ArrayRef<Value> outputs) {
    OpBuilder::InsertionGuard guard(builder_);
    Block *body = builder_.createBlock(&fragment.getBody());
    IRMapping inner;
    for (Value input : inputs)
      inner.map(input, body->addArgument(input.getType(), input.getLoc()));
    for (Operation *op : plan.operations) {
      for (Value operand : op->getOperands())
        if (!inner.contains(operand))
          builder_.clone(*operand.getDefiningOp(), inner); // a weight, read at its first use
      Operation *clone = builder_.clone(*op, inner);
      clone->removeAttr(dist::kMeshAttr);
      // The fragment's origin tells the rules; only exceptions stay on the operation.
      if (auto origin = clone->getAttrOfType<StringAttr>(dist::kOriginAttr); origin.getValue().starts_with("rule: "))
        clone->removeAttr(dist::kOriginAttr);
    }
    SmallVector<Value> results;
    for (Value output : outputs)
      results.push_back(inner.lookup(output));
    dist::YieldOp::create(builder_, fragment.getLoc(), results);
  }

  Block &block_;
  OpBuilder builder_;
  IRMapping values_; // value of the step function -> value between fragments
};

struct FormFragments : impl::FormFragmentsPassBase<FormFragments> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (StringRef mesh : {dist::kExpertMesh, dist::kAttentionMesh})
      if (!module.lookupSymbol(mesh)) {
        OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
        dist::MeshOp::create(builder, module.getLoc(), mesh);
      }
    for (auto step : module.getOps<func::FuncOp>()) {
      if (!step->hasAttr(dist::kGateSideAttr))
        continue;
      FailureOr<std::vector<PlannedFragment>> plan = planFragments(step);
      if (failed(plan))
        return signalPassFailure();
      FragmentBuilder builder(step);
      for (const PlannedFragment &fragment : *plan)
        builder.build(fragment);
      builder.finish();
    }
  }
};
} // namespace
} // namespace janus
