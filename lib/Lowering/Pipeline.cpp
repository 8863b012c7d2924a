#include "janus/Lowering/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace janus {

#define GEN_PASS_REGISTRATION
#include "lib/Lowering/Passes.h.inc"

void buildToLLVMPipeline(OpPassManager &manager) {
  manager.addPass(createCSEPass());
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCSEPass());
}

/// Code of onnx operations without parallel loops, vectors and mathematical functions. Of functions alone: fragments
/// that are not code yet stay as programs were built for them.
static void buildOperatorPipeline(OpPassManager &manager) {
  manager.addPass(createOutlineParallelPass());
  manager.addPass(createExpandMathPass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  OpPassManager &code = manager.nest<LLVM::LLVMFuncOp>();
  code.addPass(arith::createArithExpandOpsPass(expand));
  code.addPass(createConvertVectorToLLVMPass());
  code.addPass(createConvertMathToLLVMPass());
}

void buildLoweringPipeline(OpPassManager &manager) {
  manager.addPass(createOutlineFragmentsPass());
  manager.addPass(createBuildProgramsPass());
  manager.addPass(createLowerSequencesPass());
  buildOperatorPipeline(manager);
  manager.addPass(createLowerFragmentsPass());
  buildToLLVMPipeline(manager);
  manager.addPass(createVerifyLoweringPass());
}

void buildTensorLoweringPipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createLowerTensorPass());
  buildOperatorPipeline(manager);
  buildToLLVMPipeline(manager);
  manager.addPass(createVerifyLoweringPass());
}

void registerLoweringPasses() {
  registerLoweringStagePasses();
  PassPipelineRegistration<>("janus-lower", "the lower stage: fragments to code and programs, verification",
                             [](OpPassManager &manager) { buildLoweringPipeline(manager); });
  PassPipelineRegistration<>("janus-lower-tensor-program", "the lower stage of a tensor program: @main to code",
                             [](OpPassManager &manager) { buildTensorLoweringPipeline(manager); });
  PassPipelineRegistration<>("janus-lower-to-llvm", "conversion of generated code to the LLVM dialect",
                             [](OpPassManager &manager) { buildToLLVMPipeline(manager); });
}

} // namespace janus
