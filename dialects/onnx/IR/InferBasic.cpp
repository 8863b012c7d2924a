// Shapes and values of elementwise, comparison, reduction and constant operators.
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus::onnx {

FailureOr<int64_t> normalizeAxis(Operation *op, int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return op->emitOpError() << "expects an axis in [" << -rank << ", " << rank << "), found " << axis;
  return axis < 0 ? axis + rank : axis;
}

LogicalResult expectRank(Operation *op, ShapeContext &c, Value value, size_t rank, StringRef what) {
  size_t found = c.dims(value)->size();
  if (found == rank)
    return success();
  return op->emitOpError() << "expects " << what << " of rank " << rank << ", found rank " << found;
}

FailureOr<int64_t> listLength(Operation *op, ShapeContext &c, Value list, StringRef what) {
  Dims dims = *c.dims(list);
  if (dims.size() != 1 || !dims[0].constant())
    return op->emitOpError() << "expects " << what << " of rank 1 and known extent";
  return *dims[0].constant();
}

FailureOr<std::optional<SmallVector<int64_t>>> knownAxes(Operation *op, ShapeContext &c, Value axes, int64_t rank) {
  auto known = c.constants(axes);
  if (!known)
    return std::optional<SmallVector<int64_t>>();
  SmallVector<bool> named(rank);
  for (int64_t &axis : *known) {
    auto position = normalizeAxis(op, axis, rank);
    if (failed(position))
      return failure();
    if (std::exchange(named[*position], true))
      return op->emitOpError() << "names axis " << *position << " twice";
    axis = *position;
  }
  return std::optional(*known);
}

Dims freshDims(ShapeContext &c, StringRef stem, int64_t rank, const std::optional<SymExpr> &bound) {
  Dims dims;
  for (int64_t i = 0; i < rank; ++i)
    dims.push_back(c.fresh(stem, bound));
  return dims;
}

SymExpr product(ArrayRef<SymExpr> dims) {
  SymExpr result(1);
  for (const SymExpr &dim : dims)
    result = result * dim;
  return result;
}

namespace {
/// Whether the expression is `min(1,...)`: 0 or 1.
bool isAtMostOne(const SymExpr &x) {
  std::string text = x.str();
  if (!StringRef(text).starts_with("min(1,"))
    return false;
  int64_t depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += (text[i] == '(') - (text[i] == ')');
    if (text[i] == ')' && depth == 0)
      return i + 1 == text.size();
  }
  return false;
}
} // namespace

FailureOr<SymExpr> broadcastDim(Operation *op, ShapeContext &c, const SymExpr &a, const SymExpr &b) {
  if (a.isConstant(1))
    return b;
  if (b.isConstant(1) || a == b)
    return a;
  // The first row of something, repeated: `min(1,S)` against an extent is that extent. Where S is 0, so has it to be.
  for (const auto &[one, other] : {std::pair(a, b), std::pair(b, a)})
    if (isAtMostOne(one) && !isAtMostOne(other)) {
      if (failed(c.require(op, other * one, other, "or broadcast extents")))
        return failure();
      return other;
    }
  // A symbol against an integer other than 1: the symbol must be 1 or that integer at run time. Taken as equal, and
  // checked.
  if (failed(c.require(op, a, b, "or broadcast extents")))
    return failure();
  return a.constant() ? a : b.constant() ? b : a;
}

FailureOr<Dims> broadcastDims(Operation *op, ShapeContext &c, ArrayRef<SymExpr> a, ArrayRef<SymExpr> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Dims result(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) {
    auto dim = broadcastDim(op, c, a[a.size() - b.size() + i], b[i]);
    if (failed(dim))
      return failure();
    result[a.size() - b.size() + i] = *dim;
  }
  return result;
}

