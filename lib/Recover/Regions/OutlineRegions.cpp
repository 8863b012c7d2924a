#include "janus/Recover/Passes.h"
#include "lib/Recover/Regions/Causality.h"
#include "lib/Recover/Regions/RegionFunction.h"
#include "lib/Recover/RowAnalysis.h"
#include "lib/Recover/SingleTokens.h"

#include "mlir/Analysis/TopologicalSortUtils.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_OUTLINEREGIONSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::ModelInterface;
using recover::Region;
using recover::RegionFinder;
using recover::RegionFunction;

bool isStored(Operation *op) { return isa<onnx::ConstantValueOp, onnx::InitializerValueOp>(op); }

struct OutlineRegions : impl::OutlineRegionsPassBase<OutlineRegions> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    auto interface = step ? ModelInterface::read(step) : std::nullopt;
    if (!interface)
      return;
    if (step->hasAttr(recover::kSingleAttr)) { // its shapes are those of one row
      if (rows)
        step->removeAttr(recover::kSingleAttr);
      return;
    }
    functions_.clear();
    recover::RowForm form(step);
    recover::KnownValues known(step, *interface);
    RegionFinder finder(form, *interface, known, /*whole=*/!rows);
    if (!rows)
      foldOnes(step, known);
    bool any = rows ? outlineLeft(form, *interface, finder) : outlineMixing(form, *interface, known, finder);
    recover::eraseDead(step);
    if (!any)
      return;
    dropAttentions(step);
    mlir::sortTopologically(&step.front());
  }

  /// Rows times a mask that the contract says is all ones.
  static void foldOnes(func::FuncOp step, const recover::KnownValues &known) {
    for (auto product : step.front().getOps<onnx::MulOp>())
      for (auto [x, mask] : {std::pair(product.getA(), product.getB()), std::pair(product.getB(), product.getA())})
        if (!known.find(product.getC()) && x.getType() == product.getC().getType() && known.constant(mask) == 1.0)
          product.getC().replaceAllUsesWith(x);
  }

  /// Attentions that were recovered, but whose results a region computes itself, and their caches.
  static void dropAttentions(func::FuncOp step) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(step.front())))
      if (isa<moe::AttentionOp>(op) && op.use_empty())
        op.erase();
    recover::eraseDead(step);
    for (auto [cache, attention] : llvm::enumerate(step.front().getOps<moe::AttentionOp>()))
      attention.setCache(cache);
  }

  /// Operators that mix rows, one region after the other, until rows are told apart or one has no region.
  bool outlineMixing(recover::RowForm &form, const ModelInterface &interface, recover::KnownValues &known,
                     RegionFinder &finder) {
    bool any = false;
    func::FuncOp step = form.step();
    llvm::DenseSet<Operation *> tried;
    while (true) {
      const recover::RowState state = firstMixed(step, form.tokens());
      Operation *culprit = state.culprit;
      if (!culprit || !tried.insert(culprit).second || !isa<onnx::OnnxDialect>(culprit->getDialect()))
        return any;
      auto region = finder.grow(withRows(culprit, finder), /*crossed=*/true);
      if (!region) {
        (void)recover::notRecovered(reported(finder.culprit, culprit), "no region of rows around it: " + finder.reason);
        return any;
      }
      const auto *piece =
          llvm::find_if(region->operators, [](Operation *op) { return op->hasAttr(recover::kPieceAttr); });
      if (piece != region->operators.end()) {
        StringRef why = "it mixes the tokens of one call, and what it saw of those before is kept nowhere";
        if (Operation *keeps = firstRecurrence(*region); keeps && hasExperts(step) && !hasStates(step))
          return refuse(keeps, why), any;
        return (void)recover::notRecovered(*piece, why), any;
      }
      recover::Causality causality(interface, known, finder, *region);
      if (!causality.prove()) {
        if (Operation *keeps = firstRecurrence(*region); keeps && hasExperts(step))
          return refuse(keeps, ("a row may depend on later ones: " + causality.culprit->getName().getStringRef() + " " +
                                causality.reason)
                                   .str()),
                 any;
        Operation *why = firstReason(*region);
        (void)recover::notRecovered(
            why ? why : causality.culprit,
            (why ? why->getAttrOfType<StringAttr>(recover::kReasonAttr).getValue() + "; " : StringRef()) +
                "a row may depend on later ones: " + causality.culprit->getName().getStringRef() + " " +
                causality.reason);
        return any;
      }
      Operation *why = firstReason(*region);
      std::string stopped = why ? reasonOf(why) : (culprit->getName().getStringRef() + ": " + state.reason).str();
      if (!outline(form, interface, finder, *region, why ? why : culprit, stopped))
        return any;
      any = true;
    }
  }

  /// An operator whose results for later tokens need what it saw of earlier ones: an exporter that decodes with it
  /// hands that out as a state.
  static Operation *firstRecurrence(const Region &region) {
    const auto *it = llvm::find_if(region.operators, [](Operation *op) {
      return isa<onnx::ConvOp, onnx::CausalConvWithStateOp, onnx::MicrosoftCausalConvWithStateOp, onnx::CumSumOp,
                 onnx::CumProdOp, onnx::LoopOp>(op);
    });
    return it == region.operators.end() ? nullptr : *it;
  }

  static bool hasStates(func::FuncOp step) {
    return llvm::any_of(step.getArguments(),
                        [](BlockArgument argument) { return recover::inputRole(argument) == "state"; });
  }

  static bool hasExperts(func::FuncOp step) { return !step.front().getOps<moe::ExpertsOp>().empty(); }

  void refuse(Operation *op, StringRef why) {
    emitError(op->getLoc()) << "[JNS-ONNX-031] " << op->getName()
                            << ": its layer keeps a state that the model neither takes nor hands out, and " << why
                            << "; export the model with the states of its layers as inputs and outputs, or compile it "
                               "with --contract=tensor";
    signalPassFailure();
  }

  /// The operator, or where what it yields is the same for all sequences, those behind it that work on rows.
  static SmallVector<Operation *> withRows(Operation *culprit, const RegionFinder &finder) {
    llvm::SetVector<Operation *> work;
    SmallVector<Operation *> found;
    work.insert(culprit);
    for (size_t i = 0; i < work.size(); ++i) {
      Operation *op = work[i];
      bool settled = op->getNumResults() && llvm::all_of(op->getResults(), [&](Value v) {
                       return finder.edge(v) == recover::EdgeKind::kConstant;
                     });
      if (!settled)
        found.push_back(op);
      else
        for (Operation *user : op->getUsers())
          if (!finder.gone.contains(user) && !isa<onnx::ShapeOp, onnx::SizeOp>(user))
            work.insert(user);
    }
    return found;
  }

  /// The state of the first result that mixes rows; without a culprit when none does.
  static recover::RowState firstMixed(func::FuncOp step, BlockArgument tokens) {
    recover::RowAnalysis analysis(step, tokens);
    for (Value value : step.front().getTerminator()->getOperands())
      if (analysis.state(value).kind == recover::RowState::kMixed)
        return analysis.state(value);
    return {};
  }

  /// Operators that keep rows apart and that no pass took. Those that feed each other are one region.
  bool outlineLeft(recover::RowForm &form, const ModelInterface &interface, RegionFinder &finder) {
    bool any = false;
    SmallVector<Operation *> left;
    for (Operation &op : form.step().front().without_terminator())
      if (isa<onnx::OnnxDialect>(op.getDialect()) && !isStored(&op) && !isa<onnx::ShapeOp, onnx::SizeOp>(op) &&
          llvm::any_of(op.getResults(), [&](Value v) { return finder.edge(v) != recover::EdgeKind::kConstant; }))
        left.push_back(&op);
    llvm::DenseSet<Operation *> waiting(left.begin(), left.end());
    for (Operation *op : left) {
      if (finder.gone.contains(op) || isOpTriviallyDead(op))
        continue;
      auto region = finder.grow({op}, /*crossed=*/true);
      if (!region) {
        if (!op->hasAttr(recover::kReasonAttr))
          (void)recover::notRecovered(op, "no region of rows around it: " + finder.reason);
        continue;
      }
      widen(finder, *region, waiting);
      Operation *why = firstReason(*region);
      std::string stopped = reasonOf(why ? why : op);
      any |= outline(form, interface, finder, *region, why ? why : op, stopped);
    }
    return any;
  }

  /// Takes in what is left over beside the region, as long as that is possible.
  static void widen(RegionFinder &finder, Region &region, const llvm::DenseSet<Operation *> &waiting) {
    llvm::DenseSet<Operation *> refused;
    for (bool grown = true; grown;) {
      grown = false;
      SmallVector<Operation *> beside;
      auto consider = [&](Operation *op) {
        if (op && waiting.contains(op) && !finder.gone.contains(op) && !region.operators.contains(op) &&
            refused.insert(op).second)
          beside.push_back(op);
      };
      for (Value input : region.inputs)
        consider(input.getDefiningOp());
      for (Value output : region.outputs)
        for (Operation *user : output.getUsers())
          consider(user);
      for (Operation *op : beside) {
        SmallVector<Operation *> seeds(region.operators.begin(), region.operators.end());
        seeds.push_back(op);
        if (auto wider = finder.grow(seeds)) {
          region = std::move(*wider);
          grown = true;
        }
      }
    }
  }

  bool outline(recover::RowForm &form, const ModelInterface &interface, RegionFinder &finder, const Region &region,
               Operation *stoppedAt, StringRef stopped) {
    // One call for all outputs, or one for each.
    SmallVector<Region> parts;
    if (!region.crossed)
      parts.push_back(region);
    else
      for (Value output : region.outputs)
        parts.push_back(recover::sliceFor(region, output));
    std::vector<std::pair<RegionFunction, func::FuncOp>> calls;
    calls.reserve(parts.size());
    for (const Region &part : parts) {
      calls.emplace_back(RegionFunction(form, interface, finder, part, /*whole=*/!rows), func::FuncOp());
      auto &[maker, function] = calls.back();
      if (!(function = maker.build({}, functions_))) {
        (void)recover::notRecovered(reported(maker.culprit, stoppedAt), "no region of rows around it: " + maker.reason);
        return false;
      }
    }
    bool told = false;
    for (auto &[maker, function] : calls) {
      moe::SequenceOp sequence = maker.call(function);
      sequence->setLoc(stoppedAt->getLoc());
      if (!std::exchange(told, true))
        sequence->setAttr(recover::kStoppedAttr, StringAttr::get(&getContext(), stopped));
      if (!rows)
        sequence.setHistory(0);
    }
    finder.gone.insert_range(region.operators);
    if (told)
      emitRemark(stoppedAt->getLoc()) << "kept as it is, " << region.operators.size() << " operators, "
                                      << (rows ? "called with rows" : "called with all rows of its sequence") << ": "
                                      << stopped;
    return told;
  }

  static Operation *firstReason(const Region &region) {
    const auto *it = llvm::find_if(region.operators, [](Operation *op) { return op->hasAttr(recover::kReasonAttr); });
    return it == region.operators.end() ? nullptr : *it;
  }

  static std::string reasonOf(Operation *op) {
    auto reason = op->getAttrOfType<StringAttr>(recover::kReasonAttr);
    return (op->getName().getStringRef() + ": " +
            (reason ? reason.getValue() : StringRef("no pass recovers this use of the operator")))
        .str();
  }

  static Operation *reported(Operation *found, Operation *otherwise) {
    return found && isa<onnx::OnnxDialect>(found->getDialect()) ? found : otherwise;
  }

  llvm::StringMap<func::FuncOp> functions_;
};
} // namespace
} // namespace janus
