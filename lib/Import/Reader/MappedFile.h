//===- MappedFile.h - a file's bytes, read only --------------------*- C++ -*-===//
#pragma once
#include "absl/status/statusor.h"
#include <string>
#include <string_view>

namespace janus::onnx {

/// A regular file mapped into memory; movable, unmapped at the end of its life. An empty file has empty bytes.
class MappedFile {
public:
  static absl::StatusOr<MappedFile> open(const std::string &path);
  MappedFile(MappedFile &&other) noexcept : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr, other.size_ = 0;
  }
  MappedFile &operator=(MappedFile &&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return {data_, size_}; }

private:
  MappedFile(const char *data, size_t size) : data_(data), size_(size) {}
  const char *data_;
  size_t size_;
};

} // namespace janus::onnx