namespace {
/// Integer arithmetic on known values; nothing for operators that have none.
std::optional<SymExpr> evaluate(Operation *op, const SymExpr &a, const SymExpr &b) {
  auto x = a.constant(), y = b.constant();
  if (isa<AddOp>(op))
    return a + b;
  if (isa<SubOp>(op))
    return a - b;
  if (isa<MulOp>(op))
    return a * b;
  if (isa<MinOp>(op))
    return SymExpr::min(a, b);
  if (isa<MaxOp>(op))
    return SymExpr::max(a, b);
  if (isa<AndOp>(op) && x && y)
    return SymExpr(*x && *y);
  if (isa<OrOp>(op) && x && y)
    return SymExpr(*x || *y);
  if (isa<XorOp>(op) && x && y)
    return SymExpr(!*x != !*y);
  if (isa<SumOp>(op))
    return a + b;
  if (isa<DivOp>(op) && !b.isConstant(0)) {
    if (x && y)
      return *y == -1 ? SymExpr(0) - a : SymExpr(*x / *y);
    if (auto exact = SymExpr::divideExactly(a, b))
      return exact;
    if (a.isNonNegative() && b.isNonNegative())
      return SymExpr::floordiv(a, b);
  }
  if (auto mod = dyn_cast<ModOp>(op); mod && !mod.getFmod() && !b.isConstant(0))
    return SymExpr::mod(a, b);
  auto difference = (a - b).constant();
  bool above = (a - b - SymExpr(1)).isNonNegative(), below = (b - a - SymExpr(1)).isNonNegative();
  if (isa<EqualOp>(op)) {
    if (difference)
      return SymExpr(*difference == 0);
    // A size never equals a negative number: the idiom Where(Equal(shape, -1), ...).
    if ((y && *y < 0 && a.isNonNegative()) || (x && *x < 0 && b.isNonNegative()) || above || below)
      return SymExpr(0);
  }
  if (isa<LessOp>(op) && (difference || above || below))
    return SymExpr(difference ? *difference < 0 : below);
  if (isa<GreaterOp>(op) && (difference || above || below))
    return SymExpr(difference ? *difference > 0 : above);
  if (isa<LessOrEqualOp>(op) && difference)
    return SymExpr(*difference <= 0);
  if (isa<GreaterOrEqualOp>(op) && difference)
    return SymExpr(*difference >= 0);
  return std::nullopt;
}

/// Element i of a known value that broadcasts.
const SymExpr &element(const Dims &values, size_t i) { return values.size() == 1 ? values[0] : values[i]; }

void propagateBinary(Operation *op, ShapeContext &c) {
  auto result = c.values(op->getOperand(0));
  for (unsigned k = 1; result && k < op->getNumOperands(); ++k) {
    auto next = c.values(op->getOperand(k));
    if (!next || !isa<IntegerType>(c.element(op->getOperand(k))))
      return;
    size_t n = std::max(result->size(), next->size());
    if ((result->size() != n && result->size() != 1) || (next->size() != n && next->size() != 1))
      return;
    Dims combined;
    for (size_t i = 0; i < n; ++i) {
      auto value = evaluate(op, element(*result, i), element(*next, i));
      if (!value)
        return;
      combined.push_back(*value);
    }
    result = combined;
  }
  if (result)
    c.setValues(op->getResult(0), *result);
}

LogicalResult inferElementwise(Operation *op, ShapeContext &c, Type element) {
  Dims shape;
  for (Value operand : op->getOperands()) {
    auto joined = broadcastDims(op, c, shape, *c.dims(operand));
    if (failed(joined))
      return failure();
    shape = *joined;
  }
  c.set(op->getResult(0), element, shape);
  return success();
}
} // namespace

/// The axis along which an op works, an attribute or a second input of one
/// element, lies within the first input.
static LogicalResult checkAxis(Operation *op, ShapeContext &c) {
  int64_t rank = c.dims(getInput(op, 0))->size();
  if (auto axis = op->getAttrOfType<IntegerAttr>("axis"))
    return normalizeAxis(op, axis.getInt(), rank);
  if (!isa<CumSumOp, CumProdOp>(op))
    return success();
  return knownAxes(op, c, getInput(op, 1), rank);
}

LogicalResult inferSame(Operation *op, ShapeContext &c) {
  if (failed(checkAxis(op, c)))
    return failure();
  Value x = getInput(op, 0);
  c.set(op->getResult(0), c.element(x), *c.dims(x));
  auto values = c.values(x);
  if (!values)
    return success();
  if (isa<IdentityOp>(op))
    c.setValues(op->getResult(0), *values);
  if (isa<NegOp>(op)) {
    for (SymExpr &value : *values)
      value = SymExpr(0) - value;
    c.setValues(op->getResult(0), *values);
  }
  if (isa<NotOp>(op) && c.constants(x)) {
    for (SymExpr &value : *values)
      value = SymExpr(value.isConstant(0));
    c.setValues(op->getResult(0), *values);
  }
  return success();
}

LogicalResult inferBroadcast(Operation *op, ShapeContext &c) {
  if (op->getNumOperands() == 0)
    return op->emitOpError() << "expects at least one input";
  for (Value operand : op->getOperands())
    if (c.element(operand) != c.element(op->getOperand(0)) && !isa<PowOp>(op))
      return op->emitOpError() << "expects inputs of one element type, found " << c.element(op->getOperand(0))
                               << " and " << c.element(operand);
  if (failed(inferElementwise(op, c, c.element(op->getOperand(0)))))
    return failure();
  propagateBinary(op, c);
  return success();
}

