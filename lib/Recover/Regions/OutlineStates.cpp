#include "janus/Recover/Passes.h"
#include "lib/Recover/Regions/RegionFunction.h"
#include "lib/Recover/Regions/States.h"

#include "mlir/Analysis/TopologicalSortUtils.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_OUTLINESTATESPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::ModelInterface;
using recover::RegionFinder;
using recover::RegionFunction;

struct OutlineStates : impl::OutlineStatesPassBase<OutlineStates> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    auto interface = step ? ModelInterface::read(step) : std::nullopt;
    if (!interface)
      return;
    SmallVector<BlockArgument> states;
    for (BlockArgument argument : step.getArguments())
      if (recover::inputRole(argument) == "state" && !argument.use_empty())
        states.push_back(argument);
    if (!states.empty() && failed(outline(step, *interface, states)))
      step.erase();
  }

  LogicalResult outline(func::FuncOp step, const ModelInterface &interface, ArrayRef<BlockArgument> states) {
    recover::RowForm form(step);
    recover::KnownValues known(step, interface);
    RegionFinder finder(form, interface, known, /*whole=*/false);
    Operation *terminator = step.front().getTerminator();
    auto named = recover::pairByName(step, states);
    auto ordered = pairByOrder(terminator, states, named);
    llvm::StringMap<func::FuncOp> functions;
    llvm::SmallDenseSet<BlockArgument> done;
    llvm::SmallDenseSet<unsigned> renewing; // results of the model that are new states
    for (BlockArgument state : states) {
      if (done.contains(state))
        continue;
      auto region = around(finder, state, named, ordered, terminator);
      if (!region)
        return refuse(finder.culprit, finder.reason);
      SmallVector<unsigned> presents;
      if (Operation *culprit = pair(*region, named, terminator, presents, finder))
        return refuse(culprit, finder.reason);
      SmallVector<Value> values;
      for (unsigned present : presents)
        values.push_back(terminator->getOperand(present));
      RegionFunction maker(form, interface, finder, *region, /*whole=*/false);
      func::FuncOp function = maker.build(values, functions);
      if (!function)
        return refuse(maker.culprit, maker.reason);
      moe::SequenceOp sequence = maker.call(function);
      sequence->setLoc((*state.user_begin())->getLoc());
      finder.gone.insert_range(region->operators);
      done.insert_range(region->states);
      renewing.insert_range(presents);
      emitRemark(sequence.getLoc()) << "a layer with " << region->states.size() << " states of its own, "
                                    << region->operators.size() << " operators, is called once for each sequence";
    }
    SmallVector<Value> results;
    for (auto [i, value] : llvm::enumerate(terminator->getOperands()))
      if (!renewing.contains(i))
        results.push_back(value);
    terminator->setOperands(results);
    step.removeResAttrsAttr();
    step.setFunctionType(
        FunctionType::get(&getContext(), step.front().getArgumentTypes(), terminator->getOperandTypes()));
    recover::eraseDead(step);
    mlir::sortTopologically(&step.front());
    return success();
  }

  using Pairs = llvm::DenseMap<BlockArgument, unsigned>;

  /// What renews those that names do not tell: as many results of the type as states are taken in order.
  static Pairs pairByOrder(Operation *terminator, ArrayRef<BlockArgument> states, const Pairs &named) {
    Pairs pairs;
    llvm::SmallDenseSet<unsigned> taken;
    for (const auto &[state, result] : named)
      taken.insert(result);
    for (BlockArgument state : states)
      for (unsigned i = 0; i < terminator->getNumOperands() && !named.contains(state); ++i) {
        Value result = terminator->getOperand(i);
        if (isa<BlockArgument>(result) || !recover::sameState(result.getType(), state.getType()) ||
            !taken.insert(i).second)
          continue;
        pairs[state] = i;
        break;
      }
    return pairs;
  }

  /// The region of a state and of those that meet in it, with the operators that renew them.
  static std::optional<recover::Region> around(RegionFinder &finder, BlockArgument state, const Pairs &named,
                                               const Pairs &ordered, Operation *terminator) {
    llvm::SetVector<Operation *> seeds;
    llvm::SetVector<BlockArgument> states;
    states.insert(state);
    auto seed = [&](const Pairs &pairs, BlockArgument which) {
      auto it = pairs.find(which);
      Operation *renews = it == pairs.end() ? nullptr : terminator->getOperand(it->second).getDefiningOp();
      return renews && seeds.insert(renews);
    };
    auto renewedIn = [&](const recover::Region &region, BlockArgument which) {
      return llvm::any_of(terminator->getOperands(), [&](Value result) {
        return region.operators.contains(result.getDefiningOp()) &&
               recover::sameState(result.getType(), which.getType());
      });
    };
    size_t known = 0;
    while (true) {
      for (; known < states.size(); ++known) {
        for (Operation *user : states[known].getUsers())
          if (!isa<onnx::ShapeOp, onnx::SizeOp>(user))
            seeds.insert(user);
        seed(named, states[known]);
      }
      auto region = finder.grow(seeds.getArrayRef());
      if (!region)
        return std::nullopt;
      states.insert_range(region->states);
      bool more = known < states.size();
      for (BlockArgument which : region->states)
        if (!more && !named.contains(which) && !renewedIn(*region, which))
          more = seed(ordered, which);
      if (!more)
        return region;
    }
  }

  /// The result of the model that renews each state of the region: by name, else in order among those of one type.
  /// Where they do not match, the operator that shows it, with the reason in the finder.
  static Operation *pair(const recover::Region &region, const llvm::DenseMap<BlockArgument, unsigned> &named,
                         Operation *terminator, SmallVectorImpl<unsigned> &presents, RegionFinder &finder) {
    llvm::SmallDenseSet<unsigned> taken;
    for (const auto &[state, result] : named)
      taken.insert(result);
    for (BlockArgument state : region.states) {
      std::optional<unsigned> found;
      if (auto it = named.find(state); it != named.end()) {
        found = it->second;
      } else {
        for (unsigned i = 0; i < terminator->getNumOperands() && !found; ++i) {
          Value result = terminator->getOperand(i);
          if (!taken.contains(i) && region.operators.contains(result.getDefiningOp()) &&
              recover::sameState(result.getType(), state.getType()))
            found = i;
        }
      }
      if (!found || !region.operators.contains(terminator->getOperand(*found).getDefiningOp())) {
        finder.reason = "reads the input of type " + recover::describeType(state.getType()) +
                        ", and nothing it yields is the same input for later tokens";
        return *state.user_begin();
      }
      taken.insert(*found);
      presents.push_back(*found);
    }
    return nullptr;
  }

  LogicalResult refuse(Operation *op, const Twine &reason) {
    std::string text = (op->getName().getStringRef() + ": " + reason).str();
    emitRemark(op->getLoc()) << "a state cannot be carried: " << text;
    return recover::giveUp(getOperation(), op->getLoc(), text);
  }
};
} // namespace
} // namespace janus
