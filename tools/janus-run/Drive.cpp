#include "tools/janus-run/Drive.h"

#include <chrono>
#include <thread>
#include <vector>

namespace janus::run {

namespace {

/// Tells of stalls once a second.
class StallWatch {
public:
  explicit StallWatch(const Handlers &handlers) : handlers_(handlers) {}
  /// After a step that was not run. Whether that is because all is stalled; then it waits a little.
  bool Look(const Runtime &runtime, bool idle) {
    const StallReport stall = runtime.stall();
    if (stall.requests == 0) {
      if (told_ && !idle && handlers_.stalled)
        handlers_.stalled(stall);
      told_ = false;
      return false;
    }
    if (!told_ || stall.seconds >= next_s_) {
      next_s_ = (told_ ? next_s_ : 0) + 1;
      told_ = true;
      if (handlers_.stalled)
        handlers_.stalled(stall);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return true;
  }

private:
  const Handlers &handlers_;
  bool told_ = false;
  double next_s_ = 0; // of the stall
};

} // namespace

absl::Status Drive(Runtime &runtime, size_t count, const std::function<GenerateRequest(size_t)> &make, size_t at_once,
                   const Handlers &handlers) {
  struct Active {
    RequestId id;
    size_t index;
  };
  std::vector<Active> active;
  StallWatch stalls(handlers);
  for (size_t next = 0; next < count || !active.empty();) {
    for (; next < count && active.size() < at_once; ++next) {
      absl::StatusOr<RequestId> id = runtime.Submit(make(next));
      if (id.ok()) {
        active.push_back({*id, next});
        continue;
      }
      RequestResult refused;
      refused.status = id.status();
      handlers.end(next, refused);
    }
    absl::StatusOr<bool> ran = runtime.Step();
    if (!ran.ok())
      return ran.status();
    TokenEvent event;
    RequestResult result;
    const size_t before = active.size();
    std::erase_if(active, [&](const Active &request) {
      while (runtime.Next(request.id, event))
        if (handlers.token)
          handlers.token(request.index, event);
      if (!runtime.Finish(request.id, result))
        return false;
      handlers.end(request.index, result);
      return true;
    });
    if (handlers.step)
      handlers.step();
    if (!stalls.Look(runtime, active.empty()) && !*ran && active.size() == before && !active.empty())
      return absl::InternalError("the runtime has requests but runs none of them");
  }
  return absl::OkStatus();
}

} // namespace janus::run
