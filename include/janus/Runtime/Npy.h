//===- Npy.h - NumPy's array files ------------------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_NPY_H
#define JANUS_RUNTIME_NPY_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace janus {

/// A row-major array. `type` is one of f32, f64, f16, bf16, i8, u8, i16, i32,
/// i64, bool. NumPy has no bf16: it is stored as u2, and u2 is read as bf16.
struct NpyArray {
  std::string type;
  std::vector<int64_t> dims;
  std::vector<char> bytes;
};

/// Bytes of an element; 0 for an unknown type.
int64_t ElementBytes(const std::string &type);

/// Reads a whole file. InvalidArgument: not an npy file, a type or an order
/// (Fortran) that is not supported, or a size that does not match its shape.
absl::StatusOr<NpyArray> ReadNpy(const std::string &path);
/// The same from memory; `name` is for messages.
absl::StatusOr<NpyArray> ParseNpy(const std::string &name, std::string_view text);

/// Writes a file part by part; it appears under its name when it is whole.
class NpyWriter {
public:
  NpyWriter() = default;
  ~NpyWriter();
  NpyWriter(const NpyWriter &) = delete;
  NpyWriter &operator=(const NpyWriter &) = delete;
  absl::Status Open(const std::string &path, const std::string &type, const std::vector<int64_t> &dims);
  absl::Status Append(const void *data, size_t bytes);
  /// FailedPrecondition unless exactly the bytes of the shape were appended.
  absl::Status Finish();

private:
  std::string path_, temporary_;
  FILE *file_ = nullptr;
  int64_t missing_ = 0;
};

absl::Status WriteNpy(const std::string &path, const NpyArray &array);

} // namespace janus

#endif // JANUS_RUNTIME_NPY_H
