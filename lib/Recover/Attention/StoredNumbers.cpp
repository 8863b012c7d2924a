#include "lib/Recover/Attention/StoredNumbers.h"

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace janus::recover {

namespace {

/// Number `i` of little-endian storage of this type.
std::optional<double> numberAt(const char *data, int64_t i, Type type) {
  unsigned bits = onnx::getStorageBits(type);
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
    return std::nullopt;
  uint64_t raw = 0;
  std::memcpy(&raw, data + i * (bits / 8), bits / 8);
  if (type.isInteger(1))
    return raw != 0;
  if (auto floating = dyn_cast<FloatType>(type)) {
    if (floating.getWidth() != bits)
      return std::nullopt;
    APFloat value(floating.getFloatSemantics(), APInt(bits, raw));
    bool lost;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    return value.convertToDouble();
  }
  if (!isa<IntegerType>(type))
    return std::nullopt;
  APInt value(bits, raw);
  return type.isUnsignedInteger() ? static_cast<double>(value.getZExtValue())
                                  : static_cast<double>(value.getSExtValue());
}

} // namespace

const StoredNumbers::Tensor *StoredNumbers::read(Value value) {
  if (auto it = tensors_.find(value); it != tensors_.end())
    return it->second.get();
  std::unique_ptr<Tensor> &result = tensors_[value];
  auto type = dyn_cast<RankedTensorType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (!op || !type || !type.hasStaticShape() || type.getNumElements() > kMaxNumbers)
    return nullptr;
  Attribute data;
  if (auto constant = dyn_cast<onnx::ConstantValueOp>(op))
    data = constant.getValue();
  else if (auto read = dyn_cast<onnx::InitializerValueOp>(op))
    if (auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(op, read.getInitializerAttr()))
      data = initializer.getData();
  auto tensor = std::make_unique<Tensor>();
  tensor->shape.assign(type.getShape().begin(), type.getShape().end());
  tensor->numbers.reserve(type.getNumElements());
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(data)) {
    if (isa<FloatType>(elements.getElementType())) {
      for (APFloat number : elements.getValues<APFloat>()) {
        bool lost;
        number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
        tensor->numbers.push_back(number.convertToDouble());
      }
    } else if (auto integer = dyn_cast<IntegerType>(elements.getElementType())) {
      bool isUnsigned = integer.isUnsigned() || integer.getWidth() == 1;
      for (const APInt &number : elements.getValues<APInt>())
        tensor->numbers.push_back(isUnsigned ? static_cast<double>(number.getZExtValue())
                                             : static_cast<double>(number.getSExtValue()));
    } else {
      return nullptr;
    }
  } else if (auto range = dyn_cast_or_null<onnx::RangeAttr>(data)) {
    if (range.getLength() < type.getNumElements() * (onnx::getStorageBits(range.getStorage()) / 8))
      return nullptr;
    llvm::SmallString<128> path(folder_);
    llvm::sys::path::append(path, range.getFile());
    auto buffer = llvm::MemoryBuffer::getFileSlice(path, range.getLength(), range.getOffset());
    if (!buffer || static_cast<int64_t>((*buffer)->getBufferSize()) < range.getLength())
      return nullptr;
    for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
      auto number = numberAt((*buffer)->getBufferStart(), i, range.getStorage());
      if (!number)
        return nullptr;
      tensor->numbers.push_back(*number);
    }
  } else {
    return nullptr;
  }
  result = std::move(tensor);
  return result.get();
}

} // namespace janus::recover
