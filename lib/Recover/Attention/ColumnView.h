//===- ColumnView.h - rows as combinations of columns -----------*- C++ -*-===//
//
// A value that carries rows, one a token, is seen as columns: each a sum of at most two terms `scale * factor * column
// of a base`, the factor a formula of the position (.q). Reshapes, transpositions, slices, concatenations, repeats and
// rotations are such views; what computes in another way is a base. Nothing is changed here.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ATTENTION_COLUMNVIEW_H
#define JANUS_RECOVER_ATTENTION_COLUMNVIEW_H

#include "lib/Recover/Attention/KnownValues.h"

#include <memory>
#include <vector>

namespace janus::recover {

struct ColumnTerm {
  unsigned base;     // number of the base
  int64_t column;    // of the base
  ElementRef factor; // null: 1
  double scale;
  friend bool operator==(const ColumnTerm &, const ColumnTerm &) = default;
};
using Column = llvm::SmallVector<ColumnTerm, 2>; // no term: 0

/// What a dimension counts: a batch, tokens, keys (tokens again, of the other side), or columns.
struct Part {
  enum Kind : uint8_t { kBatch, kToken, kKey, kColumns } kind;
  int64_t extent = 0; // kColumns
  friend bool operator==(const Part &, const Part &) = default;
};
using Parts = llvm::SmallVector<llvm::SmallVector<Part, 2>, 4>; // for each dimension, outermost first

/// Numbers of columns that dimension `d` counts, and that the dimensions before and behind it do.
struct ColumnStride {
  int64_t outer = 1, count = 1, inner = 1;
};
ColumnStride strideOf(const Parts &dims, unsigned d);
bool countsColumns(llvm::ArrayRef<Part> parts);

/// The same parts under other extents; nothing when they cannot be cut so.
std::optional<Parts> regroup(const Parts &dims, llvm::ArrayRef<onnx::SymExpr> extents, const ModelInterface &interface);
/// Parts of a value whose first dimensions are the rows, [batch, tokens, ...] or flattened.
std::optional<Parts> rowMajorParts(mlir::Type type, const ModelInterface &interface);
/// New place of each column when dimensions are permuted: result column i is column order[i].
std::vector<int64_t> transposeColumns(const Parts &dims, llvm::ArrayRef<unsigned> permutation);

struct ColumnView {
  Parts dims;
  std::vector<Column> columns; // row-major over the parts that count columns
};

class ColumnViews {
public:
  ColumnViews(KnownValues &known, const ModelInterface &interface) : known_(known), interface_(interface) {}

  /// Null when the value is no rows in this sense; `culprit` and `reason` then say where.
  const ColumnView *view(mlir::Value value);
  /// A base of any layout.
  void addBase(mlir::Value value, const Parts &dims, int64_t columns);
  mlir::Value base(unsigned number) const { return bases_[number]; }
  /// Is the view nothing but its one base?
  static bool isBase(const ColumnView &view);
  /// The formula that broadcasting multiplies column `i` of a view with these dims by, in .q; null when it depends on
  /// the batch, or is not known.
  ElementRef factor(const Known &known, const Parts &dims, int64_t column);
  /// Forgets all views; bases with a layout of their own stay.
  void clear();

  mlir::Operation *culprit = nullptr;
  std::string reason;

private:
  std::unique_ptr<ColumnView> compute(mlir::Value value);
  std::unique_ptr<ColumnView> computeOp(mlir::Operation *op, mlir::Value value);
  std::unique_ptr<ColumnView> makeBase(mlir::Value value);
  std::unique_ptr<ColumnView> zeros(mlir::Value value);
  std::unique_ptr<ColumnView> relayout(mlir::Value x, mlir::Value result);
  std::unique_ptr<ColumnView> transpose(mlir::Value x, llvm::ArrayRef<unsigned> permutation);
  /// `x` with dimension d indexed by `indices`.
  std::unique_ptr<ColumnView> select(const ColumnView &x, unsigned d, llvm::ArrayRef<int64_t> indices);
  std::unique_ptr<ColumnView> slice(onnx::SliceOp op);
  std::unique_ptr<ColumnView> split(onnx::SplitOp op, mlir::Value piece);
  std::unique_ptr<ColumnView> concat(onnx::ConcatOp op);
  std::unique_ptr<ColumnView> expand(mlir::Operation *op);
  std::unique_ptr<ColumnView> gather(onnx::GatherOp op);
  std::unique_ptr<ColumnView> scatter(onnx::ScatterNDOp op);
  std::unique_ptr<ColumnView> scale(mlir::Operation *op);
  std::unique_ptr<ColumnView> add(mlir::Operation *op);
  std::unique_ptr<ColumnView> rotate(mlir::Operation *op);
  const ColumnView *fail(mlir::Operation *op, const llvm::Twine &why);

  KnownValues &known_;
  ModelInterface interface_;
  llvm::DenseMap<mlir::Value, std::unique_ptr<ColumnView>> views_, given_;
  std::vector<mlir::Value> bases_;
  llvm::DenseMap<mlir::Value, unsigned> numbers_;
  unsigned depth_ = 0;
};

/// Adds the rotation of a head's columns [begin, begin + 2 * cos.size()) to a view: halves, or pairs if interleaved.
void rotateColumns(std::vector<Column> &columns, int64_t begin, llvm::ArrayRef<ElementRef> cos,
                   llvm::ArrayRef<ElementRef> sin, bool interleaved);

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_COLUMNVIEW_H
