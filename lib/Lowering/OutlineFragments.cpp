#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"

#include "dialects/janus/IR/JanusOps.h"
#include "dialects/moe/IR/MoEOps.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_OUTLINEFRAGMENTSPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;

struct OutlineFragments : impl::OutlineFragmentsPassBase<OutlineFragments> {
  /// Text of a function without its name -> the function.
  llvm::StringMap<func::FuncOp> known;
  llvm::StringMap<int64_t> counts;

  void runOnOperation() override {
    known.clear();
    counts.clear();
    for (auto step : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (step->hasAttr("janus.gate_side") && failed(outlineStep(step)))
        return signalPassFailure();
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function.isPrivate() && !function->hasAttr(kRole))
        function.erase(); // its copy is called
  }

  LogicalResult outlineStep(func::FuncOp step) {
    if (step.getNumArguments() != 3)
      return step.emitError("expects the arguments ids, positions and wanted but found ")
             << step.getNumArguments() << " arguments";
    RowSymbols symbols;
    symbols.set(step.getArgument(0), abi::kRows);
    symbols.set(step.getArgument(1), abi::kRows);
    symbols.set(step.getArgument(2), abi::kWanted);
    for (Operation &op : llvm::make_early_inc_range(step.getBody().front())) {
      if (auto fragment = dyn_cast<dist::FragmentOp>(op)) {
        if (fragment.getBlock().getOps<moe::SequenceOp>().empty())
          outline(fragment, symbols);
        else if (failed(unwrap(fragment, symbols)))
          return failure();
      } else if (isa<dist::DispatchOp, dist::ExchangeOp>(op)) {
        for (Value result : op.getResults())
          if (!isAssignment(result.getType())) // has no rows of its own
            symbols.set(result, abi::kStepRows);
      } else if (isa<dist::CollectOp>(op)) {
        symbols.set(op.getResult(0), abi::kRows);
      } else if (!isa<dist::ScheduleOp, func::ReturnOp>(op)) {
        return op.emitOpError("expects to be inside a fragment; the partition stage puts it there");
      }
    }
    return success();
  }

  /// A fragment that is a moe.sequence: the operation in its place.
  LogicalResult unwrap(dist::FragmentOp fragment, RowSymbols &symbols) {
    OpBuilder builder(fragment);
    IRMapping mapping;
    mapping.map(fragment.getBlock().getArguments(), fragment.getInputs());
    for (Operation &op : fragment.getBlock().without_terminator()) {
      Operation *clone = builder.clone(op, mapping);
      auto sequence = dyn_cast<moe::SequenceOp>(clone);
      if (!sequence && !isa<moe::GetWeightOp>(op))
        return op.emitOpError(
            "expects to be in another fragment than a moe.sequence; --janus-verify-partition tells why");
      symbols.visit(clone);
      if (!sequence)
        continue;
      func::FuncOp callee = shareCallee(sequence);
      sequence->setDiscardableAttrs(DictionaryAttr::get(&getContext()));
      sequence->setAttr(kLayer, builder.getI64IntegerAttr(fragment.getLayer()));
      sequence.setCallee(callee.getName());
    }
    for (auto [result, yielded] : llvm::zip(fragment.getResults(), fragment.getYield().getResults()))
      result.replaceAllUsesWith(mapping.lookup(yielded));
    fragment.erase();
    return success();
  }

  /// The function of onnx operations that a sequence calls, under its new name.
  func::FuncOp shareCallee(moe::SequenceOp sequence) {
    Builder builder(&getContext());
    auto function = getOperation().lookupSymbol<func::FuncOp>(sequence.getCallee()).clone();
    function.setName("fragment");
    function->setDiscardableAttrs(DictionaryAttr::get(&getContext()));
    function->setAttr(kSequence, builder.getUnitAttr());
    function->setAttr(kRole, builder.getStringAttr(dist::kAttentionMesh));
    function->setAttr(kInputs, builder.getI64IntegerAttr(sequence.getInputs().size()));
    return share("sequence", function);
  }

