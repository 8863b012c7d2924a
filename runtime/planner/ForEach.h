//===- ForEach.h - independent units of work --------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLANNER_FOREACH_H
#define JANUS_RUNTIME_PLANNER_FOREACH_H

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include <cstdint>
#include <functional>

namespace janus::planner {

/// Told how much of something is done, on the caller's thread.
using Progress = std::function<void(const char *what, int64_t done, int64_t all)>;

/// Does units 0 to count - 1 on `threads` threads, in no order. The error of the
/// lowest unit that failed; after one no new unit begins.
absl::Status ForEach(int64_t count, int threads, absl::FunctionRef<absl::Status(int64_t)> unit, const char *what,
                     const Progress &progress);

} // namespace janus::planner

#endif // JANUS_RUNTIME_PLANNER_FOREACH_H
