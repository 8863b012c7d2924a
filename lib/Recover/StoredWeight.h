//===- StoredWeight.h - from initializers to moe.weight ---------*- C++ -*-===//
//
// A constant f32 tensor of the graph as a strided view of stored numbers. Transposing and slicing move strides; no
// number is read, except of the tiny tensors that the graph holds inline. A quantised tensor is a view of integers
// beside views of its scales and zero points, which are transposed and sliced with it; the dimension along which its
// blocks lie stays whole.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_STOREDWEIGHT_H
#define JANUS_RECOVER_STOREDWEIGHT_H

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/SymbolTable.h"

#include <memory>
#include <optional>
#include <string>

namespace janus::recover {

/// A quantised tensor as operators hold it: integers in bytes, the lower bits first, each row (of the last dimension of
/// `shape`) from a whole byte on, or elements of 4 bits; a scale and perhaps a zero point for each block of a row, zero
/// points packed as the integers are or of the type of the scales. Without, the zero point is the middle of bytes and 0
/// of elements of 4 bits.
struct QuantisedTensor {
  mlir::Value integers, scales, zeros; // zeros may be null
  llvm::SmallVector<int64_t> shape;
  int64_t bits = 0, block = 0;
};
/// B [N, K] of MatMulNBits; the table [V, H] of GatherBlockQuantized, if its blocks lie along its rows.
QuantisedTensor quantisedOf(onnx::MatMulNBitsOp op);
std::optional<QuantisedTensor> quantisedOf(onnx::GatherBlockQuantizedOp op);

class StoredWeight {
public:
  /// The tensor behind transposes, reshapes, slices and exact casts of an initializer or constant of a module with
  /// those symbols, or of stored integers that DequantizeLinear makes numbers; nothing when there is something else or
  /// the numbers are no floating-point ones.
  static std::optional<StoredWeight> trace(mlir::Value value, const mlir::SymbolTable &symbols);

  /// The tensor behind constant integers and scales; nothing when they are none or do not fit.
  static std::optional<StoredWeight> trace(const QuantisedTensor &tensor, const mlir::SymbolTable &symbols);

  llvm::ArrayRef<int64_t> shape() const { return shape_; }
  /// Are they the same numbers in the same place?
  bool isSame(const StoredWeight &other) const;
  /// How its numbers are stored: the encoding of the type of its moe.weight; null for plain ones.
  moe::BlocksAttr blocks(mlir::MLIRContext *context) const;
  /// Whether a moe.weight can hold it as it lies there: blocks lie along the last dimension, and integers of less than
  /// a byte begin at a whole one.
  bool isStorable() const;
  /// Whether dimension `dim` may be sliced, split and dropped.
  bool isDivisible(unsigned dim) const;
  StoredWeight transpose(llvm::ArrayRef<int64_t> permutation) const;
  /// `count` indices of dimension `dim` from `begin` on, every `step`-th.
  StoredWeight slice(unsigned dim, int64_t begin, int64_t step, int64_t count) const;
  /// Dimension `dim` as two, the second of extent `minor`, which divides it.
  StoredWeight split(unsigned dim, int64_t minor) const;
  /// Without dimension `dim`, at `index` of it.
  StoredWeight drop(unsigned dim, int64_t index) const;
  /// The same numbers under another shape; nothing when strides cannot express it.
  std::optional<StoredWeight> reshape(llvm::ArrayRef<int64_t> shape) const;

  /// A moe.weight in front of @step in the module of `symbols`, and its value at the builder's place; it must be
  /// storable.
  mlir::Value materialise(mlir::OpBuilder &builder, mlir::SymbolTable &symbols) const;
  /// The same of parts of one shape under a new first dimension; null when some lie in files and others do not, or they
  /// are not quantised alike. Parts that lie in one file at equal distances are one view.
  static mlir::Value stack(mlir::OpBuilder &builder, mlir::SymbolTable &symbols, llvm::ArrayRef<StoredWeight> parts);
  /// A weight of `size` equal numbers.
  static mlir::Value splat(mlir::OpBuilder &builder, mlir::SymbolTable &symbols, mlir::Location loc, int64_t size,
                           float number);
  bool isInline() const { return file_.empty(); }

private:
  struct Blocks;
  StoredWeight(mlir::Location loc) : loc_(loc) {}
  static std::optional<StoredWeight> traceAs(mlir::Value value, const mlir::SymbolTable &symbols,
                                             llvm::function_ref<bool(mlir::Type)> isStorage);
  /// Integers of `bits` bits in the bytes of this tensor, which is whole, as [.., columns] of `shape`; nothing when
  /// there are too few of them.
  std::optional<StoredWeight> asIntegers(int64_t bits, llvm::ArrayRef<int64_t> shape) const;
  /// Integers with scales and zero points (perhaps none) of the same shape but `dim`, of which one serves `block` of
  /// them.
  StoredWeight withScales(StoredWeight scales, std::optional<StoredWeight> zeros, int64_t block, unsigned dim) const;
  static std::optional<StoredWeight> trace(onnx::DequantizeLinearOp op, const mlir::SymbolTable &symbols);
  /// Zero points of 0 for integers without a sign.
  static StoredWeight zeroPoints(mlir::Value integers, llvm::ArrayRef<int64_t> shape);
  /// A tensor of no or one dimension (`axis`) as one of this shape, the same along all others.
  std::optional<StoredWeight> spread(llvm::ArrayRef<int64_t> shape, int64_t axis) const;
  /// How many numbers of the last dimension have one scale.
  int64_t blockSize() const;
  StoredWeight withBlocks(llvm::function_ref<StoredWeight(const StoredWeight &)> change, unsigned dim) const;
  /// A dimension of extent 1 in front of dimension `dim`.
  StoredWeight insert(unsigned dim) const;
  void forEach(llvm::function_ref<void(int64_t)> body) const;
  int64_t bits() const; // of a stored number
  /// A row-major copy of inline numbers, or a view.
  mlir::Attribute part(mlir::MLIRContext *context) const;
  /// Elements in row-major order; only of inline ones.
  void appendTo(llvm::SmallVectorImpl<float> &out) const;
  mlir::Attribute view(mlir::MLIRContext *context) const;
  std::string name_;
  mlir::Location loc_;
  std::string file_; // empty: inline
  mlir::Type storage_;
  int64_t offset_ = 0;             // bytes of the file, 0 for inline
  int64_t begin_ = 0;              // elements from there
  mlir::DenseElementsAttr values_; // inline
  llvm::SmallVector<int64_t> shape_, strides_;
  std::shared_ptr<const Blocks> blocks_; // of a quantised tensor, whose integers this then views
};

} // namespace janus::recover

#endif // JANUS_RECOVER_STOREDWEIGHT_H
