// Everything that a problem can be wrong in.
#include "runtime/placement/CheckProblem.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace janus {
namespace {

constexpr int64_t kMaxExperts = 65534, kMaxInstances = 4096, kMaxSlots = 1 << 16;

absl::Status Bad(auto... what) { return absl::InvalidArgumentError(absl::StrCat("placement: ", what...)); }

bool Names(absl::Span<const int32_t> ids, int64_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

} // namespace

absl::StatusOr<LayoutShape> CheckProblem(const LayerProblem &problem) {
  const int64_t experts = problem.experts, instances = static_cast<int64_t>(problem.slots.size());
  if (experts < 0 || experts > kMaxExperts || instances < 1 || instances > kMaxInstances)
    return Bad("found ", experts, " experts on ", instances, " instances, expected at most ", kMaxExperts,
               " experts on 1 to ", kMaxInstances, " instances");
  if (!problem.steps || problem.steps->experts() != experts)
    return Bad("found steps of ", problem.steps ? problem.steps->experts() : 0, " experts, expected ", experts);
  if (!problem.tokens.empty() && static_cast<int64_t>(problem.tokens.size()) != experts)
    return Bad("found token counts of ", problem.tokens.size(), " experts, expected ", experts, " or none");
  for (double tokens : problem.tokens)
    if (!(tokens >= 0) || !std::isfinite(tokens))
      return Bad("found a token count of ", tokens, ", expected 0 or more");
  if (problem.check && problem.check->experts() != experts)
    return Bad("found steps to check with of ", problem.check->experts(), " experts, expected ", experts);
  LayoutShape shape = {experts, problem.slots, {}};
  for (int64_t &slots : shape.room) {
    if (slots < 0 || slots > kMaxSlots)
      return Bad("found ", slots, " slots, expected 0 to ", kMaxSlots);
    slots = std::min(slots, experts); // the others cannot be filled
  }
  for (int32_t g : problem.dead) {
    if (g < 0 || g >= instances)
      return Bad("found dead instance ", g, ", expected 0 to ", instances - 1);
    shape.room[g] = 0;
  }
  if (shape.slots() < experts)
    return absl::ResourceExhaustedError(absl::StrCat("placement: ", shape.live(), " live instances have ",
                                                     shape.slots(), " slots, expected at least ", experts,
                                                     ", one an expert; give more slots or instances"));
  for (const Pin &pin : problem.pins) {
    if (pin.expert < 0 || pin.expert >= experts || pin.instance < 0 || pin.instance >= instances)
      return Bad("found expert ", pin.expert, " pinned to instance ", pin.instance, ", expected experts 0 to ",
                 experts - 1, " and instances 0 to ", instances - 1);
    const std::pair<int32_t, int32_t> pinned = {pin.expert, pin.instance};
    if (!Names(problem.dead, pin.instance) &&
        std::find(shape.pinned.begin(), shape.pinned.end(), pinned) == shape.pinned.end())
      shape.pinned.push_back(pinned);
  }
  std::vector<int64_t> pinned(instances), pinned_replicas(experts);
  for (const auto &[expert, instance] : shape.pinned) {
    ++pinned_replicas[expert];
    if (++pinned[instance] > problem.slots[instance])
      return Bad("instance ", instance, " has ", problem.slots[instance],
                 " slots, expected at least one for each expert pinned to it");
  }
  const int64_t extra = std::accumulate(pinned_replicas.begin(), pinned_replicas.end(), int64_t{0},
                                        [](int64_t sum, int64_t r) { return sum + std::max<int64_t>(r - 1, 0); });
  if (shape.slots() - extra < experts)
    return absl::ResourceExhaustedError(absl::StrCat("placement: pins hold ", extra, " of ", shape.slots(),
                                                     " slots with further replicas, and ", experts,
                                                     " experts need one each; pin fewer"));
  if (!problem.current.empty() && static_cast<int64_t>(problem.current.size()) != instances)
    return Bad("found a current placement on ", problem.current.size(), " instances, expected ", instances);
  for (size_t g = 0; g < problem.current.size(); ++g) {
    std::vector<bool> seen(experts);
    for (int32_t e : problem.current[g]) {
      if (e < -1 || e >= experts)
        return Bad("the current placement has expert ", e, " on instance ", g, ", expected -1 to ", experts - 1);
      if (e >= 0 && seen[e])
        return Bad("the current placement has expert ", e, " twice on instance ", g);
      if (e >= 0)
        seen[e] = true;
    }
  }
  if (!(problem.move_price >= 0) || (problem.move_price > 0 && !(problem.horizon > 0)) || problem.max_moves < 0)
    return Bad("found a price of ", problem.move_price, " a move, a horizon of ", problem.horizon,
               " steps, and at most ", problem.max_moves,
               " moves, expected a price of 0 or more, and then a horizon above 0, and 0 or more moves");
  return shape;
}

} // namespace janus
