//===- Clock.h - wall clock of statistics and deadlines ---------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_CLOCK_H
#define JANUS_RUNTIME_EXECUTOR_CLOCK_H

#include <chrono>
#include <cstdint>

namespace janus {

/// Nanoseconds of a monotonic clock.
inline int64_t Nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_CLOCK_H
