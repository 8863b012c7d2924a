#include "janus/Communication/Passes.h"
#include "janus/Partition/MeshAnalysis.h"
#include "lib/Communication/Schemes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_VERIFYCOMMUNICATIONPASS
#include "lib/Communication/Passes.h.inc"

namespace {

using Transfers = llvm::MapVector<int64_t, dist::DispatchOp>;

class StepChecker {
public:
  StepChecker(func::FuncOp step, RouterSide side, Transfers &transfers)
      : step_(step), side_(side), transfers_(transfers) {}

  LogicalResult run() {
    for (Operation &op : step_.getBody().front()) {
      if (auto fragment = dyn_cast<dist::FragmentOp>(op))
        checkUses(fragment, fragment.getMesh());
      else if (auto dispatch = dyn_cast<dist::DispatchOp>(op))
        check(dispatch);
      else if (auto collect = dyn_cast<dist::CollectOp>(op))
        check(collect);
      else if (auto exchange = dyn_cast<dist::ExchangeOp>(op)) {
        checkUses(exchange, dist::kAttentionMesh);
        checkSchemes(exchange, exchange.getSchemes(), traffic::Kind::kExchange);
      } else if (auto schedule = dyn_cast<dist::ScheduleOp>(op))
        checkUses(schedule, sideName());
      else if (isa<func::ReturnOp>(op))
        checkUses(&op, dist::kAttentionMesh);
      else
        fail(op.emitOpError("stands outside of any fragment"));
    }
    for (auto [id, dispatch] : open_)
      fail(dispatch.emitOpError() << "expects a janus.collect with transfer = " << id
                                  << " after it; each forward has its return");
    return failure(failed_);
  }

private:
  void fail(InFlightDiagnostic diagnostic) {
    diagnostic.report();
    failed_ = true;
  }

  /// The mesh on which the schedule, hence the router, stands.
  StringRef sideName() const { return side_ == RouterSide::kExpert ? dist::kExpertMesh : dist::kAttentionMesh; }

  StringRef meshOf(Value value) const {
    Operation *op = value.getDefiningOp();
    if (auto fragment = dyn_cast_or_null<dist::FragmentOp>(op))
      return fragment.getMesh();
    if (isa_and_nonnull<dist::DispatchOp>(op))
      return dist::kExpertMesh;
    if (isa_and_nonnull<dist::ScheduleOp>(op))
      return sideName();
    return dist::kAttentionMesh; // arguments of the step, exchange, collect
  }

  void checkUses(Operation *op, StringRef mesh) {
    for (Value operand : op->getOperands()) {
      if (meshOf(operand) == mesh)
        continue;
      InFlightDiagnostic diag = op->emitOpError() << "uses on @" << mesh << " a value that is on @" << meshOf(operand)
                                                  << "; only janus.dispatch and janus.collect cross meshes";
      if (Operation *producer = operand.getDefiningOp())
        diag.attachNote(producer->getLoc()) << "the value is made here";
      fail(std::move(diag));
    }
  }

  void checkSchemes(Operation *op, ArrayAttr schemes, traffic::Kind kind) {
    ArrayAttr known = schemesAttr(op->getContext(), kind);
    for (Attribute scheme : schemes)
      if (!llvm::is_contained(known, scheme)) {
        InFlightDiagnostic diag = op->emitOpError() << "carries a scheme that the runtime does not know: " << scheme;
        diag.attachNote() << "known are " << known;
        fail(std::move(diag));
      }
  }

  void check(dist::DispatchOp dispatch) {
    checkUses(dispatch, dist::kAttentionMesh);
    bool routed = side_ == RouterSide::kAttention;
    if (dispatch.getRouted() != routed)
      return fail(dispatch.emitOpError() << "expects a dispatch " << (routed ? "with" : "without")
                                         << " 'routed' where the gate side is '" << (routed ? "attention" : "expert")
                                         << "'");
    checkSchemes(dispatch, dispatch.getSchemes(), routed ? traffic::Kind::kRoutedDispatch : traffic::Kind::kDispatch);
    if (routed && llvm::none_of(dispatch.getValues()[1].getUsers(), [&](Operation *user) {
          auto exchange = dyn_cast<dist::ExchangeOp>(user);
          return exchange && exchange.getLayer() == dispatch.getLayer() && exchange->isBeforeInBlock(dispatch);
        }))
      fail(dispatch.emitOpError("expects a janus.exchange of its ids before it; every attention instance schedules the "
                                "whole step"));
    int64_t id = dispatch.getTransfer();
    auto [known, inserted] = transfers_.insert({id, dispatch});
    if (!inserted) {
      InFlightDiagnostic diag = dispatch.emitOpError()
                                << "expects a transfer number of its own but " << id << " is taken";
      diag.attachNote(known->second.getLoc()) << "by this dispatch";
      return fail(std::move(diag));
    }
    open_.insert({id, dispatch});
  }

  void check(dist::CollectOp collect) {
    checkUses(collect, dist::kExpertMesh);
    checkSchemes(collect, collect.getSchemes(), traffic::Kind::kReturn);
    auto dispatch = open_.find(collect.getTransfer());
    if (dispatch == open_.end())
      return fail(collect.emitOpError() << "expects a janus.dispatch with transfer = " << collect.getTransfer()
                                        << " before it, and no other collect of it");
    if (dispatch->second.getLayer() != collect.getLayer()) {
      InFlightDiagnostic diag = collect.emitOpError() << "expects layer " << dispatch->second.getLayer()
                                                      << ", that of its dispatch, but found " << collect.getLayer();
      diag.attachNote(dispatch->second.getLoc()) << "the dispatch is here";
      fail(std::move(diag));
    }
    open_.erase(dispatch);
  }

  func::FuncOp step_;
  RouterSide side_;
  Transfers &transfers_; // of the whole module
  Transfers open_;       // dispatches of this step still without a return
  bool failed_ = false;
};

struct VerifyCommunication : impl::VerifyCommunicationPassBase<VerifyCommunication> {
  void runOnOperation() override {
    Transfers transfers;
    for (func::FuncOp step : stepsOf(getOperation())) {
      FailureOr<RouterSide> side = gateSideOf(step);
      if (failed(side) || failed(StepChecker(step, *side, transfers).run()))
        signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace janus
