#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

int64_t OperatorContext::integer(StringRef attribute, int64_t otherwise) const {
  auto value = op->getAttrOfType<IntegerAttr>(attribute);
  return value ? value.getInt() : otherwise;
}
double OperatorContext::real(StringRef attribute, double otherwise) const {
  auto value = op->getAttrOfType<FloatAttr>(attribute);
  return value ? value.getValueAsDouble() : otherwise;
}
StringRef OperatorContext::text(StringRef attribute, StringRef otherwise) const {
  auto value = op->getAttrOfType<StringAttr>(attribute);
  return value ? value.getValue() : otherwise;
}

Value janus::lowering::sigmoid(Emitter &e, Value x) {
  Value one = e.real(x.getType(), 1);
  Value exponential = math::ExpOp::create(e.b, e.loc(), arith::NegFOp::create(e.b, e.loc(), x));
  return arith::DivFOp::create(e.b, e.loc(), one, arith::AddFOp::create(e.b, e.loc(), one, exponential));
}

namespace {

bool isReal(Value value) { return isa<FloatType>(value.getType()); }

using Unary = Value (*)(OperatorContext &, Value);
using Binary = Value (*)(OperatorContext &, Value, Value);

template <typename Op> Value unary(OperatorContext &c, Value x) { return Op::create(c.e.b, c.e.loc(), x); }
template <typename Real, typename Integer> Value binary(OperatorContext &c, Value x, Value y) {
  if (isReal(x))
    return Real::create(c.e.b, c.e.loc(), x, y);
  return Integer::create(c.e.b, c.e.loc(), x, y);
}
template <CmpFPredicate real, CmpIPredicate integer> Value compare(OperatorContext &c, Value x, Value y) {
  if (isReal(x))
    return arith::CmpFOp::create(c.e.b, c.e.loc(), real, x, y);
  return arith::CmpIOp::create(c.e.b, c.e.loc(), integer, x, y);
}

Value negate(OperatorContext &c, Value x) {
  if (isReal(x))
    return arith::NegFOp::create(c.e.b, c.e.loc(), x);
  Value zero = arith::ConstantIntOp::create(c.e.b, c.e.loc(), x.getType(), 0);
  return arith::SubIOp::create(c.e.b, c.e.loc(), zero, x);
}
Value absolute(OperatorContext &c, Value x) {
  return isReal(x) ? unary<math::AbsFOp>(c, x) : unary<math::AbsIOp>(c, x);
}
Value reciprocal(OperatorContext &c, Value x) {
  return arith::DivFOp::create(c.e.b, c.e.loc(), c.e.real(x.getType(), 1), x);
}
Value relu(OperatorContext &c, Value x) {
  if (isReal(x))
    return arith::MaximumFOp::create(c.e.b, c.e.loc(), x, c.e.real(x.getType(), 0));
  return arith::MaxSIOp::create(c.e.b, c.e.loc(), x, arith::ConstantIntOp::create(c.e.b, c.e.loc(), x.getType(), 0));
}
Value softplus(OperatorContext &c, Value x) { // max(x, 0) + log(1 + exp(-|x|)): no overflow
  Value small = math::ExpOp::create(c.e.b, c.e.loc(), arith::NegFOp::create(c.e.b, c.e.loc(), absolute(c, x)));
  Value log =
      math::LogOp::create(c.e.b, c.e.loc(), arith::AddFOp::create(c.e.b, c.e.loc(), small, c.e.real(x.getType(), 1)));
  return arith::AddFOp::create(c.e.b, c.e.loc(), relu(c, x), log);
}
Value logicalNot(OperatorContext &c, Value x) {
  return arith::XOrIOp::create(c.e.b, c.e.loc(), x, arith::ConstantIntOp::create(c.e.b, c.e.loc(), x.getType(), 1));
}
Value sigmoidOf(OperatorContext &c, Value x) { return sigmoid(c.e, x); }
Value swish(OperatorContext &c, Value x) {
  Value scaled = arith::MulFOp::create(c.e.b, c.e.loc(), x, c.e.real(x.getType(), c.real("alpha", 1)));
  return arith::MulFOp::create(c.e.b, c.e.loc(), x, sigmoid(c.e, scaled));
}
Value gelu(OperatorContext &c, Value x) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  Value inner;
  if (c.text("approximate", "none") == "tanh") {
    Value cube = arith::MulFOp::create(b, loc, x, arith::MulFOp::create(b, loc, x, x));
    Value sum = arith::AddFOp::create(b, loc, x, arith::MulFOp::create(b, loc, cube, c.e.real(x.getType(), 0.044715)));
    inner = math::TanhOp::create(b, loc, arith::MulFOp::create(b, loc, sum, c.e.real(x.getType(), 0.7978845608028654)));
  } else {
    inner = math::ErfOp::create(b, loc, arith::MulFOp::create(b, loc, x, c.e.real(x.getType(), 0.7071067811865476)));
  }
  Value half = arith::MulFOp::create(b, loc, x, c.e.real(x.getType(), 0.5));
  return arith::MulFOp::create(b, loc, half, arith::AddFOp::create(b, loc, inner, c.e.real(x.getType(), 1)));
}

