#include "runtime/transport/ShmRegion.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace janus {
namespace {
using namespace transport;

/// Tells whether a process has ended, also one that its parent has not reaped.
class ProcessWatch {
public:
  ProcessWatch() = default;
  ~ProcessWatch() {
    if (descriptor_ >= 0)
      close(descriptor_);
  }
  ProcessWatch(const ProcessWatch &) = delete;
  ProcessWatch &operator=(const ProcessWatch &) = delete;

  bool Ended(pid_t process) {
    if (descriptor_ == kUnopened && (descriptor_ = static_cast<int>(syscall(SYS_pidfd_open, process, 0))) < 0)
      descriptor_ = errno == ESRCH ? kEnded : kUnsupported;
    if (descriptor_ == kUnsupported)
      return kill(process, 0) != 0 && errno == ESRCH;
    pollfd state = {descriptor_, POLLIN, 0};
    return descriptor_ == kEnded || (poll(&state, 1, 0) == 1 && (state.revents & POLLIN) != 0);
  }

private:
  static constexpr int kUnopened = -1, kEnded = -2, kUnsupported = -3;
  int descriptor_ = kUnopened;
};

class ShmEndpoint : public Endpoint {
public:
  ShmEndpoint(std::shared_ptr<ShmRegion> region, Address self)
      : region_(std::move(region)), self_(self), index_(region_->directory.index(self)),
        peers_(region_->directory.size()) {}
  ~ShmEndpoint() override { region_->owner(index_).store(-1); }

  Address self() const override { return self_; }

  absl::StatusOr<SendBuffer> Acquire(Address to, size_t size) override {
    absl::StatusOr<int> peer = CheckSend(region_->directory, region_->options, to, size);
    if (!peer.ok())
      return peer.status();
    if (absl::Status status = PeerStatus(to); !status.ok())
      return status;
    Peer &state = peers_[*peer];
    Ring &ring = region_->ring(index_, *peer);
    const uint64_t used = state.written - ring.read.load(std::memory_order_acquire);
    const uint64_t in_flight = state.posted - ring.released.load(std::memory_order_acquire);
    if (used > region_->capacity || in_flight > static_cast<uint64_t>(region_->options.credits)) {
      state.status = absl::DataLossError(absl::StrCat("transport: ", Describe(to), " says that it read bytes ",
                                                      "or released messages that were never sent"));
      return state.status;
    }
    if (used + state.reserved + Footprint(size) > region_->capacity ||
        in_flight + state.acquired >= static_cast<uint64_t>(region_->options.credits))
      return NoCredit(to);
    Staging *staging = Take(state.staging);
    char *memory = staging->memory.reserve(size);
    if (!memory) {
      staging->busy = false;
      return absl::ResourceExhaustedError("transport: out of memory for a send buffer");
    }
    state.reserved += Footprint(size);
    ++state.acquired;
    return SendBuffer{absl::MakeSpan(memory, size), to, staging};
  }

  void Post(SendBuffer buffer, MessageName name) override {
    name.source = self_;
    CountPost(counters_, region_->options, name.phase, self_, buffer.to, buffer.bytes.size());
    const int peer = region_->directory.index(buffer.to);
    Peer &state = peers_[peer];
    Ring &ring = region_->ring(index_, peer);
    Record record{};
    record.magic = kRecordMagic;
    record.size = static_cast<uint32_t>(buffer.bytes.size());
    record.name = name;
    Copy(ring, state.written, reinterpret_cast<const char *>(&record), sizeof record);
    Copy(ring, state.written + sizeof record, buffer.bytes.data(), buffer.bytes.size());
    state.written += Footprint(buffer.bytes.size());
    ++state.posted;
    ring.written.store(state.written, std::memory_order_release);
    Cancel(buffer);
  }

  void Cancel(SendBuffer buffer) override {
    Peer &state = peers_[region_->directory.index(buffer.to)];
    state.reserved -= Footprint(buffer.bytes.size());
    --state.acquired;
    static_cast<Staging *>(buffer.handle)->busy = false;
  }

  bool Poll(Incoming &message) override {
    const int count = region_->directory.size();
    for (int i = 0; i < count; ++i) {
      next_ = next_ + 1 < count ? next_ + 1 : 0;
      if (!absl::IsDataLoss(peers_[next_].status) && Receive(next_, message))
        return true;
    }
    return false;
  }

  void Release(Incoming &message) override {
    auto *staging = static_cast<Staging *>(message.handle);
    staging->busy = false;
    region_->ring(staging->peer, index_).released.store(++peers_[staging->peer].released, std::memory_order_release);
    message = {};
  }

  absl::Status PeerStatus(Address address) override {
    const int peer = region_->directory.index(address);
    if (peer < 0)
      return NoPeer(address);
    Peer &state = peers_[peer];
    if (state.status.ok()) {
      const pid_t owner = region_->owner(peer).load();
      if (owner < 0 || (owner > 0 && owner != getpid() && state.process.Ended(owner)))
        state.status = Gone(address);
    }
    return state.status;
  }

