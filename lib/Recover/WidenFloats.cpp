#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_WIDENFLOATSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

bool isNarrow(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && (tensor.getElementType().isF16() || tensor.getElementType().isBF16());
}

struct WidenFloats : impl::WidenFloatsPassBase<WidenFloats> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!step)
      return;
    Type wide = Float32Type::get(&getContext());
    SymbolTable symbols(getOperation());
    for (BlockArgument argument : step.getArguments())
      if (isNarrow(argument.getType()))
        argument.setType(cast<RankedTensorType>(argument.getType()).clone(wide));
    SmallVector<Operation *> operators;
    step.walk([&](Operation *op) { operators.push_back(op); });
    for (Operation *op : operators) {
      if (auto read = dyn_cast<onnx::InitializerValueOp>(op)) {
        if (isNarrow(read.getType()))
          widenInitializer(read, symbols, wide);
        continue;
      }
      if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
        if (auto elements = dyn_cast<DenseElementsAttr>(constant.getValue()); elements && isNarrow(constant.getType()))
          widenConstant(constant, elements, wide);
        continue;
      }
      for (Value result : op->getResults())
        if (isNarrow(result.getType()))
          result.setType(cast<RankedTensorType>(result.getType()).clone(wide));
      if (auto conversion = dyn_cast<onnx::CastOp>(op);
          conversion && conversion.getX().getType() == conversion.getY().getType())
        conversion.getY().replaceAllUsesWith(conversion.getX());
      else if (conversion)
        conversion.setTo(onnx::getDataType(cast<RankedTensorType>(conversion.getY().getType()).getElementType()));
    }
    step.setFunctionType(FunctionType::get(&getContext(), step.front().getArgumentTypes(),
                                           step.front().getTerminator()->getOperandTypes()));
  }

  /// The same numbers under a wider type: the storage stays.
  void widenInitializer(onnx::InitializerValueOp read, SymbolTable &symbols, Type wide) {
    auto initializer = symbols.lookup<onnx::InitializerOp>(read.getInitializer());
    if (!initializer)
      return;
    auto type = cast<RankedTensorType>(read.getType()).clone(wide);
    std::string name = (initializer.getSymName() + ".wide").str();
    auto made = symbols.lookup<onnx::InitializerOp>(name);
    if (!made || made.getType() != type) {
      Attribute data = initializer.getData();
      if (auto elements = dyn_cast<DenseElementsAttr>(data))
        data = convert(elements, wide);
      OpBuilder builder(initializer);
      made = onnx::InitializerOp::create(builder, initializer.getLoc(), builder.getStringAttr(name),
                                         TypeAttr::get(type), data);
      symbols.insert(made);
    }
    OpBuilder builder(read);
    Value value =
        onnx::InitializerValueOp::create(builder, read.getLoc(), type, FlatSymbolRefAttr::get(made.getSymNameAttr()));
    read.getResult().replaceAllUsesWith(value);
    read.erase();
  }

  void widenConstant(onnx::ConstantValueOp constant, DenseElementsAttr elements, Type wide) {
    DenseElementsAttr converted = convert(elements, wide);
    OpBuilder builder(constant);
    Value value = onnx::ConstantValueOp::create(builder, constant.getLoc(), converted.getType(), converted);
    constant.getResult().replaceAllUsesWith(value);
    constant.erase();
  }

  static DenseElementsAttr convert(DenseElementsAttr elements, Type wide) {
    return elements.mapValues(wide, [](const APFloat &number) {
      APFloat value = number;
      bool lost;
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
      return value.bitcastToAPInt();
    });
  }
};
} // namespace
} // namespace janus
