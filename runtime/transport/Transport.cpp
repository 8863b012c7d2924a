#include "runtime/transport/Transport.h"
#include "runtime/transport/Common.h"

#include "absl/strings/str_cat.h"

namespace janus {

std::string Describe(Address address) {
  switch (address.kind) {
  case EndpointKind::kController:
    return "controller";
  case EndpointKind::kAttention:
    return absl::StrCat("attention ", address.id);
  case EndpointKind::kExpert:
    return absl::StrCat("expert ", address.id);
  }
  return absl::StrCat("endpoint of unknown kind ", static_cast<int>(address.kind));
}

const char *Name(Phase phase) {
  static constexpr const char *kNames[kPhaseCount] = {
      "step",          "result",      "exchange", "direct",   "gather", "node",    "relay",  "fanout", "return",
      "return-gather", "return-node", "scatter",  "activity", "load",   "weights", "loaded", "epoch",  "ready"};
  return static_cast<int>(phase) < kPhaseCount ? kNames[static_cast<int>(phase)] : "unknown";
}

TransportCounters::Count TransportCounters::Total(Link link) const {
  Count total;
  for (const auto &phase : by_phase) {
    total.messages += phase[static_cast<int>(link)].messages;
    total.bytes += phase[static_cast<int>(link)].bytes;
  }
  return total;
}

Link LinkOf(const TransportOptions &options, Phase phase, Address from, Address to) {
  if (phase == Phase::kExchange || from.kind == EndpointKind::kController || to.kind == EndpointKind::kController)
    return Link::kControl;
  auto node = [&](Address address) {
    const std::vector<int> &nodes =
        address.kind == EndpointKind::kAttention ? options.attention_nodes : options.expert_nodes;
    return nodes.empty() ? 0 : nodes[address.id];
  };
  return node(from) == node(to) ? Link::kIntra : Link::kInter;
}

namespace transport {

absl::Status NoPeer(Address to) {
  return absl::NotFoundError(absl::StrCat("transport: no endpoint '", Describe(to), "' in this run"));
}
absl::Status TooLarge(Address to, size_t size, size_t limit) {
  return absl::OutOfRangeError(absl::StrCat("transport: message of ", size, " bytes to ", Describe(to),
                                            ", expected at most ", limit,
                                            "; raise TransportOptions::max_message_bytes"));
}
absl::Status NoCredit(Address to) {
  return absl::UnavailableError(absl::StrCat("transport: no credit towards ", Describe(to)));
}
absl::Status AlreadyOpen(Address address) {
  return absl::FailedPreconditionError(
      absl::StrCat("transport: endpoint '", Describe(address), "' was opened before; expected to be opened once"));
}
absl::Status Gone(Address peer) {
  return absl::UnavailableError(absl::StrCat("transport: ", Describe(peer), " is gone"));
}

absl::StatusOr<int> CheckSend(const Directory &directory, const TransportOptions &options, Address to, size_t size) {
  const int peer = directory.index(to);
  if (peer < 0)
    return NoPeer(to);
  if (size > options.max_message_bytes)
    return TooLarge(to, size, options.max_message_bytes);
  return peer;
}

void CountPost(TransportCounters &counters, const TransportOptions &options, Phase phase, Address from, Address to,
               size_t bytes) {
  auto &count = counters.by_phase[static_cast<int>(phase)][static_cast<int>(LinkOf(options, phase, from, to))];
  ++count.messages;
  count.bytes += bytes;
}

} // namespace transport
} // namespace janus
