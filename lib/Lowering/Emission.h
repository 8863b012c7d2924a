//===- Emission.h - code of one fragment function ---------------*- C++ -*-===//
#ifndef JANUS_LIB_LOWERING_EMISSION_H
#define JANUS_LIB_LOWERING_EMISSION_H

#include "dialects/moe/IR/MoEOps.h"
#include "lib/Lowering/CodeBuilder.h"
#include "lib/Lowering/FragmentPlan.h"

namespace janus::lowering {

/// The values of a call seen from generated code: the fragment function itself or one of its task functions, which get
/// the same abi::Call.
class Frame {
public:
  Frame(CodeBuilder &code, const FragmentPlan &plan, mlir::Value call) : code(code), plan(plan), call(call) {}

  CodeBuilder &code;
  const FragmentPlan &plan;
  mlir::Value call; // const abi::Call *

  /// Rows counted by `symbol`, i64.
  mlir::Value rows(int64_t symbol);
  /// Element (0, 0) of a value.
  mlir::Value base(mlir::Value value) { return base(plan.views.lookup(value)); }
  mlir::Value base(const View &view);
  /// Element (row, 0).
  mlir::Value row(mlir::Value value, mlir::Value row) { return rowOf(plan.views.lookup(value), row); }
  mlir::Value rowOf(const View &view, mlir::Value row);
  /// A weight in a layout; for a per-expert one, its table by slot.
  mlir::Value weight(WeightLayout layout, llvm::ArrayRef<mlir::Value> parts, bool perExpert = false);
  /// The same for a plain rows.f32 weight; null pointer for none.
  mlir::Value rowsWeight(mlir::Value weight);
};

/// Emits a call of `Host::parallel(context, task, args, count, grain)`.
void emitParallel(Frame &frame, mlir::Value task, mlir::Value args, mlir::Value count, int64_t grain);

/// linear, attention, experts or route: argument structure and kernel call.
void emitKernelOp(Frame &frame, mlir::Operation *op);

/// Row `row` of one row-wise operation.
mlir::LogicalResult emitRowOp(Frame &frame, mlir::Operation *op, mlir::Value row);

/// Row `row` of a copy between two places.
void emitCopy(Frame &frame, const View &from, const View &to, mlir::Value row);

/// activation(gate), or activation(gate) * up where `up` is not null, on 16 lanes.
mlir::Value emitActivation(CodeBuilder &code, moe::ActivationAttr activation, mlir::Value gate, mlir::Value up);

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_EMISSION_H
