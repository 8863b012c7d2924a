//===- ActivationWindow.h - which experts were active in which step -*- C++ -*-===//
//
// The time of a step is that of the distinct experts on the busiest instance,
// so a window keeps for each of a layer's last steps the set of experts that
// any row chose. How often it was chosen in that step is not kept.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_ACTIVATIONWINDOW_H
#define JANUS_RUNTIME_PLACEMENT_ACTIVATIONWINDOW_H

#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

/// Activity of one layer's experts over its last capacity() steps. Begin and
/// Activate allocate nothing and cost a few writes each; one thread at a time.
/// A copy is a snapshot.
class ActivationWindow {
public:
  static constexpr int64_t kSteps = 4096;

  explicit ActivationWindow(int64_t experts, int64_t capacity = kSteps)
      : experts_(experts), words_((experts + 63) / 64), capacity_(capacity), active_(capacity * words_) {}
  /// One step: the experts that any row chose, each below experts(), any number of times. A full window forgets its
  /// oldest step.
  void Begin();
  void Activate(int64_t expert) { active_[at_ * words_ + expert / 64] |= uint64_t{1} << expert % 64; }
  /// The same in a step that the window holds, 0 being the oldest.
  void Activate(int64_t step, int64_t expert) { active_[Place(step) + expert / 64] |= uint64_t{1} << expert % 64; }
  void Clear() { steps_ = 0; }

  int64_t experts() const { return experts_; }
  int64_t capacity() const { return capacity_; }
  /// Steps in the window.
  int64_t steps() const { return steps_; }
  /// Active experts of a step, 0 being the oldest: bit e % 64 of word e / 64.
  absl::Span<const uint64_t> step(int64_t step) const {
    return {active_.data() + Place(step), static_cast<size_t>(words_)};
  }
  bool Active(int64_t step, int64_t expert) const { return this->step(step)[expert / 64] >> expert % 64 & 1; }

  /// Steps in which an expert was active, and in which two were. O(steps); for all of them see Count.
  int64_t Frequency(int64_t expert) const { return Both(expert, expert); }
  int64_t Both(int64_t expert, int64_t other) const;

private:
  int64_t Place(int64_t step) const { return (at_ + 1 + capacity_ - steps_ + step) % capacity_ * words_; }
  int64_t experts_, words_, capacity_, steps_ = 0, at_ = 0;
  std::vector<uint64_t> active_; // [capacity][words], a ring
};

/// c(e) and a(e, f) of system.md, section 5.
struct ActivationStatistics {
  int64_t experts = 0;
  double steps = 0;
  std::vector<double> both; // [experts][experts] steps in which both were active; symmetric; a(e, e) = c(e)

  double Frequency(int64_t expert) const { return both[expert * experts + expert]; }
  double Both(int64_t expert, int64_t other) const { return both[expert * experts + other]; }
};

/// Counts the steps of a window. With a half-life (in steps, above 0) a step
/// counts 2^(-age / half_life), the newest having age 0: an exponential window,
/// computed when it is needed instead of in every step.
ActivationStatistics Count(const ActivationWindow &window, double half_life = 0);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_ACTIVATIONWINDOW_H
