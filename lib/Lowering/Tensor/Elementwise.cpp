// Operators that compute each element from the elements at the same index.
#include "lib/Lowering/Tensor/Formulas.h"
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
int64_t OperatorContext::axis(int64_t otherwise, int64_t rank) const {
  int64_t axis = integer("axis", otherwise);
  return axis < 0 ? axis + rank : axis;
}

namespace {

bool isReal(Value value) { return isa<FloatType>(value.getType()); }
/// Whether integers of the op's first input have no sign.
bool isUnsigned(OperatorContext &c) { return c.input(0)->element.isUnsignedInteger(); }

using Unary = Value (*)(OperatorContext &, Value);
using Binary = Value (*)(OperatorContext &, Value, Value);

template <typename Real, typename Signed, typename Unsigned = Signed>
Value binary(OperatorContext &c, Value x, Value y) {
  if (isReal(x))
    return Real::create(c.e.b, c.e.loc(), x, y);
  return isUnsigned(c) ? Value(Unsigned::create(c.e.b, c.e.loc(), x, y))
                       : Value(Signed::create(c.e.b, c.e.loc(), x, y));
}
template <typename Op> Value bits(OperatorContext &c, Value x, Value y) { return Op::create(c.e.b, c.e.loc(), x, y); }
template <CmpFPredicate real, CmpIPredicate isSigned, CmpIPredicate unsignedOne = isSigned>
Value compare(OperatorContext &c, Value x, Value y) {
  if (isReal(x))
    return arith::CmpFOp::create(c.e.b, c.e.loc(), real, x, y);
  return arith::CmpIOp::create(c.e.b, c.e.loc(), isUnsigned(c) ? unsignedOne : isSigned, x, y);
}

/// Integer quotients round towards 0; a divisor of 0 gives 0, and the least number by -1 itself, so that no data traps.
Value divide(OperatorContext &c, Value x, Value y) {
  if (isReal(x))
    return arith::DivFOp::create(c.e.b, c.e.loc(), x, y);
  return integerQuotient(c.e, x, y, isUnsigned(c));
}
Value modulo(OperatorContext &c, Value x, Value y) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  bool ofDividend = c.integer("fmod", 0);
  if (isReal(x)) {
    Value rest = realRemainder(c.e, x, y);
    if (ofDividend)
      return rest;
    Value zero = c.e.real(x.getType(), 0);
    Value other = arith::CmpFOp::create(b, loc, CmpFPredicate::OLT, arith::MulFOp::create(b, loc, rest, y), zero);
    return c.e.select(other, arith::AddFOp::create(b, loc, rest, y), rest);
  }
  Value rest = arith::SubIOp::create(b, loc, x, c.e.mul(integerQuotient(c.e, x, y, isUnsigned(c)), y));
  if (ofDividend || isUnsigned(c))
    return rest;
  Value zero = c.e.integer(x.getType(), 0);
  Value signs = arith::XOrIOp::create(b, loc, rest, y);
  Value other = c.e.both(c.e.less(signs, zero), c.e.negated(c.e.equal(rest, zero)));
  return c.e.select(other, c.e.add(rest, y), rest);
}
/// Bits that are shifted in are 0, those from the left of a signed number its sign. By the width or more, or by less
/// than 0: all of them.
Value shift(OperatorContext &c, Value x, Value y) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  Type type = x.getType();
  int64_t bits = type.getIntOrFloatBitWidth();
  Value inside = arith::CmpIOp::create(b, loc, CmpIPredicate::ult, y, c.e.integer(type, bits));
  Value by = c.e.select(inside, y, c.e.integer(type, bits - 1)), zero = c.e.integer(type, 0);
  if (c.text("direction", "LEFT") == "LEFT")
    return c.e.select(inside, arith::ShLIOp::create(b, loc, x, by), zero);
  if (!isUnsigned(c))
    return arith::ShRSIOp::create(b, loc, x, by);
  return c.e.select(inside, arith::ShRUIOp::create(b, loc, x, by), zero);
}
Value prelu(OperatorContext &c, Value x, Value slope) {
  Value zero = c.e.number(x.getType(), 0),
        below = compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>(c, x, zero);
  return c.e.select(below, binary<arith::MulFOp, arith::MulIOp>(c, x, slope), x);
}

