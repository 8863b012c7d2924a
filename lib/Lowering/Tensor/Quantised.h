//===- Quantised.h - matrices of integers with block scales -----*- C++ -*-===//
#ifndef JANUS_LOWERING_TENSOR_QUANTISED_H
#define JANUS_LOWERING_TENSOR_QUANTISED_H

#include "lib/Lowering/Tensor/Operators.h"

namespace janus::lowering {

/// A matrix [rows, columns] of plain numbers (bits = 0), or of integers in bytes, lower bits first, with a scale for
/// each block of `block` columns of a row: weight (q - zero point) * scale. Each row starts at a whole byte, or, where
/// rows are `padded`, at a whole block; so do the zero points, which are packed as the weights are, or are numbers of
/// the type of the scales, one a block.
struct Blocks {
  const Buffer *weights = nullptr, *scales = nullptr, *zeros = nullptr;
  int64_t columns = 0, bits = 0, block = 0;
  bool padded = false;

  int64_t blocksPerRow() const { return (columns + block - 1) / block; }
  /// One weight as a number of `type`, f32 or f64.
  mlir::Value at(Emitter &e, mlir::Value row, mlir::Value column, mlir::Type type) const;
  /// A row times the `columns` numbers of x from `begin` on.
  mlir::Value dotRow(Emitter &e, mlir::Value row, const Buffer &x, mlir::Value begin) const;
};

/// The `bits` bits at position `index` of a list of such fields in bytes, as i64 without a sign.
mlir::Value unpack(Emitter &e, const Buffer &bytes, mlir::Value index, int64_t bits);

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_QUANTISED_H
