#include "dialects/onnx/IR/InputElements.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FOLDCONTROLFLOW
#include "lib/Import/Passes.h.inc"

namespace {
class Folder {
public:
  explicit Folder(func::FuncOp function) : context_(function.getContext()), b_(function.getContext()) {
    onnx::nameElements(function, context_);
  }

  /// Folds what the operators before it decide; graphs inside what stays are left alone.
  void run(Block &block) {
    for (auto it = block.begin(); it != std::prev(block.end());) {
      Operation *op = &*it;
      Operation *before = op == &block.front() ? nullptr : op->getPrevNode();
      bool changed = false;
      if (auto choice = dyn_cast<onnx::IfOp>(op))
        changed = fold(choice);
      else if (auto loop = dyn_cast<onnx::LoopOp>(op))
        changed = unroll(loop);
      if (changed) { // go on with what came in its place
        it = before ? std::next(before->getIterator()) : block.begin();
        continue;
      }
      if (!infer(op))
        return;
      ++it;
    }
  }

private:
  bool infer(Operation *op) {
    auto shape = dyn_cast<onnx::ShapeInterface>(op);
    if (!shape)
      return true;
    bool known = llvm::all_of(op->getOperands(), [&](Value operand) { return context_.dims(operand).has_value(); });
    return known && succeeded(shape.inferShape(context_)) && !context_.takeNegative();
  }

  bool fold(onnx::IfOp choice) {
    auto condition = context_.constants(choice.getCondition());
    if (!condition || condition->size() != 1)
      return false;
    Block &taken = ((*condition)[0] ? choice.getThenBranch() : choice.getElseBranch()).front();
    auto outputs = llvm::to_vector(taken.getTerminator()->getOperands());
    if (outputs.size() != choice.getNumResults())
      return false;
    taken.getTerminator()->erase();
    choice->getBlock()->getOperations().splice(choice->getIterator(), taken.getOperations());
    choice->replaceAllUsesWith(outputs);
    choice.erase();
    return true;
  }

  Value constant(Location loc, Type element, int64_t value) {
    auto type = RankedTensorType::get({}, element);
    Attribute number = b_.getIntegerAttr(element, value);
    auto op = onnx::ConstantValueOp::create(b_, loc, type, DenseElementsAttr::get(type, number));
    context_.setValues(op, onnx::SymExpr(value));
    return op;
  }

  /// Copies the body for each iteration, as long as it is known whether there is a next one. Takes the copies back when
  /// that is known only at run time, or when there are too many.
  bool unroll(onnx::LoopOp loop) {
    Block &body = loop.getBody().front();
    unsigned carried = loop.getInitial().size();
    if (body.getNumArguments() != carried + 2 || body.getTerminator()->getNumOperands() != loop->getNumResults() + 1)
      return false;
    auto trips = loop.getTripCount() ? context_.constants(loop.getTripCount()) : std::nullopt;
    auto first = loop.getCondition() ? context_.constants(loop.getCondition()) : SmallVector<int64_t>{1};
    if (!first || first->size() != 1 || (loop.getTripCount() && (!trips || trips->size() != 1)))
      return false;
    int64_t most = trips ? (*trips)[0] : kMaxOps;
    SmallVector<Value> values(loop.getInitial());
    SmallVector<SmallVector<Value>> stacked(loop->getNumResults() - carried);
    b_.setInsertionPoint(loop);
    Operation *before = loop->getPrevNode();
    auto takeBack = [&] {
      while (loop->getPrevNode() != before)
        loop->getPrevNode()->erase();
      return false;
    };
    bool more = (*first)[0] != 0;
    for (int64_t i = 0; i < most && more; ++i) {
      IRMapping mapping;
      mapping.map(body.getArgument(0), constant(loop.getLoc(), b_.getI64Type(), i));
      mapping.map(body.getArgument(1), constant(loop.getLoc(), b_.getI1Type(), 1));
      mapping.map(body.getArguments().drop_front(2), values);
      for (Operation &op : body.without_terminator())
        if (++copied_ > kMaxOps || !infer(b_.clone(op, mapping)))
          return takeBack();
      auto yielded = llvm::map_to_vector(body.getTerminator()->getOperands(),
                                         [&](Value value) { return mapping.lookupOrDefault(value); });
      auto next = context_.constants(yielded[0]);
      if (!next || next->size() != 1)
        return takeBack();
      more = (*next)[0] != 0;
      values.assign(yielded.begin() + 1, yielded.begin() + 1 + carried);
      for (auto [list, value] : llvm::zip(stacked, ArrayRef(yielded).drop_front(carried + 1)))
        list.push_back(value);
    }
    for (ArrayRef<Value> list : stacked) {
      if (list.empty()) // nothing tells the shape of what would be stacked
        return takeBack();
      values.push_back(stack(loop.getLoc(), list));
    }
    loop->replaceAllUsesWith(values);
    loop.erase();
    return true;
  }

  Value stack(Location loc, ArrayRef<Value> list) {
    Type unknown = onnx::UnknownType::get(b_.getContext());
    auto type = RankedTensorType::get({1}, b_.getI64Type());
    Value axes = onnx::ConstantValueOp::create(b_, loc, type, DenseElementsAttr::get(type, int64_t{0}));
    SmallVector<Value> rows;
    for (Value value : list)
      rows.push_back(onnx::UnsqueezeOp::create(b_, loc, unknown, value, axes));
    return onnx::ConcatOp::create(b_, loc, unknown, rows, b_.getI64IntegerAttr(0));
  }

  static constexpr int64_t kMaxOps = 100'000; // that unrolling makes in one function
  onnx::ShapeContext context_;
  OpBuilder b_;
  int64_t copied_ = 0;
};

struct FoldControlFlowPass : impl::FoldControlFlowBase<FoldControlFlowPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      bool any =
          llvm::any_of(function.getBody().front(), [](Operation &op) { return isa<onnx::IfOp, onnx::LoopOp>(op); });
      if (!any)
        continue;
      // What does not fit together is for janus-infer-shapes to say.
      ScopedDiagnosticHandler silent(&getContext(), [](Diagnostic &) { return success(); });
      Block &body = function.getBody().front();
      Folder(function).run(body);
      function.setFunctionType(
          FunctionType::get(&getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
    }
  }
};
} // namespace
} // namespace janus
