//===- Transport.h - asynchronous messages between instances ----*- C++ -*-===//
//
// Each instance, and the controller, owns one Endpoint. Sending is: Acquire a
// buffer that the transport owns, fill it, Post it. Receiving is: Poll, read,
// Release. No call blocks and there is no barrier. Messages may arrive late, in
// any order and more than once; their names tell them apart.
//
// An endpoint is used by one thread at a time; different endpoints may be used
// by different threads, or live in different processes.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_TRANSPORT_TRANSPORT_H
#define JANUS_RUNTIME_TRANSPORT_TRANSPORT_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace janus {

enum class EndpointKind : uint8_t { kController = 0, kAttention = 1, kExpert = 2 };

struct Address {
  EndpointKind kind = EndpointKind::kController;
  int32_t id = 0;
  auto operator<=>(const Address &) const = default;
};
std::string Describe(Address address); // "attention 1"

/// What a message is for. kDirect .. kScatter carry a step's activations and
/// results, kExchange expert ids, kStep and kResult the step itself, the others
/// what docs/online.md says.
enum class Phase : uint8_t {
  kStep,
  kResult,
  kExchange,
  kDirect,
  kGather,
  kNode,
  kRelay,
  kFanout,
  kReturn,
  kReturnGather,
  kReturnNode,
  kScatter,
  kActivity,
  kLoad,
  kWeights,
  kLoaded,
  kEpoch,
  kReady
};
inline constexpr int kPhaseCount = 18;
const char *Name(Phase phase);

/// Names a message: late, doubled or foreign ones are recognised by it.
struct MessageName {
  uint32_t epoch = 0;
  uint64_t step = 0;
  uint16_t micro_batch = 0, attempt = 0;
  int32_t layer = 0;
  Phase phase = Phase::kStep;
  Address source;
  int32_t part = 0; // which of several messages of this source in this phase
  auto operator<=>(const MessageName &) const = default;
};

/// Link classes of docs/transfers.md.
enum class Link : uint8_t { kIntra = 0, kInter = 1, kControl = 2 };

/// Messages and payload bytes posted by an endpoint.
struct TransportCounters {
  struct Count {
    uint64_t messages = 0, bytes = 0;
  };
  std::array<std::array<Count, 3>, kPhaseCount> by_phase{}; // [phase][link]
  Count Total(Link link) const;
};

/// Memory for one outgoing message; owned by the transport.
struct SendBuffer {
  absl::Span<char> bytes; // 64-byte aligned
  Address to;
  void *handle = nullptr; // of the transport
};

/// A received message. The bytes stay valid until Release.
struct Incoming {
  MessageName name;
  absl::Span<const char> bytes; // 64-byte aligned
  void *handle = nullptr;
};

class Endpoint {
public:
  virtual ~Endpoint() = default;
  virtual Address self() const = 0;

  /// A buffer of `size` bytes for a message to `to`. Unavailable: no credit left
  /// towards that peer, try again after it has released messages; or the peer is
  /// gone (PeerStatus tells). OutOfRange: larger than
  /// TransportOptions::max_message_bytes. NotFound: no such peer. With nothing in
  /// flight a buffer of any allowed size can be had.
  virtual absl::StatusOr<SendBuffer> Acquire(Address to, size_t size) = 0;
  /// Hands the buffer over. `name.source` is set to self(). The status of the
  /// delivery itself is reported by PeerStatus.
  virtual void Post(SendBuffer buffer, MessageName name) = 0;
  /// Gives an acquired buffer back without sending it.
  virtual void Cancel(SendBuffer buffer) = 0;

  /// The next message, in no particular order; false when there is none.
  virtual bool Poll(Incoming &message) = 0;
  virtual void Release(Incoming &message) = 0;

  /// OK while messages to the peer are being delivered, and before it is opened;
  /// Unavailable once it is known to be gone (closed, or its process died: what it
  /// posted before is still delivered), DataLoss if it sent bytes that are no
  /// message.
  virtual absl::Status PeerStatus(Address peer) = 0;

  virtual const TransportCounters &counters() const = 0;
  virtual void ResetCounters() = 0;
};

struct TransportOptions {
  int attention = 1, experts = 1;
  /// Node of each instance; empty: all on one node. Decides the link class that
  /// a message is counted under. Messages of or to the controller and of phase
  /// kExchange are of class control.
  std::vector<int> attention_nodes, expert_nodes;
  size_t max_message_bytes = 1 << 20;
  /// Messages from one endpoint to another that are acquired, on their way, or
  /// received and not yet released.
  int credits = 32;
};

/// Makes the endpoints of one run.
class Transport {
public:
  virtual ~Transport() = default;
  /// The endpoint of an address. With a transport over processes, in the process
  /// that uses it. NotFound: no such address. FailedPrecondition: opened before;
  /// each may be opened once, for peers that saw it go do not take it back.
  virtual absl::StatusOr<std::unique_ptr<Endpoint>> Open(Address address) = 0;
};

/// Endpoints in one process; a posted buffer is handed over, not copied. After
/// the first messages of each size class nothing is allocated.
std::unique_ptr<Transport> MakeInprocTransport(const TransportOptions &options);

/// For tests: messages are serialised, delivered from fresh memory, late,
/// reordered and some of them twice, by a generator seeded with `seed`; the
/// sender's buffer is overwritten by Post, and kept for a few posts more, so that
/// who still reads it reads that.
std::unique_ptr<Transport> MakeStrictTransport(const TransportOptions &options, uint64_t seed);

/// Over processes forked after this call: one byte ring a direction and pair in
/// shared memory. Bytes of a ring are checked before use.
absl::StatusOr<std::unique_ptr<Transport>> MakeShmTransport(const TransportOptions &options);

/// The link class of a message of `phase` between two addresses.
Link LinkOf(const TransportOptions &options, Phase phase, Address from, Address to);

} // namespace janus

#endif // JANUS_RUNTIME_TRANSPORT_TRANSPORT_H
