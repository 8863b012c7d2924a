//===- Common.h - shared by the transports ----------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_TRANSPORT_COMMON_H
#define JANUS_RUNTIME_TRANSPORT_COMMON_H

#include "runtime/transport/Transport.h"

#include <atomic>
#include <cstdlib>
#include <utility>

namespace janus::transport {

/// Endpoints in a dense order: controller, attention instances, expert instances.
class Directory {
public:
  explicit Directory(const TransportOptions &options) : attention(options.attention), experts(options.experts) {}
  int size() const { return 1 + attention + experts; }
  /// -1 when there is no such endpoint.
  int index(Address address) const {
    switch (address.kind) {
    case EndpointKind::kController:
      return address.id == 0 ? 0 : -1;
    case EndpointKind::kAttention:
      return address.id >= 0 && address.id < attention ? 1 + address.id : -1;
    case EndpointKind::kExpert:
      return address.id >= 0 && address.id < experts ? 1 + attention + address.id : -1;
    }
    return -1;
  }
  Address address(int index) const {
    if (index == 0)
      return {};
    return index <= attention ? Address{EndpointKind::kAttention, index - 1}
                              : Address{EndpointKind::kExpert, index - 1 - attention};
  }

private:
  int attention, experts;
};

/// Memory that only grows, 64-byte aligned.
class AlignedBytes {
public:
  AlignedBytes() = default;
  ~AlignedBytes() { std::free(data_); }
  AlignedBytes(const AlignedBytes &) = delete;
  AlignedBytes &operator=(const AlignedBytes &) = delete;
  AlignedBytes(AlignedBytes &&other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  /// At least `size` bytes; earlier content is lost when it grows. Null when memory is out.
  char *reserve(size_t size) {
    if (size > capacity_ || !data_) {
      size_t wanted = 256;
      while (wanted < size)
        wanted *= 2;
      std::free(data_);
      data_ = static_cast<char *>(std::aligned_alloc(64, wanted));
      capacity_ = data_ ? wanted : 0;
    }
    return data_;
  }
  char *data() const { return data_; }

private:
  char *data_ = nullptr;
  size_t capacity_ = 0;
};

absl::Status NoPeer(Address to);
absl::Status TooLarge(Address to, size_t size, size_t limit);
absl::Status NoCredit(Address to);
absl::Status AlreadyOpen(Address address);
absl::Status Gone(Address peer);

/// Which endpoints of one process are open; any thread may ask.
class Openings {
public:
  explicit Openings(int endpoints) : states(endpoints) {}
  /// False when it was opened before.
  bool Open(int index) {
    uint8_t never = kNever;
    return states[index].compare_exchange_strong(never, kOpen);
  }
  void Close(int index) { states[index].store(kClosed, std::memory_order_release); }
  bool closed(int index) const { return states[index].load(std::memory_order_acquire) == kClosed; }

private:
  enum : uint8_t { kNever, kOpen, kClosed };
  std::vector<std::atomic<uint8_t>> states;
};

/// Checks `to` and `size` against the options; the peer's index.
absl::StatusOr<int> CheckSend(const Directory &directory, const TransportOptions &options, Address to, size_t size);

void CountPost(TransportCounters &counters, const TransportOptions &options, Phase phase, Address from, Address to,
               size_t bytes);

} // namespace janus::transport

#endif // JANUS_RUNTIME_TRANSPORT_COMMON_H
