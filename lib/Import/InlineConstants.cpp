#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_INLINECONSTANTS
#include "lib/Import/Passes.h.inc"

namespace {
/// The elements of a Constant node in any of its forms; null when it has none.
DenseElementsAttr elementsOf(onnx::ConstantOp op) {
  Builder b(op.getContext());
  auto list = [](int64_t n, Type element) { return RankedTensorType::get({n}, element); };
  if (auto value = op.getValueAttr())
    return dyn_cast<DenseElementsAttr>(value);
  if (auto value = op.getValueInt())
    return DenseElementsAttr::get(RankedTensorType::get({}, b.getI64Type()), static_cast<int64_t>(*value));
  if (auto value = op.getValueFloat())
    return DenseElementsAttr::get(RankedTensorType::get({}, b.getF32Type()), value->convertToFloat());
  if (auto values = op.getValueInts())
    return DenseElementsAttr::get(list(values->size(), b.getI64Type()), *values);
  if (auto values = op.getValueFloats())
    return DenseElementsAttr::get(list(values->size(), b.getF32Type()), *values);
  return {};
}

struct InlineConstantsPass : impl::InlineConstantsBase<InlineConstantsPass> {
  void replace(Operation *op, DenseElementsAttr elements) {
    OpBuilder builder(op);
    Value constant = onnx::ConstantValueOp::create(builder, op->getLoc(), elements.getType(), elements);
    op->getResult(0).replaceAllUsesWith(constant);
    op->erase();
  }

  bool refuse(Operation *op) {
    emitError(op->getLoc()) << "[JNS-ONNX-006] '" << op->getName()
                            << "' op expects one of value, value_int, value_float, value_ints, value_floats";
    return true;
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
        if (DenseElementsAttr elements = elementsOf(constant))
          replace(op, elements);
        else
          failed = refuse(op);
      } else if (auto value = dyn_cast<onnx::InitializerValueOp>(op)) {
        auto initializer = symbols.lookup<onnx::InitializerOp>(value.getInitializer());
        if (auto elements = initializer ? dyn_cast<DenseElementsAttr>(initializer.getData()) : nullptr)
          replace(op, elements);
      }
    });
    if (failed)
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) // a constant may be a result
      if (!function.isExternal() && function.getBody().front().mightHaveTerminator())
        function.setFunctionType(FunctionType::get(&getContext(), function.getArgumentTypes(),
                                                   function.getBody().front().getTerminator()->getOperandTypes()));
    // Uses are counted once for the whole module: asking each symbol would be quadratic.
    llvm::DenseSet<StringAttr> used;
    getOperation().walk([&](onnx::InitializerValueOp op) { used.insert(op.getInitializerAttr().getAttr()); });
    for (auto initializer : llvm::make_early_inc_range(getOperation().getOps<onnx::InitializerOp>()))
      if (!used.contains(initializer.getSymNameAttr()))
        initializer.erase();
  }
};
} // namespace
} // namespace janus
