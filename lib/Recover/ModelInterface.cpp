#include "lib/Recover/ModelInterface.h"

#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus::recover {

std::optional<ModelInterface> ModelInterface::read(func::FuncOp step) {
  auto tokens = step ? step->getAttrOfType<IntegerAttr>(kTokensAttr) : IntegerAttr();
  if (!tokens || tokens.getInt() < 0 || tokens.getInt() >= static_cast<int64_t>(step.getNumArguments()))
    return std::nullopt;
  auto dims = onnx::getDims(step.getArgument(tokens.getInt()).getType());
  if (!dims || dims->empty() || dims->size() > 2)
    return std::nullopt;
  ModelInterface result;
  result.batch = dims->size() == 2 ? dims->front() : onnx::SymExpr(1);
  result.sequence = dims->back();
  if (auto past = step->getAttrOfType<StringAttr>(kPastAttr))
    if (auto size = onnx::SymExpr::parse(past.getValue().str()))
      result.past = *size;
  if (auto slots = step->getAttrOfType<StringAttr>(kSlotsAttr))
    result.slots = onnx::SymExpr::parse(slots.getValue().str());
  return result;
}

StringRef inputRole(BlockArgument argument) {
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kInputAttr);
  return role ? role.getValue() : StringRef();
}

std::optional<int64_t> configuredContext(ModuleOp module) {
  auto genai = module->getAttrOfType<DictionaryAttr>(onnx::kGenaiAttr);
  for (auto length : {genai ? genai.getAs<IntegerAttr>("context_length") : IntegerAttr(),
                      module->getAttrOfType<IntegerAttr>(onnx::kContextAttr)})
    if (length && length.getInt() > 0)
      return length.getInt();
  return std::nullopt;
}

void replaceExtents(func::FuncOp step, llvm::function_ref<onnx::SymExpr(const onnx::SymExpr &)> replace) {
  auto renew = [&](Value value) {
    auto dims = onnx::getDims(value.getType());
    if (!dims || moe::blocksOf(value.getType())) // a weight's sizes are numbers
      return;
    for (onnx::SymExpr &dim : *dims)
      dim = replace(dim);
    value.setType(onnx::getTensorType(*dims, cast<RankedTensorType>(value.getType()).getElementType()));
  };
  for (BlockArgument argument : step.getArguments().drop_front(kStepArguments))
    renew(argument);
  step.walk([&](Operation *op) {
    if (op != step)
      llvm::for_each(op->getResults(), renew);
  });
  step.setFunctionType(FunctionType::get(step.getContext(), step.front().getArgumentTypes(),
                                         step.front().getTerminator()->getOperandTypes()));
}

} // namespace janus::recover
