#include "lib/Import/ImportInternal.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace janus {

RankedTensorType TensorImporter::type(const onnx::Tensor &tensor) const {
  Type element = onnx::getElementType(context_, tensor.type);
  return element ? RankedTensorType::get(tensor.dims, element) : RankedTensorType();
}

bool TensorImporter::isSmall(const onnx::Tensor &tensor) {
  int64_t n = tensor.elements();
  bool complex = tensor.type == 14 || tensor.type == 15;
  switch (tensor.type) {
  case onnx::kInt32:
  case onnx::kInt64:
  case onnx::kBool:
  case onnx::kUint8:
  case 3:
  case 4:
  case 5:
  case 12:
  case 13:
    return n <= static_cast<int64_t>(onnx::ShapeContext::kMaxValues);
  default:
    return n <= 1 && !complex;
  }
}

/// What a graph scatters into and the two values of a OneHot decide what it computes.
bool TensorImporter::isStructural(const onnx::Tensor &tensor, StringRef name) {
  constexpr int64_t kMaxElements = 4096;
  if (!structural_) {
    structural_.emplace();
    for (const onnx::Node &node : model_.nodes)
      if (size_t input = node.type == "OneHot" ? 2 : 0;
          (node.type == "OneHot" || StringRef(node.type).starts_with("Scatter")) && input < node.inputs.size())
        structural_->insert(node.inputs[input]);
  }
  return structural_->count(name.str()) && tensor.elements() <= kMaxElements;
}

std::optional<StringRef> TensorImporter::bytes(const onnx::Tensor &tensor) {
  if (tensor.file.empty())
    return StringRef(tensor.bytes);
  auto &file = files_[tensor.file];
  if (!file) {
    llvm::SmallString<128> path(model_.folder);
    llvm::sys::path::append(path, tensor.file);
    auto mapped = onnx::MappedFile::open(path.str().str());
    if (!mapped.ok())
      return std::nullopt;
    file = std::make_unique<onnx::MappedFile>(std::move(*mapped));
  }
  StringRef all(file->bytes().data(), file->bytes().size());
  if (tensor.offset > all.size() || tensor.length > all.size() - tensor.offset)
    return std::nullopt; // the file has shrunk since it was checked
  return all.substr(tensor.offset, tensor.length);
}

DenseElementsAttr TensorImporter::elements(const onnx::Tensor &tensor) {
  RankedTensorType type = this->type(tensor);
  auto raw = bytes(tensor);
  if (!type || !raw || isa<ComplexType>(type.getElementType()))
    return {};
  Type element = type.getElementType();
  unsigned stored = onnx::getStorageBits(element), width = element.getIntOrFloatBitWidth();
  if (width >= 8) {
    ArrayRef<char> buffer(raw->data(), raw->size());
    // An i8 and wider is stored by MLIR as ONNX stores it.
    return type.getNumElements() ? DenseElementsAttr::getFromRawBuffer(type, buffer)
                                 : DenseElementsAttr::get(type, ArrayRef<Attribute>());
  }
  SmallVector<APInt> integers;
  SmallVector<APFloat> floats;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    size_t bit = static_cast<size_t>(i) * stored;
    uint64_t value = (static_cast<uint8_t>((*raw)[bit / 8]) >> (bit % 8)) & ((1u << stored) - 1);
    APInt number(width, width == 1 ? value != 0 : value);
    if (auto type = dyn_cast<FloatType>(element))
      floats.push_back(APFloat(type.getFloatSemantics(), number));
    else
      integers.push_back(number);
  }
  return floats.empty() ? DenseElementsAttr::get(type, integers) : DenseElementsAttr::get(type, floats);
}

Attribute TensorImporter::data(const onnx::Tensor &tensor, StringRef name) {
  if (tensor.file.empty() || isSmall(tensor))
    return elements(tensor);
  if (isStructural(tensor, name)) {
    DenseElementsAttr values = elements(tensor);
    auto raw = bytes(tensor);
    bool zeros = values && raw && llvm::all_of(*raw, [](char byte) { return byte == 0; });
    return zeros ? DenseElementsAttr::get(values.getType(),
                                          Attribute(Builder(context_).getZeroAttr(values.getElementType())))
                 : values;
  }
  return onnx::RangeAttr::get(context_, StringAttr::get(context_, tensor.file).getValue(),
                              onnx::getElementType(context_, tensor.type), static_cast<int64_t>(tensor.offset),
                              static_cast<int64_t>(tensor.length));
}
} // namespace janus
