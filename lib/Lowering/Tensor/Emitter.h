//===- Emitter.h - loops and buffers for tensor programs --------*- C++ -*-===//
//
// Generates the code of one `onnx` operator at a time as loops over buffers in
// caller-owned memory. A buffer is a pointer, an element type and extents as
// i64 values; extents are expressions over the program's symbols, computed once
// at entry. Work is a flat loop that the outlining pass hands to the workers:
// loops carry the attribute `janus.parallel`, the least number of iterations
// worth handing to a worker, and write disjoint elements.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LOWERING_TENSOR_EMITTER_H
#define JANUS_LOWERING_TENSOR_EMITTER_H

#include "dialects/onnx/IR/SymExpr.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

namespace janus::lowering {

struct Buffer {
  mlir::Value pointer;                    // llvm.ptr to element 0, row-major
  mlir::Type element;                     // f32, f64, i1 (a byte each), i8 .. i64
  llvm::SmallVector<onnx::SymExpr> shape; // as the type states it
  llvm::SmallVector<mlir::Value> extents; // i64, one a dimension

  int64_t rank() const { return extents.size(); }
};

/// Bytes of one element in memory.
int64_t elementBytes(mlir::Type type);

class Emitter {
public:
  using Values = llvm::SmallVector<mlir::Value>;
  /// `symbols`: i64 value of each symbol, valid at the insertion point of `builder` and below.
  Emitter(mlir::OpBuilder &builder, llvm::StringMap<mlir::Value> symbols) : b(builder), symbols_(std::move(symbols)) {}

  mlir::Location loc() { return loc_; }
  void setLocation(mlir::Location loc) { loc_ = loc; }

  // --- scalars (i64 unless said otherwise)
  mlir::Value i64(int64_t value);
  mlir::Value real(mlir::Type type, double value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  /// The value of an expression; every symbol in it must be known.
  mlir::Value expression(const onnx::SymExpr &expression);
  mlir::Value product(mlir::ValueRange extents);

  // --- memory
  mlir::Value address(const Buffer &buffer, mlir::Value linear);
  mlir::Value load(const Buffer &buffer, mlir::Value linear);
  void store(const Buffer &buffer, mlir::Value linear, mlir::Value value);
  mlir::Value linear(mlir::ValueRange index, mlir::ValueRange extents);
  Values delinear(mlir::Value linear, mlir::ValueRange extents);
  /// The element of `buffer` that index of a shape of `rank` reads under NumPy broadcasting.
  mlir::Value loadBroadcast(const Buffer &buffer, mlir::ValueRange index);

  // --- loops
  void parallel(mlir::Value count, llvm::function_ref<void(mlir::Value)> body, int64_t grain = 64);
  void serial(mlir::Value begin, mlir::Value end, llvm::function_ref<void(mlir::Value)> body);
  /// Folds over [begin, end): state' = body(i, state).
  Values fold(mlir::Value begin, mlir::Value end, mlir::ValueRange initial,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  /// Every element of `out` in parallel from its index.
  void fill(const Buffer &out, llvm::function_ref<mlir::Value(mlir::ValueRange)> element);

  mlir::OpBuilder &b;

private:
  mlir::Value parse(llvm::StringRef &text, int minimumPrecedence);
  mlir::Value primary(llvm::StringRef &text);
  llvm::StringMap<mlir::Value> symbols_;
  mlir::Location loc_ = b.getUnknownLoc();
};

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_EMITTER_H