/// x as another element type: floats to integers round towards 0, anything to bool is x != 0.
Value cast(OperatorContext &c, Value x) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  Type from = x.getType(), to = c.output(0)->element;
  if (from == to)
    return x;
  if (to.isInteger(1))
    return isReal(x) ? Value(arith::CmpFOp::create(b, loc, CmpFPredicate::UNE, x, c.e.real(from, 0)))
                     : Value(arith::CmpIOp::create(b, loc, CmpIPredicate::ne, x,
                                                   arith::ConstantIntOp::create(b, loc, from, 0)));
  unsigned width = from.getIntOrFloatBitWidth(), wanted = to.getIntOrFloatBitWidth();
  if (isReal(x) && isa<FloatType>(to))
    return wanted > width ? Value(arith::ExtFOp::create(b, loc, to, x)) : Value(arith::TruncFOp::create(b, loc, to, x));
  if (isReal(x))
    return arith::FPToSIOp::create(b, loc, to, x);
  if (isa<FloatType>(to))
    return from.isInteger(1) ? Value(arith::UIToFPOp::create(b, loc, to, x))
                             : Value(arith::SIToFPOp::create(b, loc, to, x));
  if (wanted < width)
    return arith::TruncIOp::create(b, loc, to, x);
  return from.isInteger(1) ? Value(arith::ExtUIOp::create(b, loc, to, x))
                           : Value(arith::ExtSIOp::create(b, loc, to, x));
}

Unary findUnary(StringRef name) {
  return llvm::StringSwitch<Unary>(name)
      .Case("Neg", negate)
      .Case("Abs", absolute)
      .Case("Sqrt", unary<math::SqrtOp>)
      .Case("Reciprocal", reciprocal)
      .Case("Exp", unary<math::ExpOp>)
      .Case("Log", unary<math::LogOp>)
      .Case("Sigmoid", sigmoidOf)
      .Case("Tanh", unary<math::TanhOp>)
      .Case("Erf", unary<math::ErfOp>)
      .Case("Relu", relu)
      .Case("Softplus", softplus)
      .Case("Sin", unary<math::SinOp>)
      .Case("Cos", unary<math::CosOp>)
      .Case("Floor", unary<math::FloorOp>)
      .Case("Not", logicalNot)
      .Case("Swish", swish)
      .Case("Gelu", gelu)
      .Case("Cast", cast)
      .Default(nullptr);
}

Binary findBinary(StringRef name) {
  return llvm::StringSwitch<Binary>(name)
      .Case("Add", binary<arith::AddFOp, arith::AddIOp>)
      .Case("Sub", binary<arith::SubFOp, arith::SubIOp>)
      .Case("Mul", binary<arith::MulFOp, arith::MulIOp>)
      .Case("Div", binary<arith::DivFOp, arith::DivSIOp>)
      .Case("Min", binary<arith::MinimumFOp, arith::MinSIOp>)
      .Case("Max", binary<arith::MaximumFOp, arith::MaxSIOp>)
      .Case("And", binary<arith::AndIOp, arith::AndIOp>)
      .Case("Or", binary<arith::OrIOp, arith::OrIOp>)
      .Case("Equal", compare<CmpFPredicate::OEQ, CmpIPredicate::eq>)
      .Case("Less", compare<CmpFPredicate::OLT, CmpIPredicate::slt>)
      .Case("LessOrEqual", compare<CmpFPredicate::OLE, CmpIPredicate::sle>)
      .Case("Greater", compare<CmpFPredicate::OGT, CmpIPredicate::sgt>)
      .Case("GreaterOrEqual", compare<CmpFPredicate::OGE, CmpIPredicate::sge>)
      .Default(nullptr);
}

LogicalResult lowerUnary(OperatorContext &c) {
  Unary compute = findUnary(c.op->getName().stripDialect());
  c.e.parallel(c.e.product(c.output(0)->extents),
               [&](Value position) { c.e.store(*c.output(0), position, compute(c, c.e.load(*c.input(0), position))); });
  return success();
}

LogicalResult lowerBinary(OperatorContext &c) { // two inputs, or any number for Min and Max
  Binary compute = findBinary(c.op->getName().stripDialect());
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value result = c.e.loadBroadcast(*c.input(0), index);
    for (const Buffer *other : ArrayRef(c.inputs).drop_front())
      result = compute(c, result, c.e.loadBroadcast(*other, index));
    return result;
  });
  return success();
}

LogicalResult lowerWhere(OperatorContext &c) {
  c.e.fill(*c.output(0), [&](ValueRange index) {
    return c.e.select(c.e.loadBroadcast(*c.input(0), index), c.e.loadBroadcast(*c.input(1), index),
                      c.e.loadBroadcast(*c.input(2), index));
  });
  return success();
}

LogicalResult lowerClip(OperatorContext &c) {
  Binary smaller = findBinary("Min"), larger = findBinary("Max");
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value x = c.e.loadBroadcast(*c.input(0), index);
    if (c.input(1))
      x = larger(c, x, c.e.load(*c.input(1), c.e.i64(0)));
    if (c.input(2))
      x = smaller(c, x, c.e.load(*c.input(2), c.e.i64(0)));
    return x;
  });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findElementwise(StringRef name) {
  if (findUnary(name))
    return lowerUnary;
  if (findBinary(name))
    return lowerBinary;
  return llvm::StringSwitch<OperatorLowering>(name).Case("Where", lowerWhere).Case("Clip", lowerClip).Default(nullptr);
}
