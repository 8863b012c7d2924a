#include "janus/Recover/Passes.h"
#include "lib/Recover/ModelInterface.h"
#include "lib/Recover/Regions/RegionFunction.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/MapVector.h"

#include <algorithm>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FINISHRECOVERYPASS
#include "lib/Recover/Passes.h.inc"

namespace {

constexpr unsigned kMaxReported = 10;

/// Why operators are left, the same for all of them.
struct Reason {
  std::string text;
  Operation *first;
  size_t count;
};

struct FinishRecovery : impl::FinishRecoveryPassBase<FinishRecovery> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Attribute refused = module->removeAttr(recover::kReasonAttr);
    auto place = dyn_cast_or_null<LocationAttr>(module->removeAttr(recover::kPlaceAttr));
    func::FuncOp step = recover::findCandidate(module);
    if (!step)
      eraseRegions({});
    if (!step)
      return report(place ? Location(place) : module.getLoc(),
                    refused ? cast<StringAttr>(refused).getValue() : "rows were not proved");

    SmallVector<Operation *> left;
    bool hasExperts = false;
    for (Operation &op : step.front()) {
      if (!isa<moe::MoEDialect>(op.getDialect()) && !isa<func::ReturnOp>(op) && !isa<UnrealizedConversionCastOp>(op))
        left.push_back(&op);
      hasExperts |= isa<moe::ExpertsOp>(op);
    }
    if (!left.empty()) {
      SmallVector<Reason> reasons = reasonsOf(left);
      report(reasons.front().first->getLoc(), reasons.front().text, ArrayRef(reasons).drop_front());
      return drop(step);
    }
    auto select = step.front().getOps<moe::SelectOp>();
    if (!hasExperts || std::distance(select.begin(), select.end()) != 1 ||
        step.getNumArguments() != recover::kStepArguments) {
      report(step.getLoc(), hasExperts ? "its inputs are used in other ways than a step's" : "it has no MoE layer");
      return drop(step);
    }
    auto model = describe(module, step);
    if (failed(model))
      return drop(step);
    if (warnOfRegions(step))
      return drop(step);
    accept(module, step, *model);
  }

  /// Says what runs as it is; true when that is an error.
  bool warnOfRegions(func::FuncOp step) {
    bool any = false;
    for (auto sequence : step.front().getOps<moe::SequenceOp>()) {
      auto stopped = dyn_cast_or_null<StringAttr>(sequence->removeAttr(recover::kStoppedAttr));
      if (!stopped)
        continue;
      any = true;
      InFlightDiagnostic diagnostic = require ? emitError(sequence.getLoc()) : emitWarning(sequence.getLoc());
      diagnostic << "[JNS-ONNX-021] an operator was not recovered: " << stopped.getValue()
                 << "; what it is part of runs as it is, "
                 << (sequence.getHistory() ? "with all rows of its sequence" : "with the rows of the step")
                 << ", on @attention";
    }
    if (any && require)
      signalPassFailure();
    return any && require;
  }

  /// Every reason once, what a pass said of an operator before what none knows.
  SmallVector<Reason> reasonsOf(ArrayRef<Operation *> left) {
    llvm::MapVector<StringAttr, Reason> reasons;
    for (bool told : {true, false})
      for (Operation *op : left)
        if (op->hasAttr(recover::kReasonAttr) == told &&
            (told || !isa<onnx::ConstantValueOp, onnx::InitializerValueOp>(op))) { // these only feed others
          std::string text = reasonOf(op);
          Reason &reason = reasons.insert({StringAttr::get(&getContext(), text), {text, op, 0}}).first->second;
          ++reason.count;
        }
    SmallVector<Reason> list;
    for (auto &[key, reason] : reasons)
      list.push_back(std::move(reason));
    if (list.empty())
      list.push_back({reasonOf(left.front()), left.front(), left.size()});
    return list;
  }

  std::string reasonOf(Operation *op) {
    if (auto reason = op->getAttrOfType<StringAttr>(recover::kReasonAttr))
      return (op->getName().getStringRef() + ": " + reason.getValue()).str();
    return (op->getName().getStringRef() + ": no pass recovers this use of the operator").str();
  }

  void report(Location loc, StringRef reason, ArrayRef<Reason> others = {}) {
    InFlightDiagnostic diagnostic = require ? emitError(loc) : emitWarning(loc);
    diagnostic << "[JNS-ONNX-021] the model was not recovered: " << reason
               << "; it stays a tensor program and cannot be partitioned";
    for (const Reason &other : others.take_front(kMaxReported)) {
      Diagnostic &note = diagnostic.attachNote(other.first->getLoc());
      note << "also left: " << other.text;
      if (other.count > 1)
        note << " (the first of " << other.count << ")";
    }
    if (others.size() > kMaxReported)
      diagnostic.attachNote(loc) << "and " << others.size() - kMaxReported << " more reasons";
    diagnostic.report();
    if (require)
      signalPassFailure();
  }

  void drop(func::FuncOp step) {
    step.erase();
    eraseRegions({});
    for (auto weight : llvm::make_early_inc_range(getOperation().getOps<moe::WeightOp>()))
      weight.erase();
  }

  /// The functions of regions but those that the step calls.
  void eraseRegions(func::FuncOp step) {
    llvm::DenseSet<StringAttr> called;
    if (step)
      for (auto sequence : step.front().getOps<moe::SequenceOp>())
        called.insert(sequence.getCalleeAttr().getAttr());
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function.isPrivate() && function != step && !called.contains(function.getSymNameAttr()))
        function.erase();
  }

  FailureOr<DictionaryAttr> describe(ModuleOp module, func::FuncOp step) {
    Builder b(&getContext());
    auto number = [&](StringRef name, int64_t value) { return b.getNamedAttr(name, b.getI64IntegerAttr(value)); };
    constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
    int64_t context = recover::configuredContext(module).value_or(kUnlimited), hidden = 0, rows = 0;
    if (auto limit = step->getAttrOfType<IntegerAttr>(recover::kLimitAttr))
      context = std::min(context, limit.getInt());
    SmallVector<Attribute> caches, layers;
    for (Operation &op : step.front()) {
      if (auto embedding = dyn_cast<moe::EmbeddingOp>(op);
          embedding && embedding.getIds() == step.getArgument(recover::kPositions)) {
        context = std::min(context, embedding.getTable().getType().getShape()[0]);
      } else if (embedding) {
        rows = embedding.getTable().getType().getShape()[0];
        hidden = embedding.getTable().getType().getShape()[1];
      } else if (auto rotary = dyn_cast<moe::RotaryOp>(op)) {
        context = std::min(context, rotary.getCos().getType().getShape()[0]);
      } else if (auto attention = dyn_cast<moe::AttentionOp>(op)) {
        caches.push_back(b.getDictionaryAttr(
            {number("kv_heads", attention.getKvHeads()), number("head_dim", attention.getHeadDim()),
             number("value_dim", attention.getValueDim()), number("window", attention.getWindow())}));
      } else if (auto route = dyn_cast<moe::RouteOp>(op)) {
        layers.push_back(b.getDictionaryAttr(
            {number("experts", route.getLogits().getType().getShape()[1]), number("k", route.getK())}));
      }
    }
    int64_t vocab = cast<RankedTensorType>(step.getResultTypes()[0]).getShape()[1];
    if (rows < vocab) {
      report(step.getLoc(), "the embedding has fewer rows than the logits have columns");
      return failure();
    }
    if (context == kUnlimited) {
      context = recover::kDefaultContext;
      emitRemark(step.getLoc()) << "nothing limits its positions; its context is " << context
                                << ", unless a config.json beside it says max_position_embeddings";
    }
    return b.getDictionaryAttr({number("vocab", vocab), number("context", context), number("hidden", hidden),
                                number("layers", caches.size()), number("page_tokens", moe::kPageTokens),
                                b.getNamedAttr("moe_layers", b.getArrayAttr(layers)),
                                b.getNamedAttr("kv_caches", b.getArrayAttr(caches))});
  }

  void accept(ModuleOp module, func::FuncOp step, DictionaryAttr model) {
    eraseRegions(step);
    step.setPublic();
    step->removeAttr(recover::kRowsAttr);
    step->removeAttr(recover::kLimitAttr);
    for (NamedAttribute attribute : llvm::to_vector(step->getDiscardableAttrs()))
      if (isa_and_nonnull<onnx::OnnxDialect>(attribute.getNameDialect()))
        step->removeDiscardableAttr(attribute.getName());
    step.removeArgAttrsAttr();
    module->setAttr(moe::kModelAttr, model);
    if (auto main = module.lookupSymbol<func::FuncOp>("main"))
      main.erase();
    for (auto initializer : llvm::make_early_inc_range(module.getOps<onnx::InitializerOp>()))
      initializer.erase();
    emitRemark(step.getLoc()) << "recovered a language model: " << model;
  }
};
} // namespace
} // namespace janus
