//===- Npy.h - NumPy's .npy files -------------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_NPY_H
#define JANUS_TOOLS_JANUS_RUN_NPY_H

#include "absl/status/statusor.h"
#include "janus/Runtime/Runtime.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace janus::run {

/// Reads a C-ordered, little-endian array of format version 1 to 3; sizes are
/// checked against the file. The tensor has no name.
absl::StatusOr<NamedTensor> ReadNpy(const std::string &path);

/// Writes an array row by row, its first dimension known only at the end. The
/// file appears whole: Close renames it from a name beside `path`. An object
/// that is destroyed without Close leaves nothing.
class NpyWriter {
public:
  /// Rows of shape `row_dims` and element type `type` (f32, i64, ...).
  static absl::StatusOr<NpyWriter> Create(const std::string &path, const std::string &type,
                                          const std::vector<int64_t> &row_dims);
  NpyWriter(NpyWriter &&) = default;
  ~NpyWriter();

  /// `bytes` must be whole rows.
  void Append(const void *data, size_t bytes);
  /// An error of any earlier write shows here.
  absl::Status Close();

private:
  NpyWriter() = default;
  absl::Status Finish(const std::string &shape);
  friend absl::Status WriteNpy(const std::string &path, const NamedTensor &tensor);
  struct Closer {
    void operator()(FILE *file) const { std::fclose(file); }
  };

  std::string path_, temporary_, descr_;
  std::vector<int64_t> row_dims_;
  int64_t row_bytes_ = 0;
  size_t written_ = 0;
  std::unique_ptr<FILE, Closer> file_;
  bool failed_ = false;
};

/// Writes one tensor, of any rank.
absl::Status WriteNpy(const std::string &path, const NamedTensor &tensor);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_NPY_H
