//===- Emitter.h - loops and buffers for tensor programs --------*- C++ -*-===//
//
// Generates the code of one `onnx` operator at a time as loops over buffers in
// caller-owned memory. A buffer is a pointer, an element type and extents as
// i64 values; extents are expressions over the program's symbols. Symbols are
// bound at entry by the inputs, those of data-dependent extents where the
// operator that decides them runs. Work is a flat loop that the outlining pass
// hands to the workers: loops carry the attribute `janus.parallel`, the least
// number of iterations worth handing to a worker, and write disjoint elements.
//
// Numbers in registers have the compute type of their buffer: f32 for f16 and
// bf16, which are widened when loaded and rounded to nearest even when stored;
// signless integers for unsigned ones, whose sign the buffer's type tells.
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
  mlir::Type element;                     // as stored; see isStored
  llvm::SmallVector<onnx::SymExpr> shape; // as the type states it
  llvm::SmallVector<mlir::Value> extents; // i64, one a dimension
  /// Elements of less than a byte lie side by side, the lower bits first, as in a file; else each has a byte. Such a
  /// buffer is only read, by `load`.
  bool packed = false;

  int64_t rank() const { return extents.size(); }
};

/// The element types that buffers have: f32, f64, f16, bf16, bool (i1, a byte each), integers of 2 to 64 bits.
bool isStored(mlir::Type type);
/// Whether it is an integer of 2 or 4 bits, which no input or result of a program has.
bool isBelowByte(mlir::Type type);
/// Bytes of one element in memory, where it is not packed.
int64_t elementBytes(mlir::Type type);
/// The type of such an element in registers.
mlir::Type computeType(mlir::Type stored);

class Emitter {
public:
  using Values = llvm::SmallVector<mlir::Value>;
  /// `symbols`: i64 value of each symbol, valid at the insertion point of `builder` and below.
  Emitter(mlir::OpBuilder &builder, llvm::StringMap<mlir::Value> symbols) : b(builder), symbols_(std::move(symbols)) {}

  mlir::Location loc() { return loc_; }
  void setLocation(mlir::Location loc) { loc_ = loc; }

  // --- scalars (i64 unless said otherwise)
  mlir::Value i64(int64_t value);
  mlir::Value i1(bool value);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value real(mlir::Type type, double value);
  /// The number as a constant of a compute type, floating-point or integer.
  mlir::Value number(mlir::Type type, double value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value divide(mlir::Value x, mlir::Value y); // of non-negative numbers
  mlir::Value min(mlir::Value x, mlir::Value y);
  mlir::Value max(mlir::Value x, mlir::Value y);
  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value equal(mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y); // i1
  mlir::Value either(mlir::Value x, mlir::Value y);
  mlir::Value negated(mlir::Value x); // i1
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  /// A possibly negative position along an extent, as a position from the front.
  mlir::Value fromFront(mlir::Value position, mlir::Value extent);
  /// The value of an expression; null when a symbol in it is not known (yet).
  mlir::Value expression(const onnx::SymExpr &expression);
  bool knows(llvm::StringRef symbol) const { return symbols_.contains(symbol); }
  /// Gives a symbol of a data-dependent extent its value, for all that is generated after.
  void define(llvm::StringRef symbol, mlir::Value value) { symbols_[symbol] = value; }
  mlir::Value product(mlir::ValueRange extents);

  // --- numbers of any element type
  /// A number of a buffer of type `from` as one of a buffer of type `to`, both in registers. Floats to integers round
  /// towards 0 and saturate (NaN is 0), integers wrap, bool is x != 0.
  mlir::Value convert(mlir::Value x, mlir::Type from, mlir::Type to);
  /// A number rounded to a narrower stored type and back; itself where `stored` is null or no narrow type.
  mlir::Value rounded(mlir::Value x, mlir::Type stored);

  // --- memory
  mlir::Value address(const Buffer &buffer, mlir::Value linear);
  mlir::Value load(const Buffer &buffer, mlir::Value linear);
  /// Element `linear` of an integer buffer as i64.
  mlir::Value loadIndex(const Buffer &buffer, mlir::Value linear);
  void store(const Buffer &buffer, mlir::Value linear, mlir::Value value);
  mlir::Value linear(mlir::ValueRange index, mlir::ValueRange extents);
  Values delinear(mlir::Value linear, mlir::ValueRange extents);
  /// The element of `buffer` that index of a shape of at least its rank reads under NumPy broadcasting.
  mlir::Value loadBroadcast(const Buffer &buffer, mlir::ValueRange index);
  mlir::Value broadcastPosition(const Buffer &buffer, mlir::ValueRange index);

  // --- loops
  void parallel(mlir::Value count, llvm::function_ref<void(mlir::Value)> body, int64_t grain = 64);
  void serial(mlir::Value begin, mlir::Value end, llvm::function_ref<void(mlir::Value)> body);
  /// Folds over [begin, end): state' = body(i, state).
  Values fold(mlir::Value begin, mlir::Value end, mlir::ValueRange initial,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  /// `condition` ? yes() : no(), of which only one runs.
  mlir::Value branch(mlir::Value condition, llvm::function_ref<mlir::Value()> yes,
                     llvm::function_ref<mlir::Value()> no);
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  /// Every element of `out` in parallel from its index.
  void fill(const Buffer &out, llvm::function_ref<mlir::Value(mlir::ValueRange)> element);
  void fillFlat(const Buffer &out, llvm::function_ref<mlir::Value(mlir::Value)> element);

  mlir::OpBuilder &b;

private:
  mlir::Value parse(llvm::StringRef &text, int minimumPrecedence);
  mlir::Value primary(llvm::StringRef &text);
  llvm::StringMap<mlir::Value> symbols_;
  mlir::Location loc_ = b.getUnknownLoc();
};

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_EMITTER_H
