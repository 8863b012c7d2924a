#include "lib/Lowering/Tensor/TensorSection.h"
#include "lib/Lowering/Fragments.h"
#include "lib/Lowering/Tensor/Emitter.h"

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "runtime/base/Json.h"
#include "runtime/program/Program.h"
#include "llvm/Support/JSON.h"

using namespace mlir;

namespace janus::lowering {
namespace {
/// "f32", "i64", "u8", "bool" ...
std::string typeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return StringRef(text).starts_with("ui") ? "u" + text.substr(2) : text;
}

llvm::json::Value tensorDescription(StringRef name, Type type) {
  llvm::json::Array dims;
  const auto known = onnx::getDims(type); // tensors of generated code have known dimensions
  for (const onnx::SymExpr &dim : *known) {
    if (auto constant = dim.constant())
      dims.push_back(*constant);
    else
      dims.push_back(dim.str());
  }
  return llvm::json::Object{
      {"name", name}, {"type", typeName(cast<RankedTensorType>(type).getElementType())}, {"dims", std::move(dims)}};
}

template <typename Range> llvm::json::Array list(const Range &texts) {
  llvm::json::Array array;
  for (const auto &text : texts)
    array.push_back(text);
  return array;
}

void describeWeights(ModuleOp module, const TensorSection &section) {
  Builder b(module.getContext());
  SmallVector<Attribute> packed;
  for (auto &[name, index] : section.weights) {
    auto initializer = module.lookupSymbol<onnx::InitializerOp>(name);
    auto range = cast<onnx::RangeAttr>(initializer.getData());
    auto type = cast<RankedTensorType>(initializer.getType());
    // Rows of whatever rank, one behind the other; integers of less than a byte as the bytes that hold them.
    int64_t columns = type.getRank() ? type.getShape().back() : 1, rows = type.getNumElements() / columns;
    Type storage = range.getStorage(), element = type.getElementType();
    if (isBelowByte(element)) {
      rows = 1, columns = range.getLength();
      storage = element = b.getIntegerType(8, false);
    }
    SmallVector<int64_t> shape{rows, columns}, strides{columns, 1};
    auto view = moe::ViewAttr::get(b.getContext(), range.getFile(), storage, range.getOffset(), shape, strides);
    OpBuilder builder(initializer);
    moe::WeightOp::create(builder, initializer.getLoc(), name, TypeAttr::get(RankedTensorType::get(shape, element)),
                          b.getArrayAttr({view}), ElementsAttr());
    initializer.erase();
    NamedAttrList fields;
    fields.set("name", name);
    fields.set("layout", b.getStringAttr("rows." + typeName(element)));
    fields.set("parts", b.getArrayAttr({FlatSymbolRefAttr::get(name)}));
    fields.set("file", b.getStringAttr("weights/tensor.safetensors"));
    packed.push_back(fields.getDictionary(b.getContext()));
  }
  for (auto initializer : llvm::make_early_inc_range(module.getOps<onnx::InitializerOp>()))
    initializer.erase();
  module->setAttr(kWeights, b.getArrayAttr(packed));
}
} // namespace

void describeTensorProgram(func::FuncOp function, const TensorSection &section) {
  auto module = function->getParentOfType<ModuleOp>();
  Builder b(module.getContext());
  auto nameOf = [](DictionaryAttr attributes, StringRef fallback) {
    auto name = attributes ? attributes.getAs<StringAttr>(onnx::kNameAttr) : StringAttr();
    return name ? name.getValue() : fallback;
  };
  llvm::json::Array inputs, outputs, require, weights;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    inputs.push_back(tensorDescription(nameOf(function.getArgAttrDict(i), "input" + std::to_string(i)),
                                       function.getArgument(i).getType()));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    outputs.push_back(tensorDescription(nameOf(function.getResultAttrDict(i), "output" + std::to_string(i)),
                                        function.getBody().front().getTerminator()->getOperand(i).getType()));
  for (const auto &[left, right] : section.require)
    require.push_back(llvm::json::Array{left, right});
  for (auto &[name, index] : section.weights)
    weights.push_back(name.getValue());
  RoleProgram program;
  program.fragments = {{"main", int64_t(inputs.size() + outputs.size()), int64_t(section.weights.size())}};
  program.hash = ProgramHash(program);
  llvm::json::Object tensor{{"symbols", list(section.symbols)}, {"computed", list(section.computed)},
                            {"inputs", std::move(inputs)},      {"outputs", std::move(outputs)},
                            {"require", std::move(require)},    {"workspace", list(section.workspace)},
                            {"weights", std::move(weights)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(tensor));
  module->setAttr(kTensor, b.getStringAttr(text));
  module->setAttr(kPrograms, b.getStringAttr(JsonText({{"tensor", {{"tensor", ToJson(program)}}}})));
  module->setAttr(kModel, b.getStringAttr("{}"));
  module->setAttr(kTransfers, b.getStringAttr("[]"));
  describeWeights(module, section);
}
} // namespace janus::lowering
