#include "janus/Partition/MeshAnalysis.h"
#include "janus/Schedule/Passes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_VERIFYSCHEDULEPASS
#include "lib/Schedule/Passes.h.inc"

namespace {

class StepChecker {
public:
  StepChecker(func::FuncOp step, RouterSide side) : step_(step), side_(side) {}

  LogicalResult run() {
    step_.walk([&](Operation *op) {
      if (auto experts = dyn_cast<moe::ExpertsOp>(op))
        fail(experts.emitOpError(
            "expects janus.experts over an assignment after schedule; run --janus-insert-schedule"));
      else if (auto experts = dyn_cast<dist::ExpertsOp>(op))
        check(experts);
      else if (auto schedule = dyn_cast<dist::ScheduleOp>(op))
        check(schedule);
    });
    return failure(failed_);
  }

private:
  void fail(InFlightDiagnostic diagnostic) {
    diagnostic.report();
    failed_ = true;
  }

  void check(dist::ScheduleOp schedule) {
    auto [other, inserted] = schedules_.insert({schedule.getLayer(), schedule});
    if (!inserted) {
      InFlightDiagnostic diag = schedule.emitOpError()
                                << "expects one schedule of layer " << schedule.getLayer() << " in a step";
      diag.attachNote(other->second.getLoc()) << "another is here";
      return fail(std::move(diag));
    }
    if (side_ == RouterSide::kAttention && !schedule.getIds().getDefiningOp<dist::ExchangeOp>())
      fail(schedule.emitOpError("expects the ids of the whole step, from a janus.exchange, where the gate side is "
                                "'attention'"));
  }

  /// The schedule that an assignment between fragments comes from.
  dist::ScheduleOp scheduleOf(Value assignment) const {
    if (side_ == RouterSide::kExpert)
      return assignment.getDefiningOp<dist::ScheduleOp>();
    auto dispatch = assignment.getDefiningOp<dist::DispatchOp>();
    return dispatch && dispatch.getAssignment() ? dispatch.getAssignment().getDefiningOp<dist::ScheduleOp>()
                                                : dist::ScheduleOp();
  }

  void check(dist::ExpertsOp experts) {
    auto fragment = dyn_cast<dist::FragmentOp>(experts->getParentOp());
    auto argument = dyn_cast<BlockArgument>(experts.getAssignment());
    if (!fragment || !argument)
      return fail(experts.emitOpError("expects to stand in a fragment and to get its assignment through its inputs"));
    dist::ScheduleOp schedule = scheduleOf(fragment.getInputs()[argument.getArgNumber()]);
    if (!schedule)
      return fail(experts.emitOpError() << "expects its assignment from "
                                        << (side_ == RouterSide::kExpert ? "a janus.schedule"
                                                                         : "a routed janus.dispatch that carries one"));
    uint64_t count = cast<RankedTensorType>(experts.getGate().getType()).getDimSize(0);
    if (schedule.getLayer() != experts.getLayer() || schedule.getExperts() != count) {
      InFlightDiagnostic diag = experts.emitOpError() << "expects a schedule of layer " << experts.getLayer()
                                                      << " with " << count << " experts but found layer "
                                                      << schedule.getLayer() << " with " << schedule.getExperts();
      diag.attachNote(schedule.getLoc()) << "the schedule is here";
      fail(std::move(diag));
    }
  }

  func::FuncOp step_;
  RouterSide side_;
  llvm::MapVector<int64_t, dist::ScheduleOp> schedules_;
  bool failed_ = false;
};

struct VerifySchedule : impl::VerifySchedulePassBase<VerifySchedule> {
  void runOnOperation() override {
    for (func::FuncOp step : stepsOf(getOperation())) {
      FailureOr<RouterSide> side = gateSideOf(step);
      if (failed(side) || failed(StepChecker(step, *side).run()))
        signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace janus
