#include "lib/Recover/Meaning/Function.h"

#include "dialects/onnx/IR/OnnxOps.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

double evaluate(Fn fn, ArrayRef<double> x) {
  switch (fn) {
  case Fn::kAdd:
    return x[0] + x[1];
  case Fn::kSub:
    return x[0] - x[1];
  case Fn::kMul:
    return x[0] * x[1];
  case Fn::kDiv:
    return x[0] / x[1];
  case Fn::kIntDiv:
    return std::trunc(x[0] / x[1]);
  case Fn::kPow:
    return std::pow(x[0], x[1]);
  case Fn::kMod: // the sign of the divisor, as ONNX's Mod with fmod = 0
    return x[0] - std::floor(x[0] / x[1]) * x[1];
  case Fn::kMin:
    return std::min(x[0], x[1]);
  case Fn::kMax:
    return std::max(x[0], x[1]);
  case Fn::kEqual:
    return x[0] == x[1];
  case Fn::kLess:
    return x[0] < x[1];
  case Fn::kLessEqual:
    return x[0] <= x[1];
  case Fn::kGreater:
    return x[0] > x[1];
  case Fn::kGreaterEqual:
    return x[0] >= x[1];
  case Fn::kAnd:
    return x[0] != 0 && x[1] != 0;
  case Fn::kOr:
    return x[0] != 0 || x[1] != 0;
  case Fn::kXor:
    return (x[0] != 0) != (x[1] != 0);
  case Fn::kNeg:
    return -x[0];
  case Fn::kAbs:
    return std::fabs(x[0]);
  case Fn::kSqrt:
    return std::sqrt(x[0]);
  case Fn::kReciprocal:
    return 1 / x[0];
  case Fn::kExp:
    return std::exp(x[0]);
  case Fn::kLog:
    return std::log(x[0]);
  case Fn::kSigmoid:
    return 1 / (1 + std::exp(-x[0]));
  case Fn::kTanh:
    return std::tanh(x[0]);
  case Fn::kErf:
    return std::erf(x[0]);
  case Fn::kRelu:
    return std::max(x[0], 0.0);
  case Fn::kSoftplus:
    return x[0] > 30 ? x[0] : std::log1p(std::exp(x[0]));
  case Fn::kFloor:
    return std::floor(x[0]);
  case Fn::kCeil:
    return std::ceil(x[0]);
  case Fn::kNot:
    return x[0] == 0;
  case Fn::kIsNaN:
    return std::isnan(x[0]);
  case Fn::kTruncate:
    return std::trunc(x[0]);
  case Fn::kToBool:
    return x[0] != 0;
  case Fn::kSin:
    return std::sin(x[0]);
  case Fn::kCos:
    return std::cos(x[0]);
  case Fn::kSign:
    return (x[0] > 0) - (x[0] < 0);
  case Fn::kWhere:
    return x[0] != 0 ? x[1] : x[2];
  }
  return NAN;
}

bool isCommutative(Fn fn) {
  switch (fn) {
  case Fn::kAdd:
  case Fn::kMul:
  case Fn::kMin:
  case Fn::kMax:
  case Fn::kEqual:
  case Fn::kAnd:
  case Fn::kOr:
  case Fn::kXor:
    return true;
  default:
    return false;
  }
}

namespace {

Type elementOf(Value value) {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  return tensor ? tensor.getElementType() : Type();
}

/// What a Cast does to a number that the target can hold; exactness of floats is left aside.
std::optional<Fn> functionOfCast(Operation *op) {
  Type from = elementOf(op->getOperand(0)), to = elementOf(op->getResult(0));
  if (!from || !to)
    return std::nullopt;
  if (to.isInteger(1) && !from.isInteger(1))
    return Fn::kToBool;
  if (to.isInteger() && isa<FloatType>(from))
    return Fn::kTruncate;
  return std::nullopt;
}

} // namespace

std::optional<Fn> functionOf(Operation *op) {
  StringRef name = op->getName().stripDialect();
  if (name == "Cast")
    return functionOfCast(op);
  if (name == "Div")
    return elementOf(op->getResult(0)).isInteger() ? Fn::kIntDiv : Fn::kDiv;
  if (name == "Mod") {
    auto fmod = op->getAttrOfType<IntegerAttr>("fmod");
    return fmod && fmod.getInt() ? std::nullopt : std::optional(Fn::kMod);
  }
  return llvm::StringSwitch<std::optional<Fn>>(name)
      .Case("Add", Fn::kAdd)
      .Case("Sub", Fn::kSub)
      .Case("Mul", Fn::kMul)
      .Case("Pow", Fn::kPow)
      .Case("Equal", Fn::kEqual)
      .Case("Less", Fn::kLess)
      .Case("LessOrEqual", Fn::kLessEqual)
      .Case("Greater", Fn::kGreater)
      .Case("GreaterOrEqual", Fn::kGreaterEqual)
      .Case("And", Fn::kAnd)
      .Case("Or", Fn::kOr)
      .Case("Xor", Fn::kXor)
      .Case("Neg", Fn::kNeg)
      .Case("Abs", Fn::kAbs)
      .Case("Sqrt", Fn::kSqrt)
      .Case("Reciprocal", Fn::kReciprocal)
      .Case("Exp", Fn::kExp)
      .Case("Log", Fn::kLog)
      .Case("Sigmoid", Fn::kSigmoid)
      .Case("Tanh", Fn::kTanh)
      .Case("Erf", Fn::kErf)
      .Case("Relu", Fn::kRelu)
      .Case("Softplus", Fn::kSoftplus)
      .Case("Floor", Fn::kFloor)
      .Case("Ceil", Fn::kCeil)
      .Case("Not", Fn::kNot)
      .Case("IsNaN", Fn::kIsNaN)
      .Case("Sin", Fn::kSin)
      .Case("Cos", Fn::kCos)
      .Case("Sign", Fn::kSign)
      .Case("Where", Fn::kWhere)
      .Default(std::nullopt);
}

} // namespace janus::recover
