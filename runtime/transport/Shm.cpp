#include "runtime/transport/Common.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace janus {
namespace {
using namespace transport;

constexpr uint32_t kMagic = 0x4d53484a; // "JHSM"

/// What stands before each payload in a ring. Written by one process, read and checked by another.
struct Record {
  uint32_t magic;
  uint32_t size;
  MessageName name;
};

/// A byte ring in shared memory: one process writes, one reads.
struct Ring {
  alignas(64) std::atomic<uint64_t> written;
  alignas(64) std::atomic<uint64_t> read;
  char *bytes() { return reinterpret_cast<char *>(this + 1); }
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

size_t RoundUp(size_t size) { return (size + 63) / 64 * 64; }

/// The mapping that all processes of a run share.
class Region {
public:
  static absl::StatusOr<std::shared_ptr<Region>> Map(const TransportOptions &options) {
    auto region = std::make_shared<Region>(options);
    void *memory =
        mmap(nullptr, region->size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      return absl::ResourceExhaustedError(
          absl::StrCat("transport: cannot map ", region->size_, " bytes of shared memory: ", std::strerror(errno)));
    region->memory_ = static_cast<char *>(memory); // zero: empty rings, no owner
    return region;
  }
  explicit Region(const TransportOptions &options) : options(options), directory(options) {
    // Room for the credits at typical sizes, and for two of the largest messages whatever they are.
    capacity = RoundUp(2 * (options.max_message_bytes + sizeof(Record) + 64) + size_t{4096} * options.credits);
    owners_ = RoundUp(sizeof(std::atomic<pid_t>) * directory.size());
    size_ = owners_ + size_t(directory.size()) * directory.size() * (sizeof(Ring) + capacity);
  }
  ~Region() {
    if (memory_)
      munmap(memory_, size_);
  }
  Ring &ring(int from, int to) {
    return *reinterpret_cast<Ring *>(memory_ + owners_ +
                                     (size_t(from) * directory.size() + to) * (sizeof(Ring) + capacity));
  }
  /// The process that opened an endpoint; 0: not yet; -1: closed.
  std::atomic<pid_t> &owner(int index) { return reinterpret_cast<std::atomic<pid_t> *>(memory_)[index]; }

  TransportOptions options;
  Directory directory;
  size_t capacity;

private:
  size_t owners_, size_;
  char *memory_ = nullptr;
};

class ShmEndpoint : public Endpoint {
public:
  ShmEndpoint(std::shared_ptr<Region> region, Address self)
      : region_(std::move(region)), self_(self), index_(region_->directory.index(self)),
        peers_(region_->directory.size()) {
    region_->owner(index_).store(getpid());
  }
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
    const uint64_t used = ring.written.load(std::memory_order_relaxed) - ring.read.load(std::memory_order_acquire);
    if (used + state.reserved + Footprint(size) > region_->capacity)
      return NoCredit(to);
    Staging *staging = Take(state.staging);
    char *memory = staging->memory.reserve(size);
    if (!memory) {
      staging->busy = false;
      return absl::ResourceExhaustedError("transport: out of memory for a send buffer");
    }
    state.reserved += Footprint(size);
    return SendBuffer{absl::MakeSpan(memory, size), to, staging};
  }

  void Post(SendBuffer buffer, MessageName name) override {
    name.source = self_;
    CountPost(counters_, region_->options, name.phase, self_, buffer.to, buffer.bytes.size());
    const int peer = region_->directory.index(buffer.to);
    Ring &ring = region_->ring(index_, peer);
    Record record{};
    record.magic = kMagic;
    record.size = static_cast<uint32_t>(buffer.bytes.size());
    record.name = name;
    const uint64_t position = ring.written.load(std::memory_order_relaxed);
    Copy(ring, position, reinterpret_cast<const char *>(&record), sizeof record);
    Copy(ring, position + sizeof record, buffer.bytes.data(), buffer.bytes.size());
    ring.written.store(position + Footprint(buffer.bytes.size()), std::memory_order_release);
    Cancel(buffer);
  }

