// Shapes and values of operators that rearrange elements.
#include "dialects/onnx/IR/Infer.h"
#include "dialects/onnx/IR/InputElements.h"

using namespace mlir;

namespace janus::onnx {
namespace {
void copyValues(ShapeContext &c, Value from, Value to) {
  if (auto values = c.elements(from))
    c.setValues(to, *values);
}
} // namespace

LogicalResult inferReshape(Operation *op, ShapeContext &c) {
  auto reshape = cast<ReshapeOp>(op);
  Dims in = *c.dims(reshape.getX());
  auto rank = listLength(op, c, reshape.getShape(), "a shape");
  if (failed(rank))
    return failure();
  SymExpr total = product(in);
  Dims out;
  auto shape = c.values(reshape.getShape());
  if (!shape) { // sizes from data: new symbols, bounded by the number of elements
    c.set(reshape.getY(), c.element(reshape.getX()), freshDims(c, "reshape", *rank, total));
    return success();
  }
  if (llvm::any_of(*shape, [&](const SymExpr &dim) { return hasInputElement(op, dim); })) {
    for (const SymExpr &dim : *shape)
      out.push_back(dim.constant().value_or(0) > 0 ? dim : c.fresh("reshape", total));
    c.set(reshape.getY(), c.element(reshape.getX()), out);
    return success();
  }
  int64_t open = -1;
  SymExpr known(1);
  for (auto [i, dim] : llvm::enumerate(*shape)) {
    if (dim.isConstant(-1)) {
      if (open >= 0)
        return op->emitOpError() << "expects at most one -1 in the shape, found another at position " << i;
      open = i;
      out.push_back(SymExpr(1));
      continue;
    }
    if (dim.isConstant(0) && !reshape.getAllowzero()) {
      if (i >= in.size())
        return op->emitOpError() << "copies dimension " << i << " of an input of rank " << in.size();
      out.push_back(in[i]);
    } else {
      out.push_back(dim);
    }
    known = known * out.back();
  }
  if (open < 0) {
    c.set(reshape.getY(), c.element(reshape.getX()), out);
    if (failed(c.require(op, known, total, "numbers of elements")))
      return failure();
  } else {
    auto rest = SymExpr::divideExactly(total, known);
    if (!rest && total.constant() && known.constant())
      return op->emitOpError() << "cannot divide " << total.str() << " elements into rows of " << known.str();
    out[open] = rest ? *rest : SymExpr::floordiv(total, known);
    c.set(reshape.getY(), c.element(reshape.getX()), out);
    if (!rest && failed(c.require(op, out[open] * known, total, "numbers of elements")))
      return failure();
  }
  if (out.size() <= 1)
    copyValues(c, reshape.getX(), reshape.getY());
  return success();
}

LogicalResult inferTranspose(Operation *op, ShapeContext &c) {
  auto transpose = cast<TransposeOp>(op);
  Dims in = *c.dims(transpose.getX()), out;
  SmallVector<int64_t> perm;
  if (auto given = transpose.getPerm())
    perm.assign(given->begin(), given->end());
  else
    for (int64_t i = in.size(); i-- > 0;)
      perm.push_back(i);
  SmallVector<int64_t> sorted(perm);
  llvm::sort(sorted);
  if (perm.size() != in.size() || !llvm::equal(sorted, llvm::seq<int64_t>(0, in.size())))
    return op->emitOpError() << "expects perm to be a permutation of " << in.size() << " dimensions";
  for (int64_t i : perm)
    out.push_back(in[i]);
  c.set(transpose.getY(), c.element(transpose.getX()), out);
  if (in.size() <= 1)
    copyValues(c, transpose.getX(), transpose.getY());
  return success();
}

LogicalResult inferSqueeze(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0), axes = getInput(op, 1);
  Dims in = *c.dims(x), out;
  SmallVector<int64_t> dropped;
  if (axes) {
    auto known = knownAxes(op, c, axes, in.size());
    if (failed(known))
      return failure();
    if (!*known) {
      auto count = listLength(op, c, axes, "axes");
      if (failed(count))
        return failure();
      if (*count > static_cast<int64_t>(in.size()))
        return op->emitOpError() << "expects at most " << in.size() << " axes, found " << *count;
      c.set(op->getResult(0), c.element(x), freshDims(c, "squeeze", in.size() - *count, product(in)));
      return success();
    }
    dropped = **known;
  } else {
    for (size_t i = 0; i < in.size(); ++i)
      if (in[i].isConstant(1))
        dropped.push_back(i);
  }
  for (size_t i = 0; i < in.size(); ++i) {
    if (!llvm::is_contained(dropped, static_cast<int64_t>(i)))
      out.push_back(in[i]);
    else if (failed(c.require(op, in[i], SymExpr(1), "extents of a squeezed dimension")))
      return failure();
  }
  c.set(op->getResult(0), c.element(x), out);
  if (in.size() <= 1)
    copyValues(c, x, op->getResult(0));
  return success();
}

