#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"
#include "lib/Lowering/Tensor/TensorFunction.h"

#include "dialects/moe/IR/MoEOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_LOWERSEQUENCESPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;

struct LowerSequences : impl::LowerSequencesPassBase<LowerSequences> {
  void runOnOperation() override {
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr(kSequence) && failed(lower(function)))
        return signalPassFailure();
  }

  LogicalResult lower(func::FuncOp function) {
    OpPassManager clean(func::FuncOp::getOperationName());
    clean.addPass(createCanonicalizerPass());
    clean.addPass(createCSEPass());
    if (failed(runPipeline(clean, function)))
      return failure();
    std::string name = function.getName().str();
    Attribute role = function->getAttr(kRole);
    int64_t inputs = function->getAttrOfType<IntegerAttr>(kInputs).getInt();
    auto describe = [&](const TensorSection &section) -> LogicalResult {
      if (section.symbols.size() != 1)
        return function.emitError("[JNS-ONNX-007] expects one symbol, the rows, in what moe.sequence calls, found ")
               << section.symbols.size();
      if (section.allocates || !section.computed.empty() || !section.require.empty())
        return function.emitError("[JNS-ONNX-007] expects extents that the number of rows decides in what moe.sequence "
                                  "calls; found some that "
                                  "only data decide");
      if (!section.weights.empty())
        return function.emitError("[JNS-ONNX-007] expects weights as operands of moe.sequence, found the initializer ")
               << section.weights.front().first;
      return success();
    };
    if (failed(TensorFunction(function, inputs, name + ".").run(describe)))
      return failure();
    for (const std::string &made : {name, name + ".workspace"})
      getOperation().lookupSymbol(made)->setAttr(kRole, role);
    return success();
  }
};
} // namespace
} // namespace janus
