#include "janus/Partition/MeshAnalysis.h"
#include "janus/Partition/Passes.h"

#include "dialects/janus/IR/JanusOps.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_VERIFYPARTITIONPASS
#include "lib/Partition/Passes.h.inc"

namespace {

/// Checks one step function; reports every violation it finds.
class StepChecker {
public:
  StepChecker(func::FuncOp step, RouterSide side) : step_(step), side_(side) {}

  LogicalResult run() {
    for (Operation &op : step_.getBody().front().without_terminator()) {
      if (auto fragment = dyn_cast<dist::FragmentOp>(op))
        check(fragment);
      else
        fail(&op, "stands outside of any fragment; run --janus-form-fragments");
    }
    for (Value value : step_.getBody().front().getTerminator()->getOperands())
      if (isExpert(value.getDefiningOp()))
        fail(value.getDefiningOp(), "returns a result of the step from the expert side; the step's results leave from "
                                    "the attention side");
    return failure(failed_);
  }

private:
  static bool isExpert(Operation *op) {
    auto fragment = dyn_cast_or_null<dist::FragmentOp>(op);
    return fragment && fragment.getMesh() == dist::kExpertMesh;
  }

  void fail(Operation *op, const Twine &message, Operation *note = nullptr, const Twine &noteText = "") {
    InFlightDiagnostic diag = op->emitOpError(message);
    if (note)
      diag.attachNote(note->getLoc()) << noteText;
    failed_ = true;
  }

  void check(dist::FragmentOp fragment) {
    bool expert = isExpert(fragment);
    for (Operation &op : fragment.getBlock()) {
      auto linear = dyn_cast<moe::LinearOp>(op);
      bool router = isa<moe::RouteOp>(op) || (linear && linear.getRouter());
      if (router && expert != (side_ == RouterSide::kExpert))
        fail(&op, Twine("expects the router on @") + (expert ? "attention" : "expert") + " but found it on @" +
                      fragment.getMesh() + "; the gate side is '" + (expert ? "attention" : "expert") + "'");
    }
    if (expert)
      checkExpert(fragment);
    else
      checkAttention(fragment);
  }

  void checkExpert(dist::FragmentOp fragment) {
    for (auto sequence : fragment.getBlock().getOps<moe::SequenceOp>())
      fail(sequence, "expects @attention, which knows which rows are of one sequence, but found it on @expert");
    SmallVector<moe::ExpertsOp> experts(fragment.getBlock().getOps<moe::ExpertsOp>());
    if (experts.size() != 1)
      return fail(fragment, "expects the routed experts of one layer in an expert fragment but found " +
                                Twine(experts.size()) + "; a janus.mesh = \"expert\" elsewhere causes this");
    if (fragment.getLayer() != static_cast<uint64_t>(layers_) || experts[0].getLayer() != fragment.getLayer())
      fail(fragment, "expects layer " + Twine(layers_) + ", the next one, but found layer " +
                         Twine(static_cast<int64_t>(fragment.getLayer())));
    ++layers_;
    SmallVector<Value> expected; // the experts' own inputs, where they come from outside
    for (Value value : {experts[0].getX(), experts[0].getIds(), experts[0].getWeights()})
      expected.push_back(value);
    for (auto [index, input] : llvm::enumerate(fragment.getInputs())) {
      Operation *producer = input.getDefiningOp();
      if (!producer)
        fail(fragment, "takes an argument of the step directly; rows enter on the attention side");
      else if (isExpert(producer))
        fail(fragment, "takes a value of another expert fragment", producer, "that fragment is here");
    }
    size_t crossing = fragment.getInputs().size(), wanted = side_ == RouterSide::kExpert ? 1 : 3;
    if (crossing != wanted)
      fail(fragment, "expects " + Twine(wanted) +
                         (wanted == 1 ? " value (the activations)" : " values (activations, ids, weights)") +
                         " to cross from @attention but found " + Twine(crossing) +
                         "; the residual stream stays with attention");
    else if (side_ == RouterSide::kAttention &&
             llvm::any_of(expected, [](Value value) { return !isa<BlockArgument>(value); }))
      fail(experts[0], "expects activations, ids and weights from @attention, unchanged");
    auto yielded = fragment.getYield().getResults();
    if (yielded.size() != 1 || yielded[0] != experts[0].getResult())
      fail(fragment,
           "expects the experts' output, and nothing else, to come back; found " + Twine(yielded.size()) + " results");
  }

  void checkAttention(dist::FragmentOp fragment) {
    auto sequences = fragment.getBlock().getOps<moe::SequenceOp>();
    auto others = llvm::count_if(fragment.getBlock().without_terminator(),
                                 [](Operation &op) { return !isa<moe::GetWeightOp>(op); });
    if (!sequences.empty() && others != 1)
      fail(*sequences.begin(), "expects a fragment of its own but found it beside " + Twine(others - 1) +
                                   " other operations; it is called for each sequence");
    for (Operation &op : fragment.getBlock())
      if (isa<moe::ExpertsOp>(op))
        fail(&op, "expects routed experts on @expert but found them on @" + fragment.getMesh());
  }

  func::FuncOp step_;
  RouterSide side_;
  int64_t layers_ = 0;
  bool failed_ = false;
};

struct VerifyPartition : impl::VerifyPartitionPassBase<VerifyPartition> {
  void runOnOperation() override {
    bool found = false;
    for (func::FuncOp step : stepsOf(getOperation())) {
      found = true;
      FailureOr<RouterSide> side = gateSideOf(step);
      if (failed(side) || failed(StepChecker(step, *side).run()))
        signalPassFailure();
    }
    if (!found) {
      getOperation().emitError("expects a step function; run --janus-select-gate-side");
      signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace janus