  void outline(dist::FragmentOp fragment, RowSymbols &symbols) {
    OpBuilder builder(fragment);
    // Weights, once each, in order of use.
    SmallVector<moe::GetWeightOp> weights;
    llvm::DenseMap<StringAttr, unsigned> positions;
    for (auto get : fragment.getBlock().getOps<moe::GetWeightOp>())
      if (positions.try_emplace(get.getWeightAttr().getAttr(), weights.size()).second)
        weights.push_back(get);

    SmallVector<Type> types(fragment.getInputs().getTypes());
    for (moe::GetWeightOp get : weights)
      types.push_back(get.getType());
    auto function = func::FuncOp::create(UnknownLoc::get(&getContext()), "fragment",
                                         builder.getFunctionType(types, fragment.getResultTypes()));
    function.setPrivate();
    function->setAttr(kRole, builder.getStringAttr(fragment.getMesh()));
    function->setAttr(kInputs, builder.getI64IntegerAttr(fragment.getInputs().size()));
    Block *body = function.addEntryBlock();

    IRMapping mapping;
    for (auto [index, input] : llvm::enumerate(fragment.getInputs())) {
      Value inside = fragment.getBlock().getArgument(index);
      mapping.map(inside, body->getArgument(index));
      if (!symbols.has(input))
        continue;
      symbols.set(inside, symbols.get(input));
      function.setArgAttr(index, kRows, builder.getStringAttr(symbolName(symbols.get(input))));
    }
    int64_t cache = cloneBody(fragment, *body, mapping, positions, symbols);
    for (auto [result, yielded] : llvm::zip(fragment.getResults(), fragment.getYield().getResults()))
      if (symbols.has(yielded))
        symbols.set(result, symbols.get(yielded));

    func::FuncOp callee = share(fragment.getMesh(), function);
    SmallVector<Value> operands(fragment.getInputs());
    for (moe::GetWeightOp get : weights)
      operands.push_back(moe::GetWeightOp::create(builder, get.getLoc(), get.getType(), get.getWeightAttr()));
    auto call = func::CallOp::create(builder, fragment.getLoc(), callee, operands);
    call->setAttr(kLayer, builder.getI64IntegerAttr(fragment.getLayer()));
    if (cache >= 0)
      call->setAttr(kCache, builder.getI64IntegerAttr(cache));
    for (auto [old, now] : llvm::zip(fragment.getResults(), call.getResults()))
      if (symbols.has(old))
        symbols.set(now, symbols.get(old));
    fragment.replaceAllUsesWith(call.getResults());
    fragment.erase();
  }

  /// Clones the operations without what tells layers apart; returns the first cache, -1 without attention.
  int64_t cloneBody(dist::FragmentOp fragment, Block &body, IRMapping &mapping,
                    const llvm::DenseMap<StringAttr, unsigned> &positions, RowSymbols &symbols) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(&body);
    int64_t cache = -1;
    for (auto attention : fragment.getBlock().getOps<moe::AttentionOp>())
      if (cache < 0 || static_cast<int64_t>(attention.getCache()) < cache)
        cache = attention.getCache();
    for (Operation &op : fragment.getBlock()) {
      symbols.visit(&op);
      if (auto get = dyn_cast<moe::GetWeightOp>(op)) {
        mapping.map(get.getResult(),
                    body.getArgument(fragment.getInputs().size() + positions.lookup(get.getWeightAttr().getAttr())));
        continue;
      }
      if (auto yield = dyn_cast<dist::YieldOp>(op)) {
        SmallVector<Value> results;
        for (Value result : yield.getResults())
          results.push_back(mapping.lookup(result));
        func::ReturnOp::create(builder, builder.getUnknownLoc(), results);
        continue;
      }
      Operation *clone = builder.clone(op, mapping);
      clone->setLoc(builder.getUnknownLoc());
      clone->setDiscardableAttrs(DictionaryAttr::get(&getContext()));
      if (clone->hasAttr("layer"))
        clone->setAttr("layer", builder.getI64IntegerAttr(0));
      if (auto attention = dyn_cast<moe::AttentionOp>(clone))
        attention.setCache(attention.getCache() - cache);
    }
    return cache;
  }

  /// The function of this structure: an earlier one, or this one under a name of its own.
  func::FuncOp share(StringRef kind, func::FuncOp function) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    function->print(stream, OpPrintingFlags().assumeVerified().useLocalScope());
    auto [entry, fresh] = known.try_emplace(text, function);
    if (!fresh) {
      function.erase();
      return entry->second;
    }
    function.setName((kind + "_" + Twine(counts[kind]++)).str());
    getOperation().push_back(function);
    return function;
  }
};
} // namespace
} // namespace janus
