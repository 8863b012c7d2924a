#include "tools/janus-run/Drive.h"

#include <vector>

namespace janus::run {

absl::Status Drive(Runtime &runtime, size_t count, const std::function<GenerateRequest(size_t)> &make, size_t at_once,
                   const Handlers &handlers) {
  struct Active {
    RequestId id;
    size_t index;
  };
  std::vector<Active> active;
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
    if (!*ran && active.size() == before && !active.empty())
      return absl::InternalError("the runtime has requests but runs none of them");
  }
  return absl::OkStatus();
}

} // namespace janus::run