Unary findUnary(StringRef name) {
  return llvm::StringSwitch<Unary>(name)
      .Case("Neg",
            [](OperatorContext &c, Value x) -> Value {
              return isReal(x) ? Value(arith::NegFOp::create(c.e.b, c.e.loc(), x))
                               : c.e.sub(c.e.integer(x.getType(), 0), x);
            })
      .Case("Abs",
            [](OperatorContext &c, Value x) -> Value {
              if (isReal(x))
                return math::AbsFOp::create(c.e.b, c.e.loc(), x);
              return isUnsigned(c) ? x : Value(math::AbsIOp::create(c.e.b, c.e.loc(), x));
            })
      .Case("Sqrt", [](OperatorContext &c, Value x) -> Value { return math::SqrtOp::create(c.e.b, c.e.loc(), x); })
      .Case("Exp", [](OperatorContext &c, Value x) -> Value { return math::ExpOp::create(c.e.b, c.e.loc(), x); })
      .Case("Log", [](OperatorContext &c, Value x) -> Value { return math::LogOp::create(c.e.b, c.e.loc(), x); })
      .Case("Tanh", [](OperatorContext &c, Value x) -> Value { return math::TanhOp::create(c.e.b, c.e.loc(), x); })
      .Case("Erf", [](OperatorContext &c, Value x) -> Value { return math::ErfOp::create(c.e.b, c.e.loc(), x); })
      .Case("Sin", [](OperatorContext &c, Value x) -> Value { return math::SinOp::create(c.e.b, c.e.loc(), x); })
      .Case("Cos", [](OperatorContext &c, Value x) -> Value { return math::CosOp::create(c.e.b, c.e.loc(), x); })
      .Case("Floor", [](OperatorContext &c, Value x) -> Value { return math::FloorOp::create(c.e.b, c.e.loc(), x); })
      .Case("Ceil", [](OperatorContext &c, Value x) -> Value { return math::CeilOp::create(c.e.b, c.e.loc(), x); })
      .Case("Round",
            [](OperatorContext &c, Value x) -> Value { return math::RoundEvenOp::create(c.e.b, c.e.loc(), x); })
      .Case("Not", [](OperatorContext &c, Value x) -> Value { return c.e.negated(x); })
      .Case("BitwiseNot",
            [](OperatorContext &c, Value x) -> Value {
              return arith::XOrIOp::create(c.e.b, c.e.loc(), x, c.e.integer(x.getType(), -1));
            })
      .Case("Cast",
            [](OperatorContext &c, Value x) { return c.e.convert(x, c.input(0)->element, c.output(0)->element); })
      .Case("CastLike",
            [](OperatorContext &c, Value x) { return c.e.convert(x, c.input(0)->element, c.output(0)->element); })
      .Case("IsNaN",
            [](OperatorContext &c, Value x) -> Value {
              return arith::CmpFOp::create(c.e.b, c.e.loc(), CmpFPredicate::UNO, x, x);
            })
      .Case("IsInf",
            [](OperatorContext &c, Value x) -> Value {
              double infinity = std::numeric_limits<double>::infinity();
              Value result = c.e.i1(false);
              for (auto [attribute, value] :
                   {std::pair("detect_positive", infinity), std::pair("detect_negative", -infinity)})
                if (c.integer(attribute, 1))
                  result = c.e.either(result, arith::CmpFOp::create(c.e.b, c.e.loc(), CmpFPredicate::OEQ, x,
                                                                    c.e.real(x.getType(), value)));
              return result;
            })
      .Case("Sign",
            [](OperatorContext &c, Value x) -> Value {
              Value zero = c.e.number(x.getType(), 0);
              Value above = compare<CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt>(c, x, zero),
                    below = compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>(c, x, zero);
              Value other = isReal(x) ? x : zero; // 0, or NaN
              return c.e.select(above, c.e.number(x.getType(), 1),
                                c.e.select(below, c.e.number(x.getType(), -1), other));
            })
      .Case("Reciprocal",
            [](OperatorContext &c, Value x) -> Value {
              return arith::DivFOp::create(c.e.b, c.e.loc(), c.e.real(x.getType(), 1), x);
            })
      .Case("Relu",
            [](OperatorContext &c, Value x) -> Value {
              return binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(c, x, c.e.number(x.getType(), 0));
            })
      .Case("Sigmoid", [](OperatorContext &c, Value x) { return sigmoid(c.e, x); })
      .Case("Softplus", [](OperatorContext &c, Value x) { return softplus(c.e, x); })
      .Case("Softsign", [](OperatorContext &c, Value x) { return softsign(c.e, x); })
      .Case("Mish", [](OperatorContext &c, Value x) { return mish(c.e, x); })
      .Case("HardSwish",
            [](OperatorContext &c, Value x) { return multiply(c.e, x, hardSigmoid(c.e, x, 1.0 / 6, 0.5)); })
      .Case("HardSigmoid",
            [](OperatorContext &c, Value x) { return hardSigmoid(c.e, x, c.real("alpha", 0.2), c.real("beta", 0.5)); })
      .Case("Elu", [](OperatorContext &c, Value x) { return elu(c.e, x, c.real("alpha", 1), 1); })
      .Case("Celu", [](OperatorContext &c, Value x) { return elu(c.e, x, c.real("alpha", 1), c.real("alpha", 1)); })
      .Case("LeakyRelu",
            [](OperatorContext &c, Value x) { return prelu(c, x, c.e.real(x.getType(), c.real("alpha", 0.01))); })
      .Case("Swish", [](OperatorContext &c, Value x) { return swish(c.e, x, c.real("alpha", 1)); })
      .Case("QuickGelu", [](OperatorContext &c, Value x) { return swish(c.e, x, c.real("alpha", 1.702)); })
      .Case("Gelu", [](OperatorContext &c,
                       Value x) { return c.text("approximate", "none") == "tanh" ? geluTanh(c.e, x) : gelu(c.e, x); })
      .Case("microsoft.Gelu", [](OperatorContext &c, Value x) { return gelu(c.e, x); })
      .Default(nullptr);
}

