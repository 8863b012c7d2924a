#include "janus/Recover/Passes.h"
#include "lib/Recover/FixedCaches.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FORGETPASTPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using onnx::Dims;
using onnx::SymExpr;
using recover::ElementPool;
using recover::ElementRef;
using recover::Known;
using recover::ModelInterface;

/// Operands that say how large a result is or which of its elements are meant; the result's type says it, too.
bool isShapeOperand(Operation *op, unsigned position) {
  return position > 0 && isa<onnx::ReshapeOp, onnx::ExpandOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::SliceOp,
                             onnx::SplitOp, onnx::TileOp, onnx::ReduceSumOp, onnx::ReduceMeanOp, onnx::ReduceMaxOp,
                             onnx::ReduceMinOp, onnx::ReduceProdOp, onnx::TopKOp, onnx::PadOp, onnx::CumSumOp>(op);
}

struct ForgetPast : impl::ForgetPastPassBase<ForgetPast> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    auto interface = step ? ModelInterface::read(step) : std::nullopt;
    if (interface && failed(forget(step, *interface)))
      step.erase();
  }

  LogicalResult forget(func::FuncOp step, const ModelInterface &interface) {
    recover::PastProblem problem;
    auto caches = recover::findCaches(step, problem);
    if (!caches)
      return refuse(problem.op, problem.reason);
    recover::StoredNumbers numbers(modelDir);
    recover::KnownValues known(step, interface, &numbers);
    recover::FixedCaches fixed(known, interface);
    if (!caches->empty() || llvm::any_of(step.getArguments(), [](BlockArgument argument) {
          return recover::inputRole(argument) == "state";
        }))
      markPieces(step, *caches, known, interface);
    if (caches->empty()) {
      rewrite(step, *caches, known, interface);
      return success();
    }
    llvm::DenseSet<Operation *> writers;
    for (const recover::PastCache &cache : *caches) {
      if (isa<onnx::ConcatOp>(cache.user) || recover::isCacheWrite(cache.user))
        writers.insert(cache.user);
      if (failed(checkCache(step, cache, interface)))
        return failure();
      if (recover::isCacheWrite(cache.user) && !fixed.provesWrite(cache))
        return refuse(fixed.culprit, fixed.reason);
    }
    if (!fixed.follow(step))
      return refuse(fixed.culprit, fixed.reason);
    for (Operation &op : step.front().without_terminator()) {
      if (writers.contains(&op) || (op.getNumResults() && known.find(op.getResult(0))) ||
          llvm::all_of(op.getOperands(), [&](Value v) { return known.find(v) || isPast(v); }))
        continue;
      if (failed(checkKnown(&op, known, interface)) || failed(checkAlignment(&op, known, interface)))
        return failure();
    }
    fixed.retype();
    if (auto slots = interface.slots ? interface.slots->constant() : std::nullopt)
      recover::limitPositions(step, *slots);
    rewrite(step, *caches, known, interface);
    return success();
  }

  /// Operators of a graph that is called with pieces of a sequence which mix the tokens of a piece: over whole
  /// sequences they would compute something else.
  static void markPieces(func::FuncOp step, ArrayRef<recover::PastCache> caches, recover::KnownValues &known,
                         const ModelInterface &interface) {
    auto past = interface.past.asSymbol(), sequence = interface.sequence.asSymbol();
    auto countsPiece = [&](const SymExpr &extent) {
      auto symbols = extent.symbols();
      return sequence && symbols.count(*sequence) && !(past && symbols.count(*past));
    };
    llvm::DenseSet<Operation *> users;
    for (const recover::PastCache &cache : caches)
      users.insert(cache.user);
    for (Operation &op : step.front().without_terminator()) {
      auto effects = dyn_cast<onnx::ShapeInterface>(op);
      if (!effects || users.contains(&op) || isa<onnx::ShapeOp, onnx::SizeOp>(op) || op.getNumResults() == 0)
        continue;
      bool attention = recover::pastOperands(&op).has_value(); // keys are operand 1
      for (unsigned i = attention ? 1 : 0, end = attention ? 2 : op.getNumOperands(); i < end; ++i) {
        Value operand = onnx::getInput(&op, i);
        auto dims = operand && !known.find(operand) ? onnx::getDims(operand.getType()) : std::nullopt;
        if (!dims)
          continue;
        SmallVector<bool> kept(dims->size());
        for (unsigned result = 0; result < op.getNumResults(); ++result)
          if (onnx::getOutput(&op, result))
            for (const onnx::DimGroup &group : effects.getRowEffect(i, result))
              std::fill(kept.begin() + group.operandBegin, kept.begin() + group.operandEnd, true);
        for (auto [dim, keeps] : llvm::zip(*dims, kept))
          if (!keeps && countsPiece(dim))
            op.setAttr(recover::kPieceAttr, UnitAttr::get(op.getContext()));
      }
    }
  }

  static bool isPast(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && recover::inputRole(argument) == "past";
  }

  /// The present is a result of the model with the past's form, and each past has its own.
  LogicalResult checkCache(func::FuncOp step, const recover::PastCache &cache, const ModelInterface &interface) {
    if (!cache.present || recover::pastOperands(cache.user))
      return success(); // the operator's own past: what its present is used for does not matter any more
    Dims past = *onnx::getDims(cache.past.getType()), present = *onnx::getDims(cache.present.getType());
    if (!cache.fixed)
      past[cache.axis] = interface.keys();
    if (past != present)
      return refuse(cache.user, "does not put new tokens behind all past ones");
    if (!llvm::is_contained(step.front().getTerminator()->getOperands(), cache.present))
      return refuse(cache.user, "its result is no output of the model, so that nothing keeps it");
    return success();
  }

  /// Known values that meet rows are functions of absolute positions.
  LogicalResult checkKnown(Operation *op, recover::KnownValues &known, const ModelInterface &interface) {
    llvm::SmallDenseSet<unsigned> checked;
    if (isa<onnx::GroupQueryAttentionOp>(op)) {
      if (failed(checkLengths(op, known, interface)))
        return failure();
      checked.insert_range(ArrayRef<unsigned>{5, 6});
    }
    if (auto places = recover::rotaryPlaces(op); places && onnx::getInput(op, places->positions)) {
      // The tables' rows that the positions choose.
      for (unsigned table : {places->cos, places->sin}) {
        auto rows = known.rowsOf(onnx::getInput(op, table), onnx::getInput(op, places->positions));
        if (rows && failed(checkElement(op, table, *rows, known, interface)))
          return failure();
        if (rows)
          checked.insert(table);
      }
      if (checked.contains(places->cos))
        checked.insert(places->positions);
    }
    auto effects = dyn_cast<onnx::ShapeInterface>(op);
    unsigned positions = effects ? std::max<size_t>(effects.getInputKinds().size(), op->getNumOperands()) : 0;
    for (unsigned i = 0; i < positions; ++i) {
      Value operand = onnx::getInput(op, i);
      const Known *value = operand ? known.find(operand) : nullptr;
      if (value && !checked.contains(i) && !isShapeOperand(op, i) &&
          failed(checkElement(op, i, *value, known, interface)))
        return failure();
    }
    return success();
  }

  /// seqlens_k and total_sequence_length count all past and all new tokens.
  LogicalResult checkLengths(Operation *op, recover::KnownValues &known, const ModelInterface &interface) {
    for (auto [position, expected] : {std::pair(5u, interface.keys() - SymExpr(1)), std::pair(6u, interface.keys())}) {
      const Known *value = known.find(onnx::getInput(op, position));
      ElementRef element = value ? value->element : nullptr;
      if (!element || element->kind != recover::Element::Kind::kInteger || element->value != expected)
        return refuse(op, Twine(position == 5 ? "seqlens_k" : "total_sequence_length") + " is " +
                              recover::describe(element) + " when all tokens are valid, expected " + expected.str());
    }
    return success();
  }

  LogicalResult checkElement(Operation *op, unsigned operand, const Known &value, recover::KnownValues &known,
                             const ModelInterface &interface) {
    if (!value.element) // a short vector of integers that differ: sizes
      return success();
    ElementPool &pool = known.pool();
    ElementPool::Substitution split, shift; // row r of flattened ones is b * S + s
    pool.setExtents(value.dims);
    SymExpr rowNumber(-1);
    for (unsigned d = 0; d < value.dims.size(); ++d) {
      bool flat = value.dims[d] == interface.batch * interface.sequence && value.dims[d] != interface.sequence;
      if (!flat && value.dims[d] != interface.sequence)
        continue;
      std::string b = ".b" + std::to_string(d), s = ".s" + std::to_string(d);
      pool.setExtent(b, interface.batch);
      pool.setExtent(s, interface.sequence);
      SymExpr token = SymExpr::symbol(s), row = SymExpr::symbol(b) * interface.sequence + token;
      split[recover::indexName(d)] = flat ? row : token;
      // The same token with no past: it is number P + s of P + S.
      shift[s] = token + interface.past;
      rowNumber = flat ? row : rowNumber;
    }
    ElementRef before = pool.substitute(value.element, split);
    // Numbers of rows, not positions: what a Gather or Scatter of rows is given.
    if (before && before->kind == recover::Element::Kind::kInteger && before->value == rowNumber)
      return success();
    if (auto past = interface.past.asSymbol())
      shift[*past] = SymExpr(0);
    if (auto sequence = interface.sequence.asSymbol())
      shift[*sequence] = interface.keys();
    if (before && pool.substitute(before, shift) == before)
      return success();
    return refuse(op, "input " + Twine(operand) + " is " + recover::describe(before) +
                          ", which is no function of absolute positions");
  }

  /// A dimension whose extent depends on the past counts keys from the first: no operator moves it.
  LogicalResult checkAlignment(Operation *op, recover::KnownValues &known, const ModelInterface &interface) {
    auto effects = dyn_cast<onnx::ShapeInterface>(op);
    auto past = interface.past.asSymbol();
    auto counts = [&](const SymExpr &extent) { return past && extent.symbols().count(*past); };
    if (recover::pastOperands(op) && countsFromFirstKey(op) &&
        llvm::any_of(onnx::getDims(onnx::getInput(op, 1).getType()).value_or(Dims()), counts))
      return refuse(op, "counts its queries from the first key, not from the number of past tokens");
    if (!effects || recover::pastOperands(op) || isa<onnx::ShapeOp, onnx::SizeOp>(op))
      return success();
    unsigned positions = std::max<size_t>(effects.getInputKinds().size(), op->getNumOperands());
    for (unsigned i = 0; i < positions; ++i) {
      Value operand = onnx::getInput(op, i);
      auto dims = operand && !known.find(operand) ? onnx::getDims(operand.getType()) : std::nullopt;
      if (!dims || llvm::none_of(*dims, counts))
        continue;
      SmallVector<bool> kept(dims->size());
      for (const onnx::DimGroup &group : effects.getRowEffect(i, 0))
        for (unsigned d = group.operandBegin; d < group.operandEnd; ++d)
          kept[d] = true;
      for (unsigned d = 0; d < dims->size(); ++d)
        if (counts((*dims)[d]) && !kept[d] && !mayMix(op, i, d, *dims, known))
          return refuse(op, "moves or cuts a dimension that counts past tokens");
    }
    return success();
  }

  /// Hides keys by the number of a query, which nothing tells it how many tokens are behind.
  static bool countsFromFirstKey(Operation *op) {
    if (auto attention = dyn_cast<onnx::AttentionOp>(op))
      return !attention.getPastKey() && !attention.getNonpadKvSeqlen() &&
             (attention.getIsCausal() || static_cast<int64_t>(attention.getLeftWindowSize()) >= 0 ||
              static_cast<int64_t>(attention.getRightWindowSize()) >= 0);
    auto attention = dyn_cast<onnx::MultiHeadAttentionOp>(op);
    return attention && !attention.getPastKey() && attention.getKey() && attention.getUnidirectional();
  }

  /// Sums over keys, and score columns that are put behind those of the keys and cut off again.
  bool mayMix(Operation *op, unsigned operand, unsigned dimension, const Dims &dims, recover::KnownValues &known) {
    int64_t rank = dims.size();
    auto fromFront = [&](int64_t axis) { return axis < 0 ? axis + rank : axis; };
    if (isa<onnx::MatMulOp, onnx::EinsumOp, onnx::FusedMatMulOp>(op))
      return true;
    if (isa<onnx::SoftmaxOp, onnx::ReduceSumOp, onnx::ReduceMaxOp, onnx::ReduceMeanOp, onnx::ReduceLogSumExpOp>(op))
      return true;
    if (auto concat = dyn_cast<onnx::ConcatOp>(op)) {
      if (fromFront(concat.getAxis()) != dimension || operand != 0)
        return false;
      return llvm::all_of(op->getOperands().drop_front(), [&](Value v) { return known.find(v) != nullptr; });
    }
    if (auto slice = dyn_cast<onnx::SliceOp>(op)) {
      auto starts = known.integers(slice.getStarts()), axes = known.integers(slice.getAxes());
      auto steps = slice.getSteps() ? known.integers(slice.getSteps()) : std::optional(SmallVector<int64_t>{1});
      auto out = onnx::getDims(slice.getY().getType());
      return starts && starts->size() == 1 && starts->front() == 0 && axes && axes->size() == 1 &&
             fromFront(axes->front()) == dimension && steps && steps->size() == 1 && steps->front() == 1 && out &&
             ((*out)[dimension] - dims[dimension]).constant();
    }
    return false;
  }

  void rewrite(func::FuncOp step, ArrayRef<recover::PastCache> caches, recover::KnownValues &known,
               const ModelInterface &interface) {
    Operation *terminator = step.front().getTerminator();
    llvm::DenseSet<Value> presents;
    for (const recover::PastCache &cache : caches)
      if (cache.present)
        presents.insert(cache.present);
    // Outputs: what counts rows first; the rest is what a cache would be given, or handed through.
    SmallVector<Value> outputs;
    for (Value value : terminator->getOperands()) {
      auto dims = onnx::getDims(value.getType());
      bool rows = dims && !dims->empty() &&
                  (dims->front() == interface.batch * interface.sequence ||
                   (dims->size() > 2 && dims->front() == interface.batch && (*dims)[1] == interface.sequence));
      if (rows && !presents.contains(value) && !known.find(value))
        outputs.push_back(value);
    }
    terminator->setOperands(outputs);
    std::map<std::string, SymExpr> none;
    if (auto past = interface.past.asSymbol())
      none[*past] = SymExpr(0);
    recover::replaceExtents(step, [&](const SymExpr &extent) { return extent.substitute(none); });
    for (recover::PastCache cache : caches) {
      if (isa<onnx::ConcatOp>(cache.user)) {
        cache.present.replaceAllUsesWith(cache.user->getOperand(1));
        cache.user->erase();
      } else if (recover::isCacheWrite(cache.user)) {
        unsigned updates = isa<onnx::TensorScatterOp>(cache.user) ? 1 : 2;
        cache.user->getResult(0).replaceAllUsesWith(cache.user->getOperand(updates));
        cache.user->erase();
      } else {
        dropPast(cache);
      }
    }
    step->removeAttr(recover::kPastAttr);
    step.removeResAttrsAttr();
    step.setFunctionType(
        FunctionType::get(&getContext(), step.front().getArgumentTypes(), terminator->getOperandTypes()));
    recover::eraseDead(step);
    if (!caches.empty())
      emitRemark(step.getLoc()) << "read as a graph over whole sequences: " << caches.size()
                                << " past inputs hold what it yields itself";
  }

  static void dropPast(const recover::PastCache &cache) {
    llvm::TypeSwitch<Operation *>(cache.user)
        .Case([&](onnx::GroupQueryAttentionOp op) {
          (cache.operand == 3 ? op.getPastKeyMutable() : op.getPastValueMutable()).clear();
        })
        .Case([&](onnx::AttentionOp op) {
          (cache.operand == 4 ? op.getPastKeyMutable() : op.getPastValueMutable()).clear();
        })
        .Case([&](onnx::MultiHeadAttentionOp op) {
          (cache.operand == 6 ? op.getPastKeyMutable() : op.getPastValueMutable()).clear();
        });
  }

  LogicalResult refuse(Operation *op, const Twine &reason) {
    std::string text = (op->getName().getStringRef() + ": " + reason).str();
    emitRemark(op->getLoc()) << "its past cannot be told from its tokens: " << text;
    return recover::giveUp(getOperation(), op->getLoc(), text);
  }
};
} // namespace
} // namespace janus