LogicalResult inferUnsqueeze(Operation *op, ShapeContext &c) {
  auto unsqueeze = cast<UnsqueezeOp>(op);
  Dims in = *c.dims(unsqueeze.getX()), out;
  auto listed = c.constants(unsqueeze.getAxes()); // a single axis may be a scalar
  auto count = listed ? FailureOr<int64_t>(listed->size()) : listLength(op, c, unsqueeze.getAxes(), "axes");
  if (failed(count))
    return failure();
  auto axes = knownAxes(op, c, unsqueeze.getAxes(), in.size() + *count);
  if (failed(axes))
    return failure();
  if (!*axes) {
    c.set(unsqueeze.getY(), c.element(unsqueeze.getX()), freshDims(c, "unsqueeze", in.size() + *count, product(in)));
    return success();
  }
  size_t next = 0;
  for (size_t i = 0; i < in.size() + (*axes)->size(); ++i)
    out.push_back(llvm::is_contained(**axes, static_cast<int64_t>(i)) ? SymExpr(1) : in[next++]);
  c.set(unsqueeze.getY(), c.element(unsqueeze.getX()), out);
  if (out.size() <= 1)
    copyValues(c, unsqueeze.getX(), unsqueeze.getY());
  return success();
}

LogicalResult inferFlatten(Operation *op, ShapeContext &c) {
  auto flatten = cast<FlattenOp>(op);
  Dims in = *c.dims(flatten.getX());
  int64_t axis = flatten.getAxis(), rank = in.size();
  if (axis < -rank || axis > rank)
    return op->emitOpError() << "expects an axis in [" << -rank << ", " << rank << "], found " << axis;
  axis = axis < 0 ? axis + rank : axis;
  ArrayRef<SymExpr> dims(in);
  c.set(flatten.getY(), c.element(flatten.getX()), {product(dims.take_front(axis)), product(dims.drop_front(axis))});
  return success();
}

LogicalResult inferExpand(Operation *op, ShapeContext &c) {
  auto expand = cast<ExpandOp>(op);
  Dims in = *c.dims(expand.getX());
  auto rank = listLength(op, c, expand.getShape(), "a shape");
  if (failed(rank))
    return failure();
  auto shape = c.values(expand.getShape());
  if (!shape) {
    c.set(expand.getY(), c.element(expand.getX()), freshDims(c, "expand", std::max<int64_t>(*rank, in.size())));
    return success();
  }
  // A number of an input may be 1 where x has more; generated code finds what comes out.
  for (size_t i = 0; i < std::min(in.size(), shape->size()); ++i)
    if (SymExpr &wanted = (*shape)[shape->size() - 1 - i], &own = in[in.size() - 1 - i];
        !own.isConstant(1) && hasInputElement(op, wanted))
      own = wanted = c.fresh("expand");
  auto out = broadcastDims(op, c, in, *shape);
  if (failed(out))
    return failure();
  c.set(expand.getY(), c.element(expand.getX()), *out);
  auto values = c.values(expand.getX());
  if (values && values->size() == 1 && out->size() <= 1) {
    int64_t n = out->empty() ? 1 : (*out)[0].constant().value_or(-1);
    if (n >= 0 && n <= static_cast<int64_t>(ShapeContext::kMaxValues))
      c.setValues(expand.getY(), Dims(n, (*values)[0]));
  }
  return success();
}

