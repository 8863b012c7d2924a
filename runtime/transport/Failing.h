//===- Failing.h - a transport whose endpoints fail on purpose --*- C++ -*-===//
//
// Wraps another transport of one process. From a chosen message on an endpoint
// neither sends nor receives. Who uses it is not told; its peers learn of it by
// PeerStatus (dead) or not at all (silent). docs/failures.md has the syntax.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_TRANSPORT_FAILING_H
#define JANUS_RUNTIME_TRANSPORT_FAILING_H

#include "absl/strings/string_view.h"
#include "runtime/transport/Transport.h"

#include <optional>

namespace janus {

/// The instance fails at the first message of `step`, `layer` and `phase`, or of
/// a later one, that it would send or take in, after `after` such messages. A
/// phase that changes the placement (load and those after it): at its first
/// message from `step` on, whatever the layer.
struct Fault {
  Address instance;
  uint64_t step = 0;
  std::optional<int32_t> layer = std::nullopt; // none: any
  std::optional<Phase> phase = std::nullopt;   // none: any
  int64_t after = 0;
  bool silent = false;
};

/// A new instance takes the failed one's place when the controller begins `step`.
struct Restoration {
  Address instance;
  uint64_t step = 0;
};

struct FaultPlan {
  std::vector<Fault> faults;
  std::vector<Restoration> restorations;
  bool empty() const { return faults.empty() && restorations.empty(); }
};

/// Parses "expert:2@step=37,layer=1,phase=return,how=silent".
absl::StatusOr<Fault> ParseFault(absl::string_view text);
/// Parses "expert:2@step=90".
absl::StatusOr<Restoration> ParseRestoration(absl::string_view text);
/// InvalidArgument: an instance or a layer that there is not; a restoration of
/// what does not fail before it.
absl::Status CheckFaults(const FaultPlan &plan, int attention, int experts, int64_t layers);

class FailingTransport : public Transport {
public:
  /// The instances to be restored that were not told before. The endpoint of
  /// each can be opened again when the failed one's is destroyed; its peers see
  /// it go and come back.
  virtual std::vector<Address> TakeRestorable() = 0;
};
std::unique_ptr<FailingTransport> MakeFailingTransport(std::unique_ptr<Transport> inner, FaultPlan plan);

} // namespace janus

#endif // JANUS_RUNTIME_TRANSPORT_FAILING_H
