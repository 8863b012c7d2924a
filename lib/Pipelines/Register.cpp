#include "janus/Pipelines/Register.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#if JANUS_HAS_MOE_DIALECT
#include "dialects/moe/IR/MoEOps.h"
#endif
#if JANUS_HAS_DIST_DIALECT
#include "dialects/janus/IR/JanusOps.h"
#endif
#if JANUS_HAS_IMPORT
#include "janus/Import/Passes.h"
#endif
#if JANUS_HAS_RECOVER
#include "janus/Recover/Passes.h"
#endif
#if JANUS_HAS_PARTITION
#include "janus/Partition/Passes.h"
#endif
#if JANUS_HAS_COMMUNICATION
#include "janus/Communication/Passes.h"
#endif
#if JANUS_HAS_SCHEDULE
#include "janus/Schedule/Passes.h"
#endif
#if JANUS_HAS_LOWERING
#include "janus/Lowering/Passes.h"
#endif
#if JANUS_HAS_TARGET
#include "janus/Target/Passes.h"
#endif

void janus::registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<onnx::OnnxDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::vector::VectorDialect>();
#if JANUS_HAS_MOE_DIALECT
  registry.insert<moe::MoEDialect>();
#endif
#if JANUS_HAS_DIST_DIALECT
  registry.insert<dist::JanusDialect>();
#endif
}

void janus::hideLibraryOptions() {
  for (auto &option : llvm::cl::getRegisteredOptions())
    if (option.second->getOptionHiddenFlag() == llvm::cl::NotHidden && !option.first.starts_with("help"))
      option.second->setHiddenFlag(llvm::cl::Hidden);
}

void janus::registerAllPasses() {
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerInlinerPass();
  mlir::registerSymbolDCEPass();
#if JANUS_HAS_IMPORT
  registerImportPasses();
#endif
#if JANUS_HAS_RECOVER
  registerRecoverPasses();
#endif
#if JANUS_HAS_PARTITION
  registerPartitionPasses();
#endif
#if JANUS_HAS_COMMUNICATION
  registerCommunicationPasses();
#endif
#if JANUS_HAS_SCHEDULE
  registerSchedulePasses();
#endif
#if JANUS_HAS_LOWERING
  registerLoweringPasses();
#endif
#if JANUS_HAS_TARGET
  registerTargetPasses();
#endif
}