  void Cancel(SendBuffer buffer) override {
    peers_[region_->directory.index(buffer.to)].reserved -= Footprint(buffer.bytes.size());
    static_cast<Staging *>(buffer.handle)->busy = false;
  }

  bool Poll(Incoming &message) override {
    const int count = region_->directory.size();
    for (int i = 0; i < count; ++i) {
      next_ = next_ + 1 < count ? next_ + 1 : 0;
      if (peers_[next_].status.ok() && Receive(next_, message))
        return true;
    }
    return false;
  }

  void Release(Incoming &message) override {
    static_cast<Staging *>(message.handle)->busy = false;
    message = {};
  }

  absl::Status PeerStatus(Address address) override {
    const int peer = region_->directory.index(address);
    if (peer < 0)
      return NoPeer(address);
    if (!peers_[peer].status.ok())
      return peers_[peer].status;
    const pid_t owner = region_->owner(peer).load();
    if (owner == -1 || (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH))
      return absl::UnavailableError(absl::StrCat("transport: ", Describe(address), " is gone (process ", owner, ")"));
    return absl::OkStatus();
  }

  const TransportCounters &counters() const override { return counters_; }
  void ResetCounters() override { counters_ = {}; }

private:
  struct Staging {
    AlignedBytes memory;
    bool busy = false;
  };
  using Pool = std::vector<std::unique_ptr<Staging>>;
  struct Peer {
    Pool staging;
    size_t reserved = 0;                    // bytes promised to acquired buffers
    absl::Status status = absl::OkStatus(); // DataLoss: its ring is not read any more
  };

  static size_t Footprint(size_t size) { return RoundUp(sizeof(Record) + size); }
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
    Ring &ring = region_->ring(peer, index_);
    const uint64_t position = ring.read.load(std::memory_order_relaxed);
    const uint64_t available = ring.written.load(std::memory_order_acquire) - position;
    if (available == 0)
      return false;
    auto reject = [&](auto... what) {
      peers_[peer].status = absl::DataLossError(absl::StrCat(
          "transport: bytes from ", Describe(region_->directory.address(peer)), " are no message: ", what...));
      return false;
    };
    if (available > region_->capacity || available < sizeof(Record))
      return reject("found ", available, " bytes in a ring of ", region_->capacity);
    Record record;
    CopyOut(ring, position, reinterpret_cast<char *>(&record), sizeof record);
    if (record.magic != kMagic)
      return reject("found magic ", record.magic, ", expected ", kMagic);
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
    CopyOut(ring, position + sizeof record, memory, record.size);
    ring.read.store(position + Footprint(record.size), std::memory_order_release);
    message = {record.name, absl::MakeConstSpan(memory, record.size), staging};
    return true;
  }

  std::shared_ptr<Region> region_;
  Address self_;
  int index_;
  std::vector<Peer> peers_;
  Pool incoming_;
  int next_ = 0;
  TransportCounters counters_;
};

class ShmTransport : public Transport {
public:
  explicit ShmTransport(std::shared_ptr<Region> region) : region_(std::move(region)) {}
  absl::StatusOr<std::unique_ptr<Endpoint>> Open(Address address) override {
    const int index = region_->directory.index(address);
    if (index < 0)
      return NoPeer(address);
    if (region_->owner(index).load() > 0)
      return AlreadyOpen(address);
    return std::make_unique<ShmEndpoint>(region_, address);
  }

private:
  std::shared_ptr<Region> region_;
};

} // namespace

absl::StatusOr<std::unique_ptr<Transport>> MakeShmTransport(const TransportOptions &options) {
  absl::StatusOr<std::shared_ptr<Region>> region = Region::Map(options);
  if (!region.ok())
    return region.status();
  return std::make_unique<ShmTransport>(*std::move(region));
}

} // namespace janus