  const TransportCounters &counters() const override { return counters_; }
  void ResetCounters() override { counters_ = {}; }

private:
  struct Staging {
    AlignedBytes memory;
    bool busy = false;
    int peer = 0; // whom a received message came from
  };
  using Pool = std::vector<std::unique_ptr<Staging>>;
  struct Peer {
    Pool staging;
    size_t reserved = 0, acquired = 0;      // bytes and count of buffers not posted yet
    uint64_t written = 0, posted = 0;       // bytes and messages to the peer
    uint64_t read = 0, released = 0;        // bytes and messages from the peer
    absl::Status status = absl::OkStatus(); // DataLoss: its ring is not read any more
    ProcessWatch process;
  };

  static Staging *Take(Pool &pool) {
    for (auto &staging : pool)
      if (!staging->busy) {
        staging->busy = true;
        return staging.get();
      }
    pool.push_back(std::make_unique<Staging>());
    pool.back()->busy = true;
    return pool.back().get();
  }

  void Copy(Ring &ring, uint64_t position, const char *from, size_t size) {
    const size_t begin = position % region_->capacity, first = std::min(size, region_->capacity - begin);
    if (first)
      std::memcpy(ring.bytes() + begin, from, first);
    if (size > first)
      std::memcpy(ring.bytes(), from + first, size - first);
  }
  void CopyOut(Ring &ring, uint64_t position, char *to, size_t size) {
    const size_t begin = position % region_->capacity, first = std::min(size, region_->capacity - begin);
    if (first)
      std::memcpy(to, ring.bytes() + begin, first);
    if (size > first)
      std::memcpy(to + first, ring.bytes(), size - first);
  }

  bool Receive(int peer, Incoming &message) {
    Peer &state = peers_[peer];
    Ring &ring = region_->ring(peer, index_);
    const uint64_t available = ring.written.load(std::memory_order_acquire) - state.read;
    if (available == 0)
      return false;
    auto reject = [&](auto... what) {
      state.status = absl::DataLossError(absl::StrCat(
          "transport: bytes from ", Describe(region_->directory.address(peer)), " are no message: ", what...));
      return false;
    };
    if (available > region_->capacity || available < sizeof(Record))
      return reject("found ", available, " bytes in a ring of ", region_->capacity);
    Record record;
    CopyOut(ring, state.read, reinterpret_cast<char *>(&record), sizeof record);
    if (record.magic != kRecordMagic)
      return reject("found magic ", record.magic, ", expected ", kRecordMagic);
    if (record.size > region_->options.max_message_bytes || Footprint(record.size) > available)
      return reject("found a size of ", record.size, " bytes, expected at most ", region_->options.max_message_bytes,
                    " and ", available, " in the ring");
    if (static_cast<int>(record.name.phase) >= kPhaseCount || record.name.source != region_->directory.address(peer))
      return reject("found phase ", static_cast<int>(record.name.phase), " and source ", Describe(record.name.source));
    Staging *staging = Take(incoming_);
    char *memory = staging->memory.reserve(record.size);
    if (!memory) {
      staging->busy = false;
      return false; // tried again at the next poll
    }
    CopyOut(ring, state.read + sizeof record, memory, record.size);
    state.read += Footprint(record.size);
    ring.read.store(state.read, std::memory_order_release);
    staging->peer = peer;
    message = {record.name, absl::MakeConstSpan(memory, record.size), staging};
    return true;
  }

  std::shared_ptr<ShmRegion> region_;
  Address self_;
  int index_;
  std::vector<Peer> peers_;
  Pool incoming_;
  int next_ = 0;
  TransportCounters counters_;
};

class ShmTransport : public Transport {
public:
  explicit ShmTransport(std::shared_ptr<ShmRegion> region) : region_(std::move(region)) {}
  absl::StatusOr<std::unique_ptr<Endpoint>> Open(Address address) override {
    const int index = region_->directory.index(address);
    if (index < 0)
      return NoPeer(address);
    pid_t nobody = 0;
    if (!region_->owner(index).compare_exchange_strong(nobody, getpid()))
      return AlreadyOpen(address);
    return std::make_unique<ShmEndpoint>(region_, address);
  }

private:
  std::shared_ptr<ShmRegion> region_;
};

} // namespace

std::unique_ptr<Transport> transport::MakeShmTransport(std::shared_ptr<ShmRegion> region) {
  return std::make_unique<ShmTransport>(std::move(region));
}

absl::StatusOr<std::unique_ptr<Transport>> MakeShmTransport(const TransportOptions &options) {
  absl::StatusOr<std::shared_ptr<ShmRegion>> region = ShmRegion::Map(options);
  if (!region.ok())
    return region.status();
  return transport::MakeShmTransport(*std::move(region));
}

} // namespace janus
