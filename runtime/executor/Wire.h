//===- Wire.h - messages to bytes and back ----------------------*- C++ -*-===//
//
// Internal to the executor. Bytes come from a peer: a Reader checks every
// length before it reads.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_WIRE_H
#define JANUS_RUNTIME_EXECUTOR_WIRE_H

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace janus::executor {

/// Counts bytes when it has none to write to.
class Writer {
public:
  explicit Writer(char *bytes) : bytes(bytes) {}
  template <typename T> void Put(T value) { Copy(&value, sizeof(T)); }
  template <typename T> void PutAll(const std::vector<T> &values) {
    Put(static_cast<uint32_t>(values.size()));
    Copy(values.data(), values.size() * sizeof(T));
  }
  int64_t size = 0;

private:
  void Copy(const void *data, size_t count) {
    if (bytes && count)
      std::memcpy(bytes + size, data, count);
    size += static_cast<int64_t>(count);
  }
  char *bytes;
};

class Reader {
public:
  Reader(absl::Span<const char> bytes, absl::string_view what) : bytes(bytes), what(what) {}
  template <typename T> T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (Need(sizeof(T)))
      std::memcpy(&value, bytes.data() + at, sizeof(T)), at += sizeof(T);
    return value;
  }
  template <typename T> void GetAll(std::vector<T> &out) {
    uint32_t count = Get<uint32_t>();
    if (!Need(uint64_t{count} * sizeof(T)))
      return out.clear();
    out.resize(count);
    if (count)
      std::memcpy(out.data(), bytes.data() + at, count * sizeof(T));
    at += count * sizeof(T);
  }
  /// The number of elements that follow, each of at least `least` bytes.
  uint32_t Count(size_t least) {
    uint32_t count = Get<uint32_t>();
    return Need(uint64_t{count} * least) ? count : 0;
  }
  void Expect(bool condition, absl::string_view field, int64_t found, absl::string_view expected) {
    if (status.ok() && !condition)
      status = absl::InvalidArgumentError(absl::StrCat(what, ".", field, ": found ", found, ", expected ", expected));
  }
  absl::Status Finish() {
    Expect(at == bytes.size(), "size", static_cast<int64_t>(bytes.size()), absl::StrCat(at, " bytes"));
    return status;
  }
  bool ok() const { return status.ok(); }

private:
  bool Need(uint64_t count) {
    if (status.ok() && count > bytes.size() - at)
      status = absl::InvalidArgumentError(absl::StrCat(what, ": found ", bytes.size(), " bytes, expected at least ",
                                                       at + count, "; the message is cut off"));
    return status.ok();
  }
  absl::Span<const char> bytes;
  absl::string_view what;
  size_t at = 0;
  absl::Status status;
};

/// `message` as bytes; Write(Writer &, const Message &) writes its fields.
template <typename Message> std::vector<char> ToBytes(const Message &message) {
  Writer size(nullptr);
  Write(size, message);
  std::vector<char> bytes(size.size);
  Writer writer(bytes.data());
  Write(writer, message);
  return bytes;
}

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_WIRE_H
