#include "janus/Partition/MeshAnalysis.h"
#include "janus/Schedule/Passes.h"

#include "dialects/janus/IR/JanusOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_INSERTSCHEDULEPASS
#include "lib/Schedule/Passes.h.inc"

namespace {

/// Rewrites one expert fragment of a step.
class FragmentScheduler {
public:
  FragmentScheduler(dist::FragmentOp fragment, moe::ExpertsOp experts, dist::CollectOp collect, RouterSide side)
      : fragment_(fragment), experts_(experts), collect_(collect), side_(side), builder_(fragment),
        pairs_(RankedTensorType::get({ShapedType::kDynamic, hidden()}, builder_.getF32Type())) {}

  LogicalResult run(dist::PlacementOp placement) {
    Value x, work;
    if (side_ == RouterSide::kExpert) {
      IRMapping values = splitRouter();
      work = schedule(values.lookup(experts_.getIds()), values.lookup(experts_.getWeights()), placement);
      x = values.lookup(experts_.getX());
    } else if (failed(carryAssignment(placement, x, work))) {
      return failure();
    }
    buildExperts(x, work);
    fragment_.erase();
    return success();
  }

private:
  int64_t hidden() { return cast<RankedTensorType>(experts_.getX().getType()).getDimSize(1); }
  int64_t k() { return cast<RankedTensorType>(experts_.getIds().getType()).getDimSize(1); }

  dist::FragmentOp makeFragment(TypeRange results, ValueRange inputs) {
    return dist::FragmentOp::create(builder_, fragment_.getLoc(), results, fragment_.getMesh(),
                                    "rule: ", fragment_.getLayer(), inputs);
  }

  /// Closes the body and sets the origin from what the fragment now holds.
  void finish(dist::FragmentOp fragment, ValueRange results) {
    dist::YieldOp::create(builder_, fragment.getLoc(), results);
    std::vector<std::string> origins;
    for (Operation &op : fragment.getBlock())
      origins.push_back(originOf(&op, side_));
    fragment.setOrigin(joinOrigins(origins));
  }

  Value schedule(Value ids, Value weights, dist::PlacementOp placement) {
    auto op =
        dist::ScheduleOp::create(builder_, experts_.getLoc(), dist::AssignmentType::get(builder_.getContext()), ids,
                                 weights, placement.getLayer(), placement.getExperts(), k(), placement.getSymName());
    emitRemark(op.getLoc()) << "layer " << placement.getLayer() << ": " << placement.getExperts() << " experts, " << k()
                            << " per row, scheduled on the " << (side_ == RouterSide::kExpert ? "expert" : "attention")
                            << " side over @" << placement.getSymName();
    return op.getResult();
  }

  /// EGate: moves all but the experts into a fragment of its own. Returns, for each value of the old fragment that the
  /// experts or the schedule need, its value between fragments.
  IRMapping splitRouter() {
    IRMapping outside, inside;
    for (auto [argument, input] : llvm::zip_equal(fragment_.getBlock().getArguments(), fragment_.getInputs()))
      outside.map(argument, input);
    SmallVector<Value> results;
    for (Value value : {experts_.getIds(), experts_.getWeights(), experts_.getX()})
      if (!outside.contains(value))
        results.push_back(value);
    auto router = makeFragment(ValueRange(results).getTypes(), fragment_.getInputs());
    {
      OpBuilder::InsertionGuard guard(builder_);
      Block *body = builder_.createBlock(&router.getBody());
      for (BlockArgument argument : fragment_.getBlock().getArguments())
        inside.map(argument, body->addArgument(argument.getType(), argument.getLoc()));
      for (Operation &op : fragment_.getBlock().without_terminator())
        if (&op != experts_ && !onlyFeedsExperts(op))
          builder_.clone(op, inside);
      SmallVector<Value> yielded(llvm::map_range(results, [&](Value value) { return inside.lookup(value); }));
      finish(router, yielded);
    }
    for (auto [value, result] : llvm::zip_equal(results, router.getResults()))
      outside.map(value, result);
    return outside;
  }

  bool onlyFeedsExperts(Operation &op) {
    return isa<moe::GetWeightOp>(op) && llvm::all_of(op.getUsers(), [&](Operation *user) { return user == experts_; });
  }

