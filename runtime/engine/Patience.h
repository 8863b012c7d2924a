//===- Patience.h - how long to wait for others -----------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_PATIENCE_H
#define JANUS_RUNTIME_ENGINE_PATIENCE_H

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <sched.h>

namespace janus {

/// Turns "nothing happened" into spinning, then yielding, then an expired
/// deadline. Time in which this thread did not run counts little.
class Patience {
public:
  /// 0: for ever.
  explicit Patience(int64_t deadline_ms) : deadline_(std::chrono::milliseconds(deadline_ms)), last_(Clock::now()) {}
  void Progress() {
    idle_ = 0;
    waited_ = {};
    last_ = Clock::now();
  }
  /// False once the deadline has passed.
  bool Wait() {
    if (++idle_ > kSpins)
      sched_yield();
    if (deadline_ <= Clock::duration::zero() || !Looks())
      return true;
    const Clock::time_point now = Clock::now();
    waited_ += std::min(now - last_, deadline_ / 16);
    last_ = now;
    return waited_ < deadline_;
  }
  /// Now and then: time to look at what costs more than a poll.
  bool Looks() const { return idle_ % (idle_ > kSpins ? 8 : 64) == 0; }

private:
  using Clock = std::chrono::steady_clock;
  static constexpr int64_t kSpins = 256;
  const Clock::duration deadline_;
  Clock::duration waited_ = {};
  Clock::time_point last_;
  int64_t idle_ = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_PATIENCE_H