LogicalResult inferTile(Operation *op, ShapeContext &c) {
  auto tile = cast<TileOp>(op);
  Dims in = *c.dims(tile.getX());
  auto count = listLength(op, c, tile.getRepeats(), "repeats");
  if (failed(count))
    return failure();
  if (*count != static_cast<int64_t>(in.size()))
    return op->emitOpError() << "expects " << in.size() << " repeats, found " << *count;
  auto repeats = c.values(tile.getRepeats());
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = repeats ? in[i] * (*repeats)[i] : c.fresh("tile");
  c.set(tile.getY(), c.element(tile.getX()), in);
  return success();
}

LogicalResult inferConcat(Operation *op, ShapeContext &c) {
  auto concat = cast<ConcatOp>(op);
  if (concat.getInputs().empty())
    return op->emitOpError() << "expects at least one input";
  Dims out = *c.dims(concat.getInputs()[0]);
  auto axis = normalizeAxis(op, concat.getAxis(), out.size());
  if (failed(axis))
    return failure();
  Dims values;
  bool known = out.size() == 1;
  for (auto [k, input] : llvm::enumerate(concat.getInputs())) {
    Dims dims = *c.dims(input);
    if (dims.size() != out.size())
      return op->emitOpError() << "expects inputs of rank " << out.size() << ", found rank " << dims.size()
                               << " at position " << k;
    for (size_t i = 0; k && i < dims.size(); ++i) {
      if (static_cast<int64_t>(i) == *axis)
        out[i] = out[i] + dims[i];
      else if (failed(c.require(op, out[i], dims[i], "extents outside the axis")))
        return failure();
    }
    auto part = c.values(input);
    known = known && part;
    if (known)
      values.append(*part);
  }
  c.set(concat.getY(), c.element(concat.getInputs()[0]), out);
  if (known)
    c.setValues(concat.getY(), values);
  return success();
}

LogicalResult inferSplit(Operation *op, ShapeContext &c) {
  auto split = cast<SplitOp>(op);
  Dims in = *c.dims(split.getX());
  auto axis = normalizeAxis(op, split.getAxis(), in.size());
  if (failed(axis))
    return failure();
  int64_t parts = split.getNumResults();
  if (parts == 0)
    return op->emitOpError() << "expects at least one output";
  Dims extents;
  if (split.getSplit()) {
    auto count = listLength(op, c, split.getSplit(), "extents");
    if (failed(count))
      return failure();
    if (*count != parts)
      return op->emitOpError() << "expects " << parts << " extents, as many as outputs, found " << *count;
    auto given = c.values(split.getSplit());
    extents = given ? *given : freshDims(c, "split", parts, in[*axis]);
    SymExpr total(0);
    for (const SymExpr &extent : extents)
      total = total + extent;
    if (given && failed(c.require(op, total, in[*axis], "extents along the axis")))
      return failure();
  } else {
    SymExpr each = SymExpr::ceildiv(in[*axis], SymExpr(parts));
    extents.assign(parts, each);
    extents.back() = in[*axis] - each * SymExpr(parts - 1);
  }
  SymExpr begin(0);
  auto values = in.size() == 1 ? c.values(split.getX()) : std::nullopt;
  for (auto [i, result] : llvm::enumerate(split.getResults())) {
    Dims out = in;
    out[*axis] = extents[i];
    c.set(result, c.element(split.getX()), out);
    if (values && begin.constant() && extents[i].constant() &&
        *begin.constant() + *extents[i].constant() <= static_cast<int64_t>(values->size()))
      c.setValues(result, ArrayRef<SymExpr>(*values).slice(*begin.constant(), *extents[i].constant()));
    begin = begin + extents[i];
  }
  return success();
}
} // namespace janus::onnx
