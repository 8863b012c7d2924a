//===- FragmentPlan.h - where the values of a fragment lie ------*- C++ -*-===//
//
// Groups the operations of a fragment function into kernel calls and runs of
// row-wise operations, and gives every value a place: an operand of the call or
// a slot of the workspace.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_LOWERING_FRAGMENTPLAN_H
#define JANUS_LIB_LOWERING_FRAGMENTPLAN_H

#include "lib/Lowering/Fragments.h"

#include <array>

namespace janus::lowering {

/// Element (r, c) of a value lies at base + r * stride + offset + c. `base` is operand `index` of the call or workspace
/// slot `index`.
struct View {
  bool workspace = false;
  unsigned index = 0;
  int64_t offset = 0, stride = 0, columns = 0;
  int64_t symbol = 0; // of its rows
};

/// `columns` floats for each row counted by `symbol`; a multiple of 16, so that slots stay aligned to 64 bytes.
struct WorkspaceSlot {
  int64_t symbol, columns;
};

/// Operations performed together: one kernel operation, or row-wise ones over the same rows.
struct OpGroup {
  bool kernel = false;
  int64_t symbol = 0;
  llvm::SmallVector<mlir::Operation *> ops;
};

/// A result that is not computed in place: a copy of `source` into operand `operand`, after everything else.
struct OutputCopy {
  mlir::Value source;
  View target;
};

struct FragmentPlan {
  explicit FragmentPlan(mlir::func::FuncOp function);

  llvm::DenseMap<mlir::Value, View> views;
  llvm::DenseMap<mlir::Operation *, View> scratch; // of experts: [pairs, round_up(I, 16)]
  llvm::SmallVector<WorkspaceSlot> slots;
  llvm::SmallVector<OpGroup> groups;
  llvm::SmallVector<OutputCopy> copies;
  WeightTable weights;
  unsigned operands = 0;

  /// Floats before `slot` for each row of each symbol: the slot begins at sum(prefix[s] * rows[s]). With
  /// `slots.size()`, the size of the workspace.
  std::array<int64_t, abi::kSymbolCount> prefix(unsigned slot) const;

private:
  void placeOperands(mlir::func::FuncOp function);
  void formGroups(mlir::func::FuncOp function);
  void placeWorkspace(mlir::func::FuncOp function);
  View allocate(int64_t symbol, int64_t columns, llvm::SmallVectorImpl<unsigned> &free);

  RowSymbols symbols;
};

/// Calls of the kernel ABI; everything else is row-wise.
bool isKernelOp(mlir::Operation *op);

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_FRAGMENTPLAN_H
