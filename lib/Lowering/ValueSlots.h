//===- ValueSlots.h - value slots of a role program -------------*- C++ -*-===//
#ifndef JANUS_LIB_LOWERING_VALUESLOTS_H
#define JANUS_LIB_LOWERING_VALUESLOTS_H

#include "lib/Lowering/Fragments.h"
#include "runtime/program/Program.h"

namespace janus::lowering {

/// When each value of a step function is needed for the last time, as the position of an operation in its block. What a
/// dispatch sends, and what operations up to the collect of the same transfer read, is needed until that collect: all
/// of it may be done again.
class Liveness {
public:
  explicit Liveness(mlir::func::FuncOp step);
  int64_t position(mlir::Operation *op) const { return positions.lookup(op); }
  int64_t lastUse(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  llvm::DenseMap<mlir::Value, int64_t> last;
};

/// Gives values of one role slots in `program.values` and takes them back when they are dead. Slots are reused only for
/// the same type, symbol and columns.
class ValueSlots {
public:
  ValueSlots(RoleProgram &program, const Liveness &liveness, const RowSymbols &symbols)
      : program(program), liveness(liveness), symbols(symbols) {}
  /// A new slot or a free one for a value that is written now.
  int64_t define(mlir::Value value, llvm::StringRef name);
  /// The slot of an earlier value; `value` shares it.
  void alias(mlir::Value value, mlir::Value original) { slots[value] = slots.lookup(original); }
  int64_t slot(mlir::Value value) const { return slots.lookup(value); }
  bool has(mlir::Value value) const { return slots.contains(value); }
  /// Frees the slots of values whose last use is at or before `position`.
  void release(int64_t position);

private:
  RoleProgram &program;
  const Liveness &liveness;
  const RowSymbols &symbols;
  llvm::DenseMap<mlir::Value, int64_t> slots;
  llvm::SmallVector<mlir::Value> live; // in order of definition
  llvm::SmallVector<int64_t> free;     // ascending
};

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_VALUESLOTS_H