Binary findBinary(StringRef name) {
  return llvm::StringSwitch<Binary>(name)
      .Cases({"Add", "Sum", "Mean"}, binary<arith::AddFOp, arith::AddIOp>)
      .Case("Sub", binary<arith::SubFOp, arith::SubIOp>)
      .Case("Mul", binary<arith::MulFOp, arith::MulIOp>)
      .Case("Div", divide)
      .Case("Mod", modulo)
      .Case("Min", binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>)
      .Case("Max", binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>)
      .Cases({"And", "BitwiseAnd"}, bits<arith::AndIOp>)
      .Cases({"Or", "BitwiseOr"}, bits<arith::OrIOp>)
      .Cases({"Xor", "BitwiseXor"}, bits<arith::XOrIOp>)
      .Case("BitShift", shift)
      .Case("PRelu", prelu)
      .Case("SwiGLU",
            [](OperatorContext &c, Value x, Value y) { return multiply(c.e, swish(c.e, x, c.real("alpha", 1)), y); })
      .Case("BiasGelu", [](OperatorContext &c, Value x,
                           Value y) { return gelu(c.e, arith::AddFOp::create(c.e.b, c.e.loc(), x, y)); })
      .Case("FastGelu", [](OperatorContext &c, Value x,
                           Value y) { return geluTanh(c.e, arith::AddFOp::create(c.e.b, c.e.loc(), x, y)); })
      .Case("Equal", compare<CmpFPredicate::OEQ, CmpIPredicate::eq>)
      .Case("Less", compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>)
      .Case("LessOrEqual", compare<CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule>)
      .Case("Greater", compare<CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt>)
      .Case("GreaterOrEqual", compare<CmpFPredicate::OGE, CmpIPredicate::sge, CmpIPredicate::uge>)
      .Default(nullptr);
}

LogicalResult lowerUnary(OperatorContext &c) {
  Unary compute = findUnary(c.op->getName().stripDialect());
  c.e.fillFlat(*c.output(0), [&](Value position) { return compute(c, c.e.load(*c.input(0), position)); });
  return success();
}

LogicalResult lowerBinary(OperatorContext &c) { // two inputs, or any number for Min, Max, Sum and Mean
  StringRef name = c.op->getName().stripDialect();
  Binary compute = findBinary(name);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value result = c.e.loadBroadcast(*c.input(0), index);
    unsigned count = 0;
    for (const Buffer *input : c.inputs) {
      if (count++ && input)
        result = compute(c, result, c.e.loadBroadcast(*input, index));
    }
    if (name == "FastGelu" && !c.input(1))
      return geluTanh(c.e, result);
    if (name == "Mean")
      return Value(arith::DivFOp::create(c.e.b, c.e.loc(), result, c.e.real(result.getType(), count)));
    return result;
  });
  return success();
}

/// a to the power b; a and b may be of different types, the result is of the type of a.
LogicalResult lowerPow(OperatorContext &c) {
  const Buffer &a = *c.input(0), &b = *c.input(1);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    return power(c.e, c.e.loadBroadcast(a, index), a.element, c.e.loadBroadcast(b, index), b.element);
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
  c.e.fillFlat(*c.output(0), [&](Value position) {
    Value x = c.e.load(*c.input(0), position);
    if (c.input(1))
      x = larger(c, x, c.e.load(*c.input(1), c.e.i64(0)));
    if (c.input(2))
      x = smaller(c, x, c.e.load(*c.input(2), c.e.i64(0)));
    return x;
  });
  return success();
}

/// The bytes as they are; of a bool only whether it is 0.
LogicalResult lowerBitCast(OperatorContext &c) {
  Type bits = c.e.b.getIntegerType(8 * elementBytes(c.input(0)->element));
  Buffer from = *c.input(0), to = *c.output(0);
  if (!isBelowByte(from.element))
    from.element = to.element = bits;
  bool toBool = c.output(0)->element.isInteger(1);
  c.e.fillFlat(to, [&](Value position) {
    Value byte = c.e.load(from, position);
    if (!toBool)
      return byte;
    Value zero = c.e.integer(bits, 0);
    return Value(arith::ExtUIOp::create(c.e.b, c.e.loc(), bits,
                                        arith::CmpIOp::create(c.e.b, c.e.loc(), CmpIPredicate::ne, byte, zero)));
  });
  return success();
}

LogicalResult lowerDropout(OperatorContext &c) {
  c.e.fillFlat(*c.output(0), [&](Value position) { return c.e.load(*c.input(0), position); });
  if (c.output(1))
    c.e.fillFlat(*c.output(1), [&](Value) { return c.e.i1(true); });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findElementwise(StringRef name) {
  if (findUnary(name))
    return lowerUnary;
  if (findBinary(name))
    return lowerBinary;
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("Pow", lowerPow)
      .Case("Where", lowerWhere)
      .Case("Clip", lowerClip)
      .Case("BitCast", lowerBitCast)
      .Case("Dropout", lowerDropout)
      .Default(nullptr);
}
