//===- Mailbox.h - the messages of one instance by name ---------*- C++ -*-===//
//
// Messages come in any order, late and more than once. A mailbox keeps those
// of the attempt of a step in progress and of later ones until they are asked
// for, and drops, and counts, the others: of an earlier step, attempt or phase,
// doubled, or never asked for. What was already taken is known without a history: a step
// asks for its phases in ascending order of (layer, phase), so everything
// before the current phase is old, and only the names taken in it are listed.
//
// Orders (Orders.h) are of no step. They are numbered; the last numbers are
// kept to tell doubles.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_MAILBOX_H
#define JANUS_RUNTIME_EXECUTOR_MAILBOX_H

#include "runtime/executor/Stats.h"
#include "runtime/transport/Transport.h"

#include <utility>
#include <vector>

namespace janus::executor {

inline Address Controller() { return {EndpointKind::kController, 0}; }
inline Address Attention(int32_t id) { return {EndpointKind::kAttention, id}; }
inline Address Expert(int32_t id) { return {EndpointKind::kExpert, id}; }

/// The part of a message's name that the step in progress does not fix.
struct Key {
  int64_t layer = 0;
  Phase phase = Phase::kStep;
  Address source;
  int32_t part = 0;
  bool operator==(const Key &) const = default;
};
/// "node phase of layer 3 from attention 1, part 0"
std::string Describe(const Key &key);

/// A message; released with the last use.
class Received {
public:
  Received() = default;
  Received(Endpoint *endpoint, const Incoming &message) : endpoint(endpoint), message(message) {}
  Received(Received &&other) noexcept : endpoint(std::exchange(other.endpoint, nullptr)), message(other.message) {}
  Received &operator=(Received &&other) noexcept {
    if (this != &other) {
      Reset();
      endpoint = std::exchange(other.endpoint, nullptr);
      message = other.message;
    }
    return *this;
  }
  ~Received() { Reset(); }
  absl::Span<const char> bytes() const { return message.bytes; }
  const MessageName &name() const { return message.name; }

private:
  void Reset() {
    if (endpoint)
      std::exchange(endpoint, nullptr)->Release(message);
  }
  Endpoint *endpoint = nullptr;
  Incoming message;
};

class Mailbox {
public:
  /// Keeps at most `capacity` messages that nobody asked for yet; more are
  /// dropped. `stats` counts what is dropped.
  Mailbox(Endpoint &endpoint, size_t capacity, InstanceStats &stats);

  /// An attempt of a step begins: its messages are named by all three.
  void Open(uint32_t epoch, uint64_t step, uint16_t attempt);
  /// It will begin later: messages of earlier attempts and steps are old.
  void Await(uint64_t step, uint16_t attempt);
  /// The step ended or was given up: its messages are old from now on.
  void Close();

  /// Takes in what the transport has.
  void Pump();
  /// The next step message of the controller, in no order.
  bool TakeControl(Received &message);
  /// The order to be carried out next; valid until PopOrder. Orders of epochs up
  /// to `present` are dropped.
  const Received *NextOrder(uint32_t present);
  void PopOrder() { orders.erase(orders.begin()); }
  /// Whether an order of a later epoch waits.
  bool HasOrderAfter(uint32_t epoch) const;
  /// Tells which phase the step is in.
  void Expect(const Key &key);
  /// The message of this name of the open step, if it is there.
  bool Take(const Key &key, Received &message);

  /// Memory for a message, to be filled and posted at once. False: no credit
  /// now, or the peer is gone. True with an error in status(): the message
  /// cannot be sent at all.
  bool Reserve(Address to, const Key &key, int64_t bytes, char *&room);
  /// The same for a message that is of no step.
  bool Reserve(Address to, const MessageName &name, int64_t bytes, char *&room);
  /// Posts what was reserved last.
  void Post();
  /// Gives it back instead.
  void Cancel() { endpoint.Cancel(reserved); }
  const absl::Status &status() const { return error; }

  Address self() const { return endpoint.self(); }
  /// Not ok once the peer is known to be gone.
  absl::Status PeerStatus(Address peer) { return endpoint.PeerStatus(peer); }

private:
  enum class Fate { kKeep, kOld, kDuplicate, kUnexpected };
  Fate Judge(const MessageName &name) const;
  Fate JudgeOrder(const MessageName &name);
  bool Before(const Key &a, const Key &b) const;
  bool Current(const MessageName &name) const;
  void DropOld();

  Endpoint &endpoint;
  size_t capacity;
  InstanceStats &stats;
  std::vector<Received> kept;
  std::vector<Received> control, orders;
  std::vector<MessageName> last_orders; // a ring
  size_t next_order = 0;
  std::vector<Key> taken; // in the current phase
  Key current;
  uint32_t epoch = 0;
  uint64_t step = 0;
  uint16_t attempt = 0;
  bool open = false, any = false;
  SendBuffer reserved;
  MessageName reserved_name;
  absl::Status error;
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_MAILBOX_H
