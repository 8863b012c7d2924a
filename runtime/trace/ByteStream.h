//===- ByteStream.h - bytes read once, in order -----------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_TRACE_BYTESTREAM_H
#define JANUS_RUNTIME_TRACE_BYTESTREAM_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <memory>
#include <string>

namespace janus::trace {

/// A file, or what comes out of one. Memory does not grow with its length.
class ByteStream {
public:
  virtual ~ByteStream() = default;
  /// Up to `size` bytes to `to`; fewer only at the end. An error is final.
  virtual absl::StatusOr<int64_t> Read(void *to, int64_t size) = 0;
  /// Back to the first byte.
  virtual absl::Status Rewind() = 0;
};

/// NotFound when it cannot be opened, with the path and the system's reason.
absl::StatusOr<std::unique_ptr<ByteStream>> OpenFile(const std::string &path);
std::unique_ptr<ByteStream> FromString(std::string bytes);
/// What a gzip file holds, all its members. DataLoss when it ends early, is no
/// gzip, or its checksum is wrong.
std::unique_ptr<ByteStream> Gunzip(std::unique_ptr<ByteStream> compressed);

/// Exactly `size` bytes. DataLoss says how many were found; `what` names them.
absl::Status ReadExactly(ByteStream &stream, void *to, int64_t size, const char *what);
/// All of a text file of at most `most` bytes.
absl::StatusOr<std::string> ReadText(const std::string &path, int64_t most);

} // namespace janus::trace

#endif // JANUS_RUNTIME_TRACE_BYTESTREAM_H
