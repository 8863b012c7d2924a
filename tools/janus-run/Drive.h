//===- Drive.h - many requests through one runtime --------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_DRIVE_H
#define JANUS_TOOLS_JANUS_RUN_DRIVE_H

#include "janus/Runtime/Runtime.h"

#include <algorithm>
#include <functional>

namespace janus::run {

struct Handlers {
  std::function<void(size_t index, TokenEvent &event)> token;
  /// Also for a request that was refused; result.status then says why.
  std::function<void(size_t index, RequestResult &result)> end;
  std::function<void()> step; // after each step
  /// Each second in which requests are stalled, and first when they begin to be;
  /// once more with none when they go on.
  std::function<void(const StallReport &stall)> stalled;
};

/// As many as keep a runtime busy, and no more than its queue takes before the
/// first step.
inline size_t AtOnce(const RuntimeOptions &options) { return std::min(2 * options.max_batch, options.max_queue); }

/// Runs `count` requests, made when their turn comes, at most `at_once` of them
/// in the runtime. An error is one of the runtime, not of a request.
absl::Status Drive(Runtime &runtime, size_t count, const std::function<GenerateRequest(size_t)> &make, size_t at_once,
                   const Handlers &handlers);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_DRIVE_H
