//===- Region.h - operators between rows ------------------------*- C++ -*-===//
//
// A region is a set of operators of the graph all of whose edges are rows: f32 values whose leading dimensions are the
// tokens, token ids and positions, states, and what is the same in every step. It grows from operators that cannot stay
// where they are, over producers and users, until that holds. It changes no IR.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_REGIONS_REGION_H
#define JANUS_RECOVER_REGIONS_REGION_H

#include "lib/Recover/Attention/KnownValues.h"
#include "lib/Recover/ModelInterface.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/SetVector.h"

#include <string>

namespace janus::recover {

struct Region {
  llvm::SetVector<mlir::Operation *> operators; // in the order of the block
  llvm::SetVector<mlir::Value> inputs;          // rows from outside
  llvm::SetVector<mlir::Value> outputs;         // rows that are used outside
  llvm::SetVector<mlir::BlockArgument> states;
  /// A way leads out and in again, through an operator that is recovered already: no one call can be the region. What
  /// computes one of its outputs can: inputs do not depend on it.
  bool crossed = false;
};

/// The operators of a region without states that one of its outputs needs.
Region sliceFor(const Region &region, mlir::Value output);

/// What an operand is to a region that does not compute it.
enum class EdgeKind : uint8_t {
  kRows, // f32 rows
  kIds,  // the token ids, or casts of them
  kPositions,
  kState,
  kConstant, // made again inside: the same in every step, or of sizes, or what the contract says of an input
  kInner,    // anything else: whoever computes it belongs to the region
};

class RegionFinder {
public:
  /// `whole`: the region's function is given whole sequences, so that what depends on the position alone is made again
  /// inside. Otherwise positions are an edge.
  RegionFinder(const RowForm &form, const ModelInterface &interface, const KnownValues &known, bool whole);

  EdgeKind edge(mlir::Value value) const;
  /// The number that all elements of a value are, by the contract or by itself.
  std::optional<double> constant(mlir::Value value) const { return known_.constant(value); }
  /// The smallest region around `seeds`; nothing when there is none: `culprit` and `reason` say where and why. Crossed
  /// ones are none, unless `crossed`.
  std::optional<Region> grow(llvm::ArrayRef<mlir::Operation *> seeds, bool crossed = false);
  /// Is the value rows: f32, leading dimensions that are all tokens, constant ones behind?
  bool isRows(mlir::Type type) const;

  /// Operators that a region took, whose results nothing uses any more.
  llvm::DenseSet<mlir::Operation *> gone;
  mlir::Operation *culprit = nullptr;
  std::string reason;

private:
  bool addNeighbours(Region &region);
  bool close(Region &region, bool crossed, bool &added);
  bool add(Region &region, mlir::Operation *op, mlir::Operation *because);
  /// The operator of the step's block that holds `op`.
  mlir::Operation *outermost(mlir::Operation *op) const;
  bool isSettled(mlir::Value value) const;
  bool fail(mlir::Operation *op, const llvm::Twine &why);

  const RowForm &form_;
  ModelInterface interface_;
  const KnownValues &known_;
  bool whole_;
  onnx::SymExpr rows_;
  llvm::DenseSet<mlir::Value> data_; // depends on what a step is given, by more than its sizes
};

/// Operands, and what graphs inside the operator use of the block around it.
llvm::SmallVector<mlir::Value> usedValues(mlir::Operation *op);

} // namespace janus::recover

#endif // JANUS_RECOVER_REGIONS_REGION_H
