//===- TensorSection.h - what the runtime is told of a tensor program -----===//
#ifndef JANUS_LOWERING_TENSOR_TENSORSECTION_H
#define JANUS_LOWERING_TENSOR_TENSORSECTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

#include <string>
#include <vector>

namespace janus::lowering {

/// The manifest's section "tensor" (docs/artifact.md) beside names and types of inputs and outputs.
struct TensorSection {
  llvm::SmallVector<std::string> symbols;                   // bound by the inputs, in the order of Call::symbols
  llvm::SmallVector<std::string> computed;                  // written behind them by the program
  std::vector<std::pair<std::string, std::string>> require; // expressions that must be equal
  std::vector<std::string> workspace;                       // sizes of its parts in bytes
  llvm::MapVector<mlir::StringAttr, int64_t> weights;       // initializers -> position in Call::weights
  bool allocates = false; // takes memory from the host, for values whose extents only data decide
};

/// Writes the module's attributes that the target stage reads: section, program, weights. Each initializer that is used
/// becomes a moe.weight over its byte range, packed as it is; all initializers are gone then.
void describeTensorProgram(mlir::func::FuncOp function, const TensorSection &section);

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_TENSORSECTION_H