  /// AGate: schedules before the dispatch, which carries the assignment instead of ids and weights.
  LogicalResult carryAssignment(dist::PlacementOp placement, Value &x, Value &work) {
    auto input = [&](Value value) -> Value {
      auto argument = dyn_cast<BlockArgument>(value);
      return argument ? Value(fragment_.getInputs()[argument.getArgNumber()]) : Value();
    };
    Value outerX = input(experts_.getX());
    auto dispatch = outerX ? outerX.getDefiningOp<dist::DispatchOp>() : nullptr;
    if (!dispatch || !dispatch.getRouted() || dispatch.getValues().size() != 3)
      return experts_.emitOpError("expects its activations, ids and weights from a routed janus.dispatch; run "
                                  "--janus-insert-transfers first");
    dist::ExchangeOp exchange;
    for (Operation *user : dispatch.getValues()[1].getUsers())
      if (auto candidate = dyn_cast<dist::ExchangeOp>(user))
        exchange = candidate;
    if (!exchange)
      return dispatch.emitOpError("expects a janus.exchange of its ids");
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPoint(dispatch);
    Value all = schedule(exchange.getResult(), dispatch.getValues()[2], placement);
    auto carried = dist::DispatchOp::create(builder_, dispatch.getLoc(), TypeRange{outerX.getType(), all.getType()},
                                            dispatch.getValues(), all, dispatch.getLayer(), dispatch.getTransfer(),
                                            true, dispatch.getSchemes());
    x = carried.getResult(0);
    work = carried.getResult(1);
    for (OpOperand &operand : fragment_.getInputsMutable())
      operand.set(x); // the old fragment is erased next; it must not hold the old dispatch
    dispatch.erase();
    return success();
  }

  void buildExperts(Value x, Value work) {
    auto result = makeFragment(pairs_, {x, work});
    OpBuilder::InsertionGuard guard(builder_);
    Block *body = builder_.createBlock(&result.getBody());
    IRMapping inside;
    Value innerX = body->addArgument(x.getType(), x.getLoc());
    Value innerWork = body->addArgument(work.getType(), work.getLoc());
    auto weight = [&](Value value) -> Value {
      if (value && !inside.contains(value))
        builder_.clone(*value.getDefiningOp(), inside);
      return value ? inside.lookup(value) : Value();
    };
    Value gate = weight(experts_.getGate()), up = weight(experts_.getUp()), down = weight(experts_.getDown());
    Value gateBias = weight(experts_.getGateBias()), upBias = weight(experts_.getUpBias());
    Value downBias = weight(experts_.getDownBias());
    auto op = dist::ExpertsOp::create(builder_, experts_.getLoc(), pairs_, innerX, innerWork, gate, up, down, gateBias,
                                      upBias, downBias, experts_.getActivation(), experts_.getWeighInput(),
                                      experts_.getLayer());
    if (Attribute origin = experts_->getAttr(dist::kOriginAttr))
      op->setAttr(dist::kOriginAttr, origin);
    finish(result, op.getResult());
    collect_.getValueMutable().set(result.getResult(0));
  }

  dist::FragmentOp fragment_;
  moe::ExpertsOp experts_;
  dist::CollectOp collect_;
  RouterSide side_;
  OpBuilder builder_;
  RankedTensorType pairs_;
};

struct InsertSchedule : impl::InsertSchedulePassBase<InsertSchedule> {
  void runOnOperation() override {
    for (func::FuncOp step : stepsOf(getOperation())) {
      FailureOr<RouterSide> side = gateSideOf(step);
      if (failed(side))
        return signalPassFailure();
      for (auto fragment : llvm::to_vector(step.getOps<dist::FragmentOp>()))
        if (failed(rewrite(fragment, *side)))
          return signalPassFailure();
    }
  }

private:
  LogicalResult rewrite(dist::FragmentOp fragment, RouterSide side) {
    auto all = fragment.getBlock().getOps<moe::ExpertsOp>();
    if (all.empty())
      return success();
    moe::ExpertsOp experts = *all.begin();
    dist::CollectOp collect;
    if (fragment.getNumResults() == 1 && fragment.getResult(0).hasOneUse())
      collect = dyn_cast<dist::CollectOp>(*fragment.getResult(0).user_begin());
    if (!collect)
      return experts.emitOpError("expects its result, and nothing else, to go to a janus.collect; run "
                                 "--janus-insert-transfers first");
    for (Value weight : {experts.getGate(), experts.getUp(), experts.getDown(), experts.getGateBias(),
                         experts.getUpBias(), experts.getDownBias()})
      if (weight && !weight.getDefiningOp<moe::GetWeightOp>())
        return experts.emitOpError("expects its weights from moe.get_weight in the same fragment");
    return FragmentScheduler(fragment, experts, collect, side).run(placementOf(experts));
  }

  /// The placement of the layer; made at the end of the module's symbols on first use.
  dist::PlacementOp placementOf(moe::ExpertsOp experts) {
    ModuleOp module = getOperation();
    std::string name = "placement_" + std::to_string(experts.getLayer());
    if (auto found = module.lookupSymbol<dist::PlacementOp>(name))
      return found;
    Operation *step = experts->getParentOfType<func::FuncOp>();
    while (step->getPrevNode() && isa<func::FuncOp>(step->getPrevNode()))
      step = step->getPrevNode();
    OpBuilder builder(step);
    int64_t count = cast<RankedTensorType>(experts.getGate().getType()).getDimSize(0);
    return dist::PlacementOp::create(builder, experts.getLoc(), name, experts.getLayer(), count);
  }
};
} // namespace
} // namespace janus
