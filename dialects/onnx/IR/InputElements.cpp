#include "dialects/onnx/IR/InputElements.h"

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus::onnx {
namespace {

/// Values in which elements of the operand lie unchanged.
ValueRange moved(OpOperand &use) {
  Operation *op = use.getOwner();
  if (isa<YieldOp>(op) && isa<IfOp>(op->getParentOp()) && use.getOperandNumber() < op->getParentOp()->getNumResults())
    return op->getParentOp()->getResults().slice(use.getOperandNumber(), 1);
  if (isa<IdentityOp, SplitOp, ConcatOp, CastOp>(op) ||
      (isa<SliceOp, GatherOp, ReshapeOp, SqueezeOp, UnsqueezeOp>(op) && use.getOperandNumber() == 0))
    return op->getResults();
  return {};
}

bool saysShape(Value argument) {
  SmallVector<Value> open = {argument};
  DenseSet<Value> seen = {argument};
  while (!open.empty())
    for (OpOperand &use : open.pop_back_val().getUses()) {
      Operation *op = use.getOwner();
      if (isa<ConstantOfShapeOp>(op) || (isa<ExpandOp>(op) && use.getOperandNumber() == 1))
        return true;
      for (Value value : moved(use))
        if (seen.insert(value).second)
          open.push_back(value);
    }
  return false;
}

} // namespace

void nameElements(func::FuncOp function, ShapeContext &context) {
  constexpr int64_t kMost = 16;
  Builder b(function.getContext());
  NamedAttrList places;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || type.getRank() > 1 || !type.hasStaticShape() || type.getNumElements() > kMost ||
        !(type.getElementType().isInteger(32) || type.getElementType().isInteger(64)) || !saysShape(argument))
      continue;
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr);
    std::string stem = (name ? name.getValue() : StringRef("input")).str() + ".";
    Dims symbols;
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      symbols.push_back(context.fresh(stem));
      places.set(*symbols.back().asSymbol(), b.getDenseI64ArrayAttr({argument.getArgNumber(), i}));
    }
    context.setValues(argument, symbols);
  }
  if (!places.empty())
    function->setAttr(kElementsAttr, places.getDictionary(function.getContext()));
}

bool hasInputElement(Operation *op, const SymExpr &expression) {
  if (expression.constant())
    return false;
  auto function = op->getParentOfType<func::FuncOp>();
  auto places = function ? function->getAttrOfType<DictionaryAttr>(kElementsAttr) : nullptr;
  return places &&
         llvm::any_of(expression.symbols(), [&](const std::string &symbol) { return places.contains(symbol); });
}

} // namespace janus::onnx