LogicalResult inferCompare(Operation *op, ShapeContext &c) {
  if (failed(inferElementwise(op, c, IntegerType::get(op->getContext(), 1))))
    return failure();
  propagateBinary(op, c);
  return success();
}

LogicalResult inferWhere(Operation *op, ShapeContext &c) {
  if (c.element(op->getOperand(1)) != c.element(op->getOperand(2)))
    return op->emitOpError() << "expects inputs of one element type, found " << c.element(op->getOperand(1)) << " and "
                             << c.element(op->getOperand(2));
  if (failed(inferElementwise(op, c, c.element(op->getOperand(1)))))
    return failure();
  auto condition = c.constants(op->getOperand(0));
  auto x = c.values(op->getOperand(1)), y = c.values(op->getOperand(2));
  if (!condition || !x || !y)
    return success();
  size_t n = std::max({condition->size(), x->size(), y->size()});
  Dims result;
  for (size_t i = 0; i < n; ++i)
    result.push_back((*condition)[condition->size() == 1 ? 0 : i] ? element(*x, i) : element(*y, i));
  c.setValues(op->getResult(0), result);
  return success();
}

LogicalResult inferCast(Operation *op, ShapeContext &c) {
  auto cast = mlir::cast<CastOp>(op);
  Type element = getElementType(op->getContext(), cast.getTo());
  if (!element)
    return op->emitOpError() << "expects `to` to be a numeric TensorProto.DataType, found " << cast.getTo();
  c.set(cast.getY(), element, *c.dims(cast.getX()));
  auto values = c.values(cast.getX());
  // Sizes stay well below 2^31, so casts among i32 and i64 keep them; a narrower target could change a value.
  if (values && (element.isInteger(64) || element.isInteger(32)))
    c.setValues(cast.getY(), *values);
  return success();
}

LogicalResult inferCastLike(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0);
  Type element = c.element(getInput(op, 1));
  c.set(op->getResult(0), element, *c.dims(x));
  auto values = c.values(x);
  if (values && (element.isInteger(64) || element.isInteger(32)))
    c.setValues(op->getResult(0), *values);
  return success();
}

LogicalResult inferBitCast(Operation *op, ShapeContext &c) {
  auto cast = mlir::cast<BitCastOp>(op);
  Type from = c.element(cast.getX()), to = getElementType(op->getContext(), cast.getTo());
  auto bits = [](Type type) { return type.isInteger(1) ? 8 : getStorageBits(type); }; // a bool is a byte
  if (!to || bits(from) != bits(to))
    return op->emitOpError() << "expects `to` to be a type as wide as " << from << ", found "
                             << (to ? Twine(getStorageBits(to)) + " bits" : Twine("data type ") + Twine(cast.getTo()));
  c.set(cast.getY(), to, *c.dims(cast.getX()));
  return success();
}

LogicalResult inferPredicate(Operation *op, ShapeContext &c) {
  c.set(op->getResult(0), IntegerType::get(op->getContext(), 1), *c.dims(getInput(op, 0)));
  return success();
}

LogicalResult inferDropout(Operation *op, ShapeContext &c) {
  auto dropout = cast<DropoutOp>(op);
  if (Value training = dropout.getTrainingMode()) {
    auto on = c.constants(training);
    if (!on || on->size() != 1 || (*on)[0])
      return op->emitOpError() << "expects training_mode to be false at compile time: there is no training here";
  }
  c.set(dropout.getY(), c.element(dropout.getX()), *c.dims(dropout.getX()));
  c.set(dropout.getMask(), IntegerType::get(op->getContext(), 1), *c.dims(dropout.getX()));
  return success();
}

LogicalResult inferConstant(Operation *op, ShapeContext &c) {
  auto constant = cast<ConstantOp>(op);
  Builder b(op->getContext());
  if (auto value = constant.getValueAttr()) {
    auto type = cast<RankedTensorType>(value.getShapedType());
    constant.getY().setType(type);
    return success();
  }
  if (constant.getValueInt()) {
    c.set(constant.getY(), b.getI64Type(), {});
    c.setValues(constant.getY(), SymExpr(*constant.getValueInt()));
  } else if (constant.getValueFloat()) {
    c.set(constant.getY(), b.getF32Type(), {});
  } else if (auto ints = constant.getValueInts()) {
    c.set(constant.getY(), b.getI64Type(), SymExpr(ints->size()));
    c.setValues(constant.getY(), Dims(ints->begin(), ints->end()));
  } else if (auto floats = constant.getValueFloats()) {
    c.set(constant.getY(), b.getF32Type(), SymExpr(floats->size()));
  } else {
    return op->emitOpError() << "expects one of value, value_int, value_float, value_ints, value_floats";
  }
  return success();
}
} // namespace janus::onnx
