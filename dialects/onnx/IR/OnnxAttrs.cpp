// Attributes of the onnx dialect and the table of element types.
#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace janus::onnx;

LogicalResult RangeAttr::verify(function_ref<InFlightDiagnostic()> error, StringRef file, Type storage, int64_t offset,
                                int64_t length) {
  if (file.empty() || file.starts_with("/"))
    return error() << "expects a file name relative to the model's folder, found '" << file << "'";
  if (offset < 0 || length < 0)
    return error() << "expects offset and length of at least 0, found " << offset << " and " << length;
  if (!getDataType(storage))
    return error() << "expects a storage type of ONNX, found " << storage;
  return success();
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> dims;
  auto parseDim = [&]() -> ParseResult {
    int64_t value;
    auto number = parser.parseOptionalInteger(value);
    if (number.has_value()) {
      dims.push_back(parser.getBuilder().getStringAttr(std::to_string(value)));
      return *number;
    }
    SMLoc loc = parser.getCurrentLocation();
    std::string text;
    if (parser.parseString(&text))
      return failure();
    auto expr = SymExpr::parse(text);
    if (!expr)
      return parser.emitError(loc) << "expects an integer or an expression over sizes, found '" << text << "'";
    dims.push_back(parser.getBuilder().getStringAttr(expr->str()));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseDim))
    return {};
  return DimsAttr::get(parser.getContext(), dims);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getDims(), printer, [&](StringAttr dim) {
    int64_t value;
    if (dim.getValue().getAsInteger(10, value))
      printer << dim;
    else
      printer << value;
  });
  printer << ">";
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type, function_ref<InFlightDiagnostic()> error) const {
  if (shape.size() != getDims().size())
    return error() << "expects " << shape.size() << " symbolic dimensions, found " << getDims().size();
  for (auto [extent, dim] : llvm::zip(shape, getDims())) {
    auto expr = SymExpr::parse(dim.getValue().str());
    int64_t found = expr ? expr->constant().value_or(ShapedType::kDynamic) : ShapedType::kDynamic;
    if (!expr || found != extent)
      return error() << "symbolic dimension " << dim << " contradicts the extent "
                     << (ShapedType::isDynamic(extent) ? "?" : std::to_string(extent));
  }
  return success();
}

namespace janus::onnx {
namespace {
/// ONNX DataType by position; null entries: strings and gaps. Signed integers are signless, unsigned ones carry the
/// sign.
Type elementAt(MLIRContext *c, int64_t dataType) {
  Builder b(c);
  auto unsignedInt = [&](unsigned bits) { return IntegerType::get(c, bits, IntegerType::Unsigned); };
  switch (dataType) {
  case 1:
    return b.getF32Type();
  case 2:
    return unsignedInt(8);
  case 3:
    return b.getIntegerType(8);
  case 4:
    return unsignedInt(16);
  case 5:
    return b.getIntegerType(16);
  case 6:
    return b.getI32Type();
  case 7:
    return b.getI64Type();
  case 9:
    return b.getI1Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 12:
    return unsignedInt(32);
  case 13:
    return unsignedInt(64);
  case 14:
    return ComplexType::get(b.getF32Type());
  case 15:
    return ComplexType::get(b.getF64Type());
  case 16:
    return b.getBF16Type();
  case 17:
    return Float8E4M3FNType::get(c);
  case 18:
    return Float8E4M3FNUZType::get(c);
  case 19:
    return Float8E5M2Type::get(c);
  case 20:
    return Float8E5M2FNUZType::get(c);
  case 21:
    return unsignedInt(4);
  case 22:
    return b.getIntegerType(4);
  case 23:
    return Float4E2M1FNType::get(c);
  case 24:
    return Float8E8M0FNUType::get(c);
  case 25:
    return unsignedInt(2);
  case 26:
    return b.getIntegerType(2);
  default:
    return {};
  }
}
} // namespace

Type getElementType(MLIRContext *context, int64_t dataType) { return elementAt(context, dataType); }

int64_t getDataType(Type element) {
  for (int64_t i = 1; i <= 26; ++i)
    if (elementAt(element.getContext(), i) == element)
      return i;
  return 0;
}

int64_t getStorageBits(Type element) {
  if (auto complex = dyn_cast<ComplexType>(element))
    return 2 * getStorageBits(complex.getElementType());
  unsigned bits = element.getIntOrFloatBitWidth();
  return bits == 1 ? 8 : bits;
}
} // namespace janus::onnx
