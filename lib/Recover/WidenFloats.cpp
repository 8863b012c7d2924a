#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_WIDENFLOATSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

bool isNarrow(Type element) { return element.isF16() || element.isBF16(); }

/// The type with f32 in place of f16 or bf16; null when there is nothing to replace.
RankedTensorType widen(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isNarrow(tensor.getElementType()))
    return nullptr;
  return RankedTensorType::get(tensor.getShape(), Float32Type::get(type.getContext()), tensor.getEncoding());
}

DenseElementsAttr widen(DenseElementsAttr values) {
  auto type = widen(values.getType());
  if (!type)
    return nullptr;
  return values.mapValues(type.getElementType(), llvm::function_ref<APInt(const APFloat &)>([](const APFloat &number) {
                            bool lost;
                            APFloat wide = number;
                            wide.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
                            return wide.bitcastToAPInt();
                          }));
}

struct WidenFloats : impl::WidenFloatsPassBase<WidenFloats> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step)
      return;
    for (BlockArgument argument : step.getArguments())
      if (auto wide = widen(argument.getType()))
        argument.setType(wide);
    for (Operation &op : llvm::make_early_inc_range(step.front())) {
      if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
        if (auto values = dyn_cast<DenseElementsAttr>(constant.getValue()))
          if (auto wide = widen(values)) {
            constant.setValueAttr(wide);
            constant.getResult().setType(cast<RankedTensorType>(wide.getType()));
          }
        continue;
      }
      if (auto stored = dyn_cast<onnx::InitializerValueOp>(op)) { // numbers keep their type in the file
        if (auto wide = widen(stored.getType())) {
          OpBuilder builder(&getContext());
          builder.setInsertionPointAfter(stored);
          Value cast = makeCast(builder, stored, wide);
          stored.getResult().replaceAllUsesExcept(cast, cast.getDefiningOp());
        }
        continue;
      }
      if (auto cast = dyn_cast<onnx::CastOp>(op))
        if (widen(cast.getY().getType()))
          cast.setTo(onnx::getDataType(Float32Type::get(&getContext())));
      if (auto linear = dyn_cast<onnx::DequantizeLinearOp>(op); linear && linear.getOutputDtype())
        linear.setOutputDtype(onnx::getDataType(Float32Type::get(&getContext())));
      for (NamedAttribute attribute : op.getAttrs())
        if (auto values = dyn_cast<DenseElementsAttr>(attribute.getValue()))
          if (auto wide = widen(values))
            op.setAttr(attribute.getName(), wide);
      for (Value result : op.getResults())
        if (auto wide = widen(result.getType()))
          result.setType(wide);
    }
    Operation *end = step.front().getTerminator();
    step.setFunctionType(FunctionType::get(&getContext(), step.front().getArgumentTypes(), end->getOperandTypes()));
  }

  static Value makeCast(OpBuilder &builder, onnx::InitializerValueOp stored, RankedTensorType type) {
    OperationState state(stored.getLoc(), onnx::CastOp::getOperationName());
    state.addOperands(stored.getResult());
    state.addTypes(type);
    state.addAttribute("to", builder.getI64IntegerAttr(onnx::getDataType(type.getElementType())));
    return builder.create(state)->getResult(0);
  }
};
} // namespace
} // namespace janus
