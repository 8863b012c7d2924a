#include "runtime/transport/Common.h"

#include <atomic>
#include <deque>
#include <mutex>

namespace janus {
namespace {
using namespace transport;

struct Slot {
  AlignedBytes memory;
  size_t size = 0;
  MessageName name;
  std::atomic<bool> busy{false};
};

/// Messages of one endpoint to another: as many slots as credits, and a ring of the posted ones. One thread on each
/// side.
struct Channel {
  explicit Channel(int credits) : slots(credits), ring(credits) {}
  std::vector<Slot> slots;
  std::vector<int> ring;
  alignas(64) std::atomic<uint64_t> posted{0};
  alignas(64) std::atomic<uint64_t> polled{0};
};

struct Shared {
  explicit Shared(const TransportOptions &options)
      : options(options), directory(options), channels(directory.size() * directory.size()),
        openings(directory.size()) {}
  std::atomic<Channel *> &channel(int from, int to) { return channels[from * directory.size() + to]; }

  TransportOptions options;
  Directory directory;
  std::vector<std::atomic<Channel *>> channels; // [from][to], made when first used
  std::mutex mutex;
  std::deque<Channel> storage; // under mutex
  Openings openings;
};

class InprocEndpoint : public Endpoint {
public:
  InprocEndpoint(std::shared_ptr<Shared> shared, Address self)
      : shared_(std::move(shared)), self_(self), index_(shared_->directory.index(self)) {}
  ~InprocEndpoint() override { shared_->openings.Close(index_); }

  Address self() const override { return self_; }

  absl::StatusOr<SendBuffer> Acquire(Address to, size_t size) override {
    absl::StatusOr<int> peer = CheckSend(shared_->directory, shared_->options, to, size);
    if (!peer.ok())
      return peer.status();
    if (shared_->openings.closed(*peer))
      return Gone(to);
    for (Slot &slot : Outgoing(*peer).slots)
      if (!slot.busy.load(std::memory_order_acquire)) {
        char *memory = slot.memory.reserve(size);
        if (!memory)
          return absl::ResourceExhaustedError("transport: out of memory for a send buffer");
        slot.busy.store(true, std::memory_order_relaxed);
        slot.size = size;
        return SendBuffer{absl::MakeSpan(memory, size), to, &slot};
      }
    return NoCredit(to);
  }

  void Post(SendBuffer buffer, MessageName name) override {
    Channel &channel = Outgoing(shared_->directory.index(buffer.to));
    Slot *slot = static_cast<Slot *>(buffer.handle);
    slot->name = name;
    slot->name.source = self_;
    CountPost(counters_, shared_->options, name.phase, self_, buffer.to, slot->size);
    const uint64_t position = channel.posted.load(std::memory_order_relaxed);
    channel.ring[position % channel.ring.size()] = slot - channel.slots.data();
    channel.posted.store(position + 1, std::memory_order_release);
  }

  void Cancel(SendBuffer buffer) override {
    static_cast<Slot *>(buffer.handle)->busy.store(false, std::memory_order_release);
  }

  bool Poll(Incoming &message) override {
    const int peers = shared_->directory.size();
    for (int i = 0; i < peers; ++i) {
      next_ = next_ + 1 < peers ? next_ + 1 : 0; // each peer in turn: none can starve another
      Channel *channel = shared_->channel(next_, index_).load(std::memory_order_acquire);
      if (!channel)
        continue;
      const uint64_t position = channel->polled.load(std::memory_order_relaxed);
      if (position == channel->posted.load(std::memory_order_acquire))
        continue;
      Slot &slot = channel->slots[channel->ring[position % channel->ring.size()]];
      channel->polled.store(position + 1, std::memory_order_relaxed);
      message = {slot.name, absl::MakeConstSpan(slot.memory.data(), slot.size), &slot};
      return true;
    }
    return false;
  }

  void Release(Incoming &message) override {
    static_cast<Slot *>(message.handle)->busy.store(false, std::memory_order_release);
    message = {};
  }

  absl::Status PeerStatus(Address peer) override {
    const int index = shared_->directory.index(peer);
    return index < 0 ? NoPeer(peer) : shared_->openings.closed(index) ? Gone(peer) : absl::OkStatus();
  }

  const TransportCounters &counters() const override { return counters_; }
  void ResetCounters() override { counters_ = {}; }

private:
  Channel &Outgoing(int peer) {
    std::atomic<Channel *> &entry = shared_->channel(index_, peer);
    Channel *channel = entry.load(std::memory_order_relaxed); // only this endpoint writes it
    if (!channel) {
      std::lock_guard lock(shared_->mutex);
      channel = &shared_->storage.emplace_back(shared_->options.credits);
      entry.store(channel, std::memory_order_release);
    }
    return *channel;
  }

  std::shared_ptr<Shared> shared_;
  Address self_;
  int index_;
  int next_ = 0;
  TransportCounters counters_;
};

class InprocTransport : public Transport {
public:
  explicit InprocTransport(const TransportOptions &options) : shared_(std::make_shared<Shared>(options)) {}
  absl::StatusOr<std::unique_ptr<Endpoint>> Open(Address address) override {
    const int index = shared_->directory.index(address);
    if (index < 0)
      return NoPeer(address);
    if (!shared_->openings.Open(index))
      return AlreadyOpen(address);
    return std::make_unique<InprocEndpoint>(shared_, address);
  }

private:
  std::shared_ptr<Shared> shared_;
};

} // namespace

std::unique_ptr<Transport> MakeInprocTransport(const TransportOptions &options) {
  return std::make_unique<InprocTransport>(options);
}

} // namespace janus
