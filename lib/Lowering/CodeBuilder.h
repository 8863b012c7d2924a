//===- CodeBuilder.h - pointers, rows and lanes -----------------*- C++ -*-===//
//
// Thin layer over OpBuilder for generated code: memory by LLVM pointers, loops
// over 16 virtual lanes. Column c of a row belongs to lane c mod 16, on every
// CPU; what is left of the last 16 columns is masked.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_LOWERING_CODEBUILDER_H
#define JANUS_LIB_LOWERING_CODEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

namespace janus::lowering {

inline constexpr int64_t kLanes = 16;

class CodeBuilder {
public:
  /// `lanes` is vector<16xf32>, or f32 for arithmetic on single numbers (float arithmetic below only).
  CodeBuilder(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type lanes = {});

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type ptr, f32, i32, i64;
  mlir::Type lanes; // vector<16xf32>

  // Constants and integers.
  mlir::Value index(int64_t value);
  mlir::Value real(float value);
  mlir::Value null();
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);

  // Memory. Offsets in bytes for fields of a structure, in elements otherwise.
  mlir::Value field(mlir::Value structure, int64_t bytes, mlir::Type type);
  void setField(mlir::Value structure, int64_t bytes, mlir::Value value);
  mlir::Value at(mlir::Value base, mlir::Type element, mlir::Value offset);
  mlir::Value at(mlir::Value base, mlir::Type element, int64_t offset);
  mlir::Value load(mlir::Value pointer, mlir::Type type, unsigned alignment);
  void store(mlir::Value value, mlir::Value pointer, unsigned alignment);
  /// Uninitialised memory of the function's frame, 8-byte aligned.
  mlir::Value frame(int64_t bytes);

  // Float arithmetic on f32 and vector<16xf32>.
  mlir::Value splat(mlir::Value scalar);
  mlir::Value splat(float value);
  mlir::Value addf(mlir::Value a, mlir::Value b);
  mlir::Value subf(mlir::Value a, mlir::Value b);
  mlir::Value mulf(mlir::Value a, mlir::Value b);
  mlir::Value divf(mlir::Value a, mlir::Value b);
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::Value sqrt(mlir::Value a);

  // Loops.
  void loop(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  /// Body for columns [c, c + 16) of `columns`; `mask` is null where all 16 exist.
  void forLanes(int64_t columns, llvm::function_ref<void(mlir::Value c, mlir::Value mask)> body);
  /// The same with an accumulator of 16 lanes, from +0.0.
  mlir::Value sumLanes(int64_t columns,
                       llvm::function_ref<mlir::Value(mlir::Value c, mlir::Value mask, mlir::Value sum)> body);
  /// Lanes combined by halving: 8, 4, 2, 1.
  mlir::Value combineLanes(mlir::Value lanes);
  /// 16 columns from `c` on of a row; masked lanes read as +0.0 and are not written.
  mlir::Value loadLanes(mlir::Value row, mlir::Value c, mlir::Value mask);
  void storeLanes(mlir::Value value, mlir::Value row, mlir::Value c, mlir::Value mask);
  /// Masked lanes become +0.0.
  mlir::Value keep(mlir::Value value, mlir::Value mask);

  /// Calls the function at `callee`.
  mlir::Value callPointer(mlir::Value callee, mlir::Type result, mlir::ValueRange arguments);
};

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_CODEBUILDER_H
