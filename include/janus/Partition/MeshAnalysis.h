//===- MeshAnalysis.h - which mesh each operation runs on -------*- C++ -*-===//
//
// The part of partition that decides. It changes no IR.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_PARTITION_MESHANALYSIS_H
#define JANUS_PARTITION_MESHANALYSIS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/MapVector.h"

#include <string>

namespace janus {

enum class RouterSide { kExpert, kAttention };

struct MeshChoice {
  llvm::StringRef mesh; // dist::kAttentionMesh or dist::kExpertMesh
  std::string origin;   // "user", "rule: ..." or "inferred: ..."
};

/// The step functions of a module: all but the private ones, which moe.sequence calls.
llvm::SmallVector<mlir::func::FuncOp> stepsOf(mlir::ModuleOp module);

/// The gate side of a step function (`janus.gate_side`), or failure with an error on the function.
mlir::FailureOr<RouterSide> gateSideOf(mlir::func::FuncOp step);

/// Operations that the gate side moves: the router's linear layer, moe.route, and what lies between.
bool isRouter(mlir::Operation *op);

/// The rule for one operation without looking at others; failure when there is none.
mlir::FailureOr<MeshChoice> ruleFor(mlir::Operation *op, RouterSide side);

/// Mesh and origin of each operation of a step function, in program order; moe.get_weight and the return have none.
class MeshAnalysis {
public:
  /// Emits an error for each operation without a rule or with an impossible `janus.mesh`.
  static mlir::FailureOr<MeshAnalysis> compute(mlir::func::FuncOp step);
  const llvm::MapVector<mlir::Operation *, MeshChoice> &choices() const { return choices_; }

private:
  llvm::MapVector<mlir::Operation *, MeshChoice> choices_;
};

/// The origin of an operation inside a fragment: what it carries, else its rule; empty for moe.get_weight and the
/// yield.
std::string originOf(mlir::Operation *op, RouterSide side);

/// One origin for several: "user; rule: norm, linear; inferred: ...". Names keep their first order.
std::string joinOrigins(llvm::ArrayRef<std::string> origins);

} // namespace janus

#endif // JANUS_PARTITION_MESHANALYSIS_H
