//===- GzipFile.h - a gzip file that is written -----------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_TRACE_GZIPFILE_H
#define JANUS_RUNTIME_TRACE_GZIPFILE_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>
#include <zlib.h>

namespace janus::trace {

/// Compresses as fast as zlib can: ids compress little more with more effort.
/// Errors are kept until Close.
class GzipFile {
public:
  GzipFile() : input_(1 << 15), output_(1 << 15) {}
  ~GzipFile();
  GzipFile(const GzipFile &) = delete;
  GzipFile &operator=(const GzipFile &) = delete;

  /// Once. False, with errno, when the file cannot be made.
  bool Open(const std::string &path);
  void Write(const void *bytes, int64_t size);
  /// False when anything could not be written.
  bool Close();

private:
  void Deflate(int flush);

  FILE *file_ = nullptr;
  z_stream zlib_ = {};
  bool started_ = false, failed_ = false;
  std::vector<Bytef> input_, output_;
  size_t filled_ = 0; // of input_
};

} // namespace janus::trace

#endif // JANUS_RUNTIME_TRACE_GZIPFILE_H
