// Which element types operators take.
#include "dialects/onnx/IR/Infer.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace janus::onnx {
namespace {
/// One letter an input, the last for all that follow:
///   * any   n a number: floats of 16 to 64 bits and integers   s as n, or bool   r a float of 16 to 64 bits
///   b bool   u an integer   i int32 or int64   q bytes or 4-bit integers   z an integer of 2 to 32 bits   = as input 0
const llvm::StringMap<StringRef> &signatures() {
  static const llvm::StringMap<StringRef> table = [] {
    llvm::StringMap<StringRef> map;
    auto add = [&](StringRef signature, std::initializer_list<StringRef> names) {
      for (StringRef name : names)
        map[name] = signature;
    };
    add("r", {"Sqrt",
              "Reciprocal",
              "Exp",
              "Log",
              "Sigmoid",
              "Tanh",
              "Erf",
              "Softplus",
              "Sin",
              "Cos",
              "Floor",
              "Ceil",
              "Round",
              "HardSwish",
              "Mish",
              "Softsign",
              "IsNaN",
              "IsInf",
              "Elu",
              "Celu",
              "LeakyRelu",
              "HardSigmoid",
              "Swish",
              "Gelu",
              "microsoft.Gelu",
              "QuickGelu",
              "Softmax",
              "LogSoftmax",
              "LpNormalization"});
    add("r=", {"SwiGLU", "BiasGelu", "FastGelu", "FusedMatMul", "Conv", "CausalConvWithState",
               "microsoft.CausalConvWithState"});
    add("rr", {"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
               "SkipSimplifiedLayerNormalization"});
    add("n", {"Neg", "Abs", "Sign", "Relu", "ArgMax", "ArgMin"});
    add("n=", {"Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Sum", "Less", "LessOrEqual", "Greater",
               "GreaterOrEqual", "Clip", "MatMul", "Gemm", "Einsum", "Range", "PRelu"});
    add("r=", {"Mean"});
    add("ni", {"CumSum", "CumProd", "TopK", "ReduceSum", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2",
               "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"});
    add("si", {"ReduceMax", "ReduceMin"});
    add("nn", {"Pow"});
    add("s=", {"Equal"});
    add("b", {"And", "Or", "Xor", "Not", "If"});
    add("b*", {"Where"}); // which compares its other inputs itself
    add("u=", {"BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"});
    add("*i", {"Reshape", "Squeeze", "Unsqueeze", "Expand", "Tile", "Split", "Slice", "Gather", "GatherElements",
               "GatherND", "Trilu"});
    add("*i=", {"ScatterElements", "ScatterND"});
    add("*=i", {"TensorScatter"});
    add("*i*i", {"Pad"});
    add("*b", {"Compress"});
    add("ib*", {"Loop"});
    add("i", {"ConstantOfShape"});
    add("nn*", {"OneHot"});
    add("s", {"NonZero"});
    add("rrri", {"RotaryEmbedding"});
    add("rirr", {"microsoft.RotaryEmbedding"});
    add("rrrsrri", {"Attention"});
    add("rrrrriirrirrrrrr", {"GroupQueryAttention"});
    add("rrrrirrrii", {"MultiHeadAttention"});
    add("rrrrrr", {"LinearAttention", "microsoft.LinearAttention"});
    add("rr", {"MoE"});
    add("rrqrrqrrqrrqqqrrrrrrr", {"QMoE"});
    add("rqrnir", {"MatMulNBits"});
    add("qirq", {"GatherBlockQuantized"});
    add("zr=", {"DequantizeLinear"});
    return map;
  }();
  return table;
}

bool isReal(Type type) { return type.isF32() || type.isF64() || type.isF16() || type.isBF16(); }
bool isInteger(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.getWidth() >= 8;
}

bool matches(Type type, char letter) {
  switch (letter) {
  case '*':
    return true;
  case 'n':
    return isReal(type) || isInteger(type);
  case 's':
    return isReal(type) || isInteger(type) || type.isInteger(1);
  case 'r':
    return isReal(type);
  case 'b':
    return type.isInteger(1);
  case 'u':
    return isInteger(type);
  case 'i':
    return type.isSignlessInteger(32) || type.isSignlessInteger(64);
  case 'q':
    return isa<IntegerType>(type) && (type.getIntOrFloatBitWidth() == 8 || type.getIntOrFloatBitWidth() == 4);
  case 'z':
    return isa<IntegerType>(type) && type.getIntOrFloatBitWidth() > 1 && type.getIntOrFloatBitWidth() <= 32;
  default: // '=', which the caller has looked at
    return true;
  }
}

StringRef spelled(char letter) {
  switch (letter) {
  case 'n':
    return "a number";
  case 's':
    return "a number or bool";
  case 'r':
    return "a float of 16, 32 or 64 bits";
  case 'b':
    return "bool";
  case 'u':
    return "an integer";
  case 'i':
    return "int32 or int64";
  case 'q':
    return "bytes or 4-bit integers";
  case 'z':
    return "an integer of 2 to 32 bits";
  default:
    return "a tensor";
  }
}
} // namespace

LogicalResult checkElementTypes(Operation *op, ShapeContext &c) {
  auto found = signatures().find(op->getName().stripDialect());
  if (found == signatures().end())
    return success();
  StringRef signature = found->second;
  auto shape = cast<ShapeInterface>(op);
  size_t count = shape.getInputKinds().ends_with("v") ? op->getNumOperands() + 2 : shape.getInputKinds().size();
  Type first = getInput(op, 0) ? c.element(getInput(op, 0)) : Type();
  for (size_t i = 0; i < count; ++i) {
    Value input = getInput(op, i);
    Type type = input ? c.element(input) : Type();
    char letter = signature[std::min(i, signature.size() - 1)];
    if (type && letter == '=' && type != first)
      return op->emitOpError() << "expects inputs of one element type, found " << first << " and " << type;
    if (type && !matches(type, letter))
      return op->emitOpError() << "expects " << spelled(letter) << " as input " << i << ", found " << type;
  }
  return success();
}
} // namespace janus::onnx
