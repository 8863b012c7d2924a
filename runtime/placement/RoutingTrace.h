//===- RoutingTrace.h - which experts were active in which step -*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_ROUTINGTRACE_H
#define JANUS_RUNTIME_PLACEMENT_ROUTINGTRACE_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include <cstdint>
#include <string>
#include <vector>

namespace janus {

/// Activity of one layer's experts over its last kSteps steps.
class ActivationWindow {
public:
  static constexpr int64_t kSteps = 4096;

  explicit ActivationWindow(int64_t experts) : experts_(experts), active_(experts * kWords) {}
  /// One step: the experts that any row chose, each below experts(), any number of times.
  void Begin();
  void Activate(int64_t expert) { active_[expert * kWords + at_ / 64] |= uint64_t{1} << at_ % 64; }

  int64_t experts() const { return experts_; }
  /// Steps in the window.
  int64_t steps() const { return steps_; }
  /// c(e): steps in which an expert was active.
  int64_t Frequency(int64_t expert) const { return Both(expert, expert); }
  /// a(e, f): steps in which both were.
  int64_t Both(int64_t expert, int64_t other) const;

private:
  static constexpr int64_t kWords = kSteps / 64;
  int64_t experts_, steps_ = 0, at_ = kSteps - 1;
  std::vector<uint64_t> active_; // [experts][kWords], a bit a step; step kSteps overwrites step 0
};

/// Reads a directory of docs/routing-trace.md, version 2: a window for each MoE
/// layer. NotFound: no such file. InvalidArgument or DataLoss name the file, what
/// was found and what was expected. Memory does not grow with the trace.
absl::StatusOr<std::vector<ActivationWindow>> ReadRoutingTrace(const std::string &directory);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_ROUTINGTRACE_H
