// Shapes of operators with graphs inside.
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace janus::onnx {
namespace {
/// An operator whose operands are known; reports what is wrong with it.
LogicalResult inferKnown(Operation &op, ShapeContext &c) {
  if (failed(checkElementTypes(&op, c)) || failed(cast<ShapeInterface>(op).inferShape(c)))
    return failure();
  if (auto extent = c.takeNegative())
    return op.emitOpError() << "expects results with extents of at least 0, found " << *extent;
  return success();
}

bool areKnown(ValueRange values, const ShapeContext &c) {
  return llvm::all_of(values, [&](Value value) { return c.dims(value).has_value(); });
}

/// Of an import with errors, what stands behind them and what operators with graphs give is not known; all else is
/// inferred, in graphs inside too, so that one run reports all that is wrong.
LogicalResult inferPartial(Block &block, ShapeContext &c) {
  bool good = true;
  for (Operation &op : block.without_terminator()) {
    if (auto loop = dyn_cast<LoopOp>(op)) {
      Block &body = loop.getBody().front();
      for (auto [argument, initial] :
           llvm::zip(body.getArguments().drop_front(std::min(2u, body.getNumArguments())), loop.getInitial()))
        if (auto dims = c.dims(initial))
          c.set(argument, c.element(initial), *dims);
    }
    for (Region &graph : op.getRegions())
      good &= succeeded(inferPartial(graph.front(), c));
    if (isa<ShapeInterface>(op) && op.getNumRegions() == 0 && areKnown(op.getOperands(), c))
      good &= succeeded(inferKnown(op, c));
  }
  return success(good);
}
} // namespace

LogicalResult inferBlock(Block &block, ShapeContext &c) {
  if (llvm::any_of(block, [](Operation &op) { return isa<UnrealizedConversionCastOp>(op); }))
    return inferPartial(block, c);
  bool good = true;
  for (Operation &op : block.without_terminator()) {
    if (!isa<ShapeInterface>(op))
      continue;
    if (areKnown(op.getOperands(), c))
      good &= succeeded(inferKnown(op, c));
    else if (good)
      good = (op.emitOpError() << "has an operand without a shape", false);
  }
  return success(good);
}

namespace {
/// The type that holds a value of either: an extent in which they differ is known only at run time.
FailureOr<Dims> join(Operation *op, ShapeContext &c, Value a, Value b) {
  Dims left = *c.dims(a), right = *c.dims(b);
  // Where one element is all there is, ranks may differ: dimensions of 1 come in front.
  auto isOne = [](const Dims &dims) {
    return llvm::all_of(dims, [](const SymExpr &dim) { return dim.isConstant(1); });
  };
  if (isOne(left) && isOne(right))
    (left.size() < right.size() ? left : right).resize(std::max(left.size(), right.size()), SymExpr(1));
  if (left.size() != right.size() || c.element(a) != c.element(b))
    return op->emitOpError() << "expects graphs that give values of one rank and element type, found " << a.getType()
                             << " and " << b.getType();
  for (auto [x, y] : llvm::zip(left, right))
    if (!(x == y))
      x = c.fresh("either");
  return left;
}
} // namespace

LogicalResult inferIf(Operation *op, ShapeContext &c) {
  auto choice = cast<IfOp>(op);
  Block &yes = choice.getThenBranch().front(), &no = choice.getElseBranch().front();
  if (!c.element(choice.getCondition()).isInteger(1))
    return op->emitOpError() << "expects a condition of bool, found " << choice.getCondition().getType();
  if (failed(inferBlock(yes, c)) || failed(inferBlock(no, c)))
    return failure();
  auto first = yes.getTerminator()->getOperands(), second = no.getTerminator()->getOperands();
  if (first.size() != op->getNumResults() || second.size() != op->getNumResults())
    return op->emitOpError() << "expects graphs with " << op->getNumResults() << " outputs, found " << first.size()
                             << " and " << second.size();
  for (auto [result, a, b] : llvm::zip(op->getResults(), first, second)) {
    if (!c.dims(a) || !c.dims(b))
      return failure();
    auto dims = join(op, c, a, b);
    if (failed(dims))
      return failure();
    c.set(result, c.element(a), *dims);
  }
  return success();
}

LogicalResult inferLoop(Operation *op, ShapeContext &c) {
  auto loop = cast<LoopOp>(op);
  Block &body = loop.getBody().front();
  unsigned carried = loop.getInitial().size();
  auto i64 = IntegerType::get(op->getContext(), 64), i1 = IntegerType::get(op->getContext(), 1);
  if (body.getNumArguments() != carried + 2 || body.getTerminator()->getNumOperands() != op->getNumResults() + 1 ||
      op->getNumResults() < carried)
    return op->emitOpError() << "expects a body that takes a number, a condition and " << carried
                             << " values and gives a condition, these values and what is stacked";
  c.set(body.getArgument(0), i64, {});
  c.set(body.getArgument(1), i1, {});
  // A carried value keeps its shape from one iteration to the next, or has one known only at run time.
  for (auto [argument, initial] : llvm::zip(body.getArguments().drop_front(2), loop.getInitial()))
    c.set(argument, c.element(initial), *c.dims(initial));
  if (failed(inferBlock(body, c)))
    return failure();
  auto yielded = body.getTerminator()->getOperands();
  for (Value value : yielded)
    if (!c.dims(value))
      return failure();
  for (unsigned i = 0; i < carried; ++i) {
    Value argument = body.getArgument(i + 2), next = yielded[i + 1];
    if (argument.getType() != next.getType())
      return op->emitOpError() << "expects carried value " << i << " to keep its type, found " << argument.getType()
                               << " and " << next.getType();
    c.set(loop.getResult(i), c.element(next), *c.dims(next));
  }
  auto trips = loop.getTripCount() ? c.values(loop.getTripCount()) : std::nullopt;
  for (unsigned i = carried; i < op->getNumResults(); ++i) {
    Dims dims = *c.dims(yielded[i + 1]);
    dims.insert(dims.begin(), c.fresh("loop", trips && trips->size() == 1 ? std::optional((*trips)[0]) : std::nullopt));
    c.set(loop.getResult(i), c.element(yielded[i + 1]), dims);
  }
  return success();
}
} // namespace janus::onnx
