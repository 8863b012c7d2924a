#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_VERIFYIMPORT
#include "lib/Import/Passes.h.inc"

namespace {
struct VerifyImportPass : impl::VerifyImportBase<VerifyImportPass> {
  void verifyOp(Operation *op) {
    if (isa<ModuleOp, func::FuncOp, func::ReturnOp>(op))
      return;
    if (!isa<onnx::OnnxDialect>(op->getDialect()))
      return error(op, "is no onnx op; import leaves onnx and func only");
    if (isa<onnx::ConstantOp>(op))
      return error(op, "is left; run janus-inline-constants");
    if (auto initializer = dyn_cast<onnx::InitializerOp>(op);
        initializer && !isa<onnx::RangeAttr>(initializer.getData()))
      return error(op, "holds its numbers, expected a reference into a file; run janus-inline-constants");
    for (Value result : op->getResults())
      if (!onnx::getDims(result.getType()))
        error(op, "has a result without a shape, or a '?' without a symbolic dimension; run janus-infer-shapes");
    if (isa<onnx::ShapeInterface>(op) && !isa<NameLoc>(op->getLoc()))
      error(op, "has a location that names no ONNX node");
  }

  void error(Operation *op, StringRef what) {
    op->emitOpError() << what;
    signalPassFailure();
  }

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main) {
      getOperation().emitError("expects a function @main");
      return signalPassFailure();
    }
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (!main.getArgAttrOfType<StringAttr>(i, onnx::kNameAttr))
        error(main, "has an argument without onnx.name");
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      if (!main.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr))
        error(main, "has a result without onnx.name");
    getOperation().walk([&](Operation *op) { verifyOp(op); });
  }
};
} // namespace
} // namespace janus
