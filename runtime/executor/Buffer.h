//===- Buffer.h - memory of an instance -------------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_BUFFER_H
#define JANUS_RUNTIME_EXECUTOR_BUFFER_H

#include <cstdint>
#include <memory>
#include <sys/mman.h>

namespace janus {

/// Zeroed bytes of their own pages.
class Buffer {
public:
  enum class Touch { kNow, kOnUse }; // when the system provides the pages
  Buffer() = default;
  /// Throws bad_alloc; Instance::Create turns it into ResourceExhausted.
  explicit Buffer(int64_t bytes, Touch touch = Touch::kNow);
  template <typename T = char> T *as() const { return static_cast<T *>(data.get()); }
  int64_t bytes() const { return size; }
  /// Bytes that a buffer of `bytes` takes.
  static int64_t Rounded(int64_t bytes);

private:
  struct Unmap {
    void operator()(void *p) const { munmap(p, bytes); }
    size_t bytes;
  };
  std::unique_ptr<void, Unmap> data;
  int64_t size = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_BUFFER_H
