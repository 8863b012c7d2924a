#include "runtime/transport/Common.h"

#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <random>

namespace janus {
namespace {
using namespace transport;

/// A message on its way: nothing but bytes, as a network would carry it.
struct Packet {
  std::vector<char> bytes; // MessageName, then payload
  int from = 0;
  int due = 0;       // polls of the receiver until it may be delivered
  bool copy = false; // a double: gives no credit back
};

struct Shared {
  Shared(const TransportOptions &options, uint64_t seed)
      : options(options), directory(options), openings(directory.size()), queues(directory.size()),
        in_flight(directory.size(), std::vector<int>(directory.size())), random(seed) {}
  TransportOptions options;
  Directory directory;
  Openings openings;
  std::mutex mutex; // guards everything below
  std::vector<std::list<Packet>> queues;
  std::vector<std::vector<int>> in_flight; // [from][to]
  std::mt19937_64 random;
};

constexpr size_t kOverwrittenKept = 8;

struct Delivery {
  AlignedBytes memory;
  int from;
  bool copy;
};

class StrictEndpoint : public Endpoint {
public:
  StrictEndpoint(std::shared_ptr<Shared> shared, Address self)
      : shared_(std::move(shared)), self_(self), index_(shared_->directory.index(self)) {}
  ~StrictEndpoint() override { shared_->openings.Close(index_); }
  Address self() const override { return self_; }

  absl::StatusOr<SendBuffer> Acquire(Address to, size_t size) override {
    absl::StatusOr<int> peer = CheckSend(shared_->directory, shared_->options, to, size);
    if (!peer.ok())
      return peer.status();
    if (shared_->openings.closed(*peer))
      return Gone(to);
    std::lock_guard lock(shared_->mutex);
    if (shared_->in_flight[index_][*peer] >= shared_->options.credits)
      return NoCredit(to);
    ++shared_->in_flight[index_][*peer];
    auto memory = std::make_unique<AlignedBytes>();
    char *data = memory->reserve(size);
    return SendBuffer{absl::MakeSpan(data, size), to, memory.release()};
  }

  void Post(SendBuffer buffer, MessageName name) override {
    name.source = self_;
    CountPost(counters_, shared_->options, name.phase, self_, buffer.to, buffer.bytes.size());
    Packet packet{std::vector<char>(sizeof name + buffer.bytes.size()), index_};
    std::memcpy(packet.bytes.data(), &name, sizeof name);
    if (!buffer.bytes.empty())
      std::memcpy(packet.bytes.data() + sizeof name, buffer.bytes.data(), buffer.bytes.size());
    {
      std::lock_guard lock(shared_->mutex);
      auto &queue = shared_->queues[shared_->directory.index(buffer.to)];
      packet.due = shared_->random() % 8;
      if (shared_->random() % 8 == 0) {
        Packet twice = packet;
        twice.copy = true;
        twice.due += shared_->random() % 16;
        queue.push_back(std::move(twice));
      }
      queue.push_back(std::move(packet));
    }
    std::memset(buffer.bytes.data(), 0xA5, buffer.bytes.size()); // whoever still reads it reads rubbish
    overwritten_.emplace_back(static_cast<AlignedBytes *>(buffer.handle));
    if (overwritten_.size() > kOverwrittenKept)
      overwritten_.pop_front();
  }

  void Cancel(SendBuffer buffer) override {
    delete static_cast<AlignedBytes *>(buffer.handle);
    std::lock_guard lock(shared_->mutex);
    --shared_->in_flight[index_][shared_->directory.index(buffer.to)];
  }

  bool Poll(Incoming &message) override {
    std::lock_guard lock(shared_->mutex);
    auto &queue = shared_->queues[index_];
    std::vector<std::list<Packet>::iterator> ready;
    for (auto packet = queue.begin(); packet != queue.end(); ++packet)
      if (--packet->due < 0)
        ready.push_back(packet);
    if (ready.empty())
      return false;
    auto packet = ready[shared_->random() % ready.size()];
    auto delivery = std::make_unique<Delivery>(Delivery{{}, packet->from, packet->copy});
    const size_t size = packet->bytes.size() - sizeof(MessageName);
    char *memory = delivery->memory.reserve(size);
    std::memcpy(&message.name, packet->bytes.data(), sizeof(MessageName));
    if (size)
      std::memcpy(memory, packet->bytes.data() + sizeof(MessageName), size);
    message.bytes = absl::MakeConstSpan(memory, size);
    message.handle = delivery.release();
    queue.erase(packet);
    return true;
  }

  void Release(Incoming &message) override {
    std::unique_ptr<Delivery> delivery(static_cast<Delivery *>(message.handle));
    message = {};
    std::lock_guard lock(shared_->mutex);
    if (!delivery->copy)
      --shared_->in_flight[delivery->from][index_];
  }

  absl::Status PeerStatus(Address peer) override {
    const int index = shared_->directory.index(peer);
    return index < 0 ? NoPeer(peer) : shared_->openings.closed(index) ? Gone(peer) : absl::OkStatus();
  }
  const TransportCounters &counters() const override { return counters_; }
  void ResetCounters() override { counters_ = {}; }

private:
  std::shared_ptr<Shared> shared_;
  Address self_;
  int index_;
  std::deque<std::unique_ptr<AlignedBytes>> overwritten_; // of the last posts
  TransportCounters counters_;
};

class StrictTransport : public Transport {
public:
  StrictTransport(const TransportOptions &options, uint64_t seed) : shared_(std::make_shared<Shared>(options, seed)) {}
  absl::StatusOr<std::unique_ptr<Endpoint>> Open(Address address) override {
    const int index = shared_->directory.index(address);
    if (index < 0)
      return NoPeer(address);
    if (!shared_->openings.Open(index))
      return AlreadyOpen(address);
    return std::make_unique<StrictEndpoint>(shared_, address);
  }

private:
  std::shared_ptr<Shared> shared_;
};

} // namespace

std::unique_ptr<Transport> MakeStrictTransport(const TransportOptions &options, uint64_t seed) {
  return std::make_unique<StrictTransport>(options, seed);
}

} // namespace janus
