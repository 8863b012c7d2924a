#include "janus/Communication/Passes.h"
#include "janus/Partition/MeshAnalysis.h"
#include "lib/Communication/Schemes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_INSERTTRANSFERSPASS
#include "lib/Communication/Passes.h.inc"

namespace {
struct InsertTransfers : impl::InsertTransfersPassBase<InsertTransfers> {
  void runOnOperation() override {
    int64_t transfer = 0; // unique in the module: both gate sides share one list in the manifest
    for (func::FuncOp step : stepsOf(getOperation())) {
      FailureOr<RouterSide> side = gateSideOf(step);
      if (failed(side))
        return signalPassFailure();
      for (auto fragment : llvm::to_vector(step.getOps<dist::FragmentOp>()))
        if (fragment.getMesh() == dist::kExpertMesh && failed(connect(fragment, *side, transfer++)))
          return signalPassFailure();
    }
  }

private:
  /// What crosses, in the order of the dispatch: activations or activations, ids, weights.
  static FailureOr<SmallVector<unsigned>> crossing(dist::FragmentOp fragment, RouterSide side) {
    if (side == RouterSide::kExpert) {
      if (fragment.getInputs().size() == 1)
        return SmallVector<unsigned>{0};
      return fragment.emitOpError() << "expects one value to cross from @attention but found "
                                    << fragment.getInputs().size() << "; --janus-verify-partition tells why";
    }
    auto experts = fragment.getBlock().getOps<moe::ExpertsOp>();
    SmallVector<unsigned> order;
    if (!experts.empty())
      for (Value value : {(*experts.begin()).getX(), (*experts.begin()).getIds(), (*experts.begin()).getWeights()})
        if (auto argument = dyn_cast<BlockArgument>(value))
          order.push_back(argument.getArgNumber());
    if (order.size() == 3 && fragment.getInputs().size() == 3)
      return order;
    return fragment.emitOpError("expects activations, ids and weights, and nothing else, to cross from @attention; "
                                "--janus-verify-partition tells why");
  }

  LogicalResult connect(dist::FragmentOp fragment, RouterSide side, int64_t transfer) {
    for (Value input : fragment.getInputs())
      if (input.getDefiningOp<dist::DispatchOp>())
        return fragment.emitOpError("has its transfers already; --janus-insert-transfers runs once");
    FailureOr<SmallVector<unsigned>> order = crossing(fragment, side);
    if (failed(order))
      return failure();
    if (fragment.getNumResults() != 1)
      return fragment.emitOpError() << "expects one result to come back but found " << fragment.getNumResults();
    SmallVector<Value> values;
    Operation *producer = nullptr; // the last one in program order
    for (unsigned index : *order) {
      values.push_back(fragment.getInputs()[index]);
      Operation *op = values.back().getDefiningOp();
      if (op && (!producer || producer->isBeforeInBlock(op)))
        producer = op;
    }
    if (!producer)
      return fragment.emitOpError("expects its inputs to come from a fragment on @attention");

    bool routed = side == RouterSide::kAttention;
    int64_t layer = fragment.getLayer();
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(producer);
    Location loc = fragment.getLoc();
    auto schemes = [&](traffic::Kind kind) { return schemesAttr(&getContext(), kind); };
    if (routed)
      dist::ExchangeOp::create(builder, loc, values[1].getType(), values[1], layer, schemes(traffic::Kind::kExchange));
    ArrayAttr forward = schemes(routed ? traffic::Kind::kRoutedDispatch : traffic::Kind::kDispatch);
    auto dispatch = dist::DispatchOp::create(builder, loc, ValueRange(values).getTypes(), values, Value(), layer,
                                             transfer, routed, forward);
    for (auto [index, result] : llvm::zip_equal(*order, dispatch.getResults()))
      fragment.getInputsMutable()[index].set(result);

    builder.setInsertionPointAfter(fragment);
    Value result = fragment.getResult(0);
    auto collect = dist::CollectOp::create(builder, loc, result.getType(), result, layer, transfer,
                                           schemes(traffic::Kind::kReturn));
    result.replaceAllUsesExcept(collect.getResult(), collect);

    InFlightDiagnostic remark = emitRemark(loc);
    remark << "layer " << layer << ", transfer " << transfer << ": " << (routed ? "routed " : "") << "dispatch of ";
    llvm::interleaveComma(ValueRange(values).getTypes(), remark);
    remark << ", return of " << result.getType() << "; schemes ";
    llvm::interleaveComma(forward.getAsRange<dist::SchemeAttr>(), remark,
                          [&](dist::SchemeAttr scheme) { remark << scheme.getName(); });
    return success();
  }
};
} // namespace
} // namespace janus
