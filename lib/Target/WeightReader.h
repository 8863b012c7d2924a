//===- WeightReader.h - numbers of a moe.weight -----------------*- C++ -*-===//
//
// Reads rows of a weight from mapped files or inline values, converting the
// storage type to f32 exactly; a quantised weight also by its integers.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_TARGET_WEIGHTREADER_H
#define JANUS_LIB_TARGET_WEIGHTREADER_H

#include "absl/status/statusor.h"
#include "dialects/moe/IR/MoEOps.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace janus {

/// Files of a model's folder, mapped read-only on first use. Pages already read are given back by `drop`.
class MappedFiles {
public:
  explicit MappedFiles(std::string directory) : directory(std::move(directory)) {}
  ~MappedFiles();
  struct File {
    const char *data = nullptr;
    int64_t bytes = 0;
  };
  absl::StatusOr<File> map(const std::string &name);
  /// Pages of every file leave this process's memory; they are read again when needed.
  void drop();

private:
  std::string directory;
  std::map<std::string, File> files;
};

/// A row of stored numbers: element k lies first + k * stride elements of the storage type behind data.
struct StoredRow {
  enum class Storage { kF32, kF16, kBF16, kF64, kInteger, kOther }; // kOther: bytes that are only copied
  const char *data = nullptr;                                       // null: the row is zero
  int64_t first = 0, stride = 0;
  Storage storage = Storage::kF32;
  int64_t bytes = 4; // of an element; 0 for an integer of less than one, the lower bits of a byte first
  int bits = 0;      // of an integer
  int flipped = 0;   // the sign bit of one with a sign, which makes it itself plus 2^(bits - 1)
  float element(int64_t k) const;
};

/// One row of a weight. A quantised one consists of integers with a scale and a zero point for each `block` of them.
struct RowRef : StoredRow {
  StoredRow scales, zeros;
  int64_t block = 0;
  float middle = 0; // the zero point where `zeros` has no data
  float zero(int64_t b) const { return zeros.data ? zeros.element(b) : middle; }
  /// The weight: of a quantised row (q - z) * s in f32.
  float element(int64_t k) const;
};

/// A weight of shape [R, K], [E, R, K], or [R] (rows of one element).
class WeightReader {
public:
  static absl::StatusOr<WeightReader> create(moe::WeightOp weight, MappedFiles &files);
  const std::vector<int64_t> &shape() const { return dims; }
  int64_t experts() const { return dims.size() == 3 ? dims[0] : 1; }
  int64_t rows() const { return dims.size() == 1 ? dims[0] : dims[dims.size() - 2]; }
  int64_t columns() const { return dims.size() == 1 ? 1 : dims.back(); }
  RowRef row(int64_t expert, int64_t row) const;

private:
  struct View {
    StoredRow numbers; // of the element at index 0
    std::vector<int64_t> shape, strides;
    StoredRow row(int64_t first, int64_t second) const;
  };
  /// Part `zeros` has no data where the middle of the range is meant; plain views have integers alone.
  struct Part {
    View numbers, scales, zeros;
  };
  absl::StatusOr<View> makeView(moe::WeightOp weight, moe::ViewAttr view, MappedFiles &files) const;
  absl::StatusOr<View> makePart(moe::WeightOp weight, mlir::Attribute part, MappedFiles &files);
  View makeInline(std::vector<char> bytes, bool integers, llvm::ArrayRef<int64_t> shape);

  std::vector<int64_t> dims;
  moe::BlocksAttr blocks; // of a quantised weight
  std::vector<Part> views;
  std::vector<std::shared_ptr<std::vector<char>>> values; // inline numbers
};

} // namespace janus

#endif // JANUS_LIB_TARGET_WEIGHTREADER_H
