//===- ShmRegion.h - what processes share -----------------------*- C++ -*-===//
//
// Owners of the endpoints, then one ring a pair and direction. Everything in it
// was written by some process and is checked by the one that reads it; each side
// keeps its own positions and only tells them to the other.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_TRANSPORT_SHMREGION_H
#define JANUS_RUNTIME_TRANSPORT_SHMREGION_H

#include "runtime/transport/Common.h"

#include <sys/types.h>

namespace janus::transport {

inline constexpr uint32_t kRecordMagic = 0x4d53484a; // "JHSM"

/// What stands before each payload in a ring.
struct Record {
  uint32_t magic;
  uint32_t size; // of the payload
  MessageName name;
};

inline size_t RoundUp(size_t size) { return (size + 63) / 64 * 64; }
/// Bytes of a ring that a message takes.
inline size_t Footprint(size_t size) { return RoundUp(sizeof(Record) + size); }

/// A byte ring: one process writes, one reads.
struct Ring {
  alignas(64) std::atomic<uint64_t> written; // bytes; by the writer
  alignas(64) std::atomic<uint64_t> read;    // bytes; by the reader
  std::atomic<uint64_t> released;            // messages; by the reader
  char *bytes() { return reinterpret_cast<char *>(this + 1); }
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

/// The mapping that all processes of a run share.
class ShmRegion {
public:
  static absl::StatusOr<std::shared_ptr<ShmRegion>> Map(const TransportOptions &options);
  explicit ShmRegion(const TransportOptions &options);
  ~ShmRegion();
  ShmRegion(const ShmRegion &) = delete;
  ShmRegion &operator=(const ShmRegion &) = delete;

  Ring &ring(int from, int to) {
    return *reinterpret_cast<Ring *>(memory_ + owners_ +
                                     (size_t(from) * directory.size() + to) * (sizeof(Ring) + capacity));
  }
  /// The process that opened an endpoint; 0: not yet; -1: closed.
  std::atomic<pid_t> &owner(int index) { return reinterpret_cast<std::atomic<pid_t> *>(memory_)[index]; }

  const TransportOptions options;
  const Directory directory;
  const size_t capacity; // bytes of a ring

private:
  size_t owners_, size_;
  char *memory_ = nullptr;
};

/// MakeShmTransport over a mapping made before.
std::unique_ptr<Transport> MakeShmTransport(std::shared_ptr<ShmRegion> region);

} // namespace janus::transport

#endif // JANUS_RUNTIME_TRANSPORT_SHMREGION_H
