#include "runtime/engine/PlacementRepair.h"

#include "runtime/engine/EpochChange.h"
#include "runtime/placement/Repair.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <map>
#include <utility>

namespace janus {
namespace {

/// As many layers of `next` as the spare blocks of every instance allow, in order; at least one.
absl::StatusOr<RepairResult> Part(const Placement &present, const Placement &next, const RepairOptions &options) {
  RepairResult result = {next, true, 0};
  std::map<int32_t, int64_t> loads; // by instance
  std::map<int64_t, LayerSlots> changed;
  const std::vector<Move> moves = MovesBetween(present, next, options.expert_bytes, false);
  for (size_t begin = 0, end = 0; begin < moves.size(); begin = end) {
    std::map<int32_t, int64_t> more = loads;
    for (; end < moves.size() && moves[end].layer == moves[begin].layer; ++end)
      ++more[moves[end].to];
    for (const auto &[instance, count] : more)
      result.complete &= options.spare == 0 || count <= options.spare || loads.empty();
    if (!result.complete)
      break;
    loads = std::move(more);
    result.moves += static_cast<int64_t>(end - begin);
    changed[moves[begin].layer] = next.layer(moves[begin].layer);
  }
  if (result.complete)
    return result;
  absl::StatusOr<Placement> part =
      present.With(changed, next.epoch(), std::vector<int32_t>(next.dead().begin(), next.dead().end()));
  if (!part.ok())
    return part.status();
  result.placement = *std::move(part);
  return result;
}

} // namespace

absl::StatusOr<RepairResult> RepairPlacement(Controller &controller, const Placement &present, uint32_t epoch,
                                             const RepairOptions &options) {
  const Members &members = controller.members();
  absl::StatusOr<Placement> next = Repair(present, members.lost_experts(), epoch);
  if (!next.ok())
    return next.status();
  if (MovesBetween(present, *next, options.expert_bytes, false).empty() &&
      std::equal(next->dead().begin(), next->dead().end(), present.dead().begin(), present.dead().end()))
    return RepairResult{present, true, 0};
  absl::StatusOr<RepairResult> result = Part(present, *next, options);
  if (!result.ok())
    return result;
  std::vector<Address> alive;
  for (Address address : members.Everyone())
    if (members.live(address))
      alive.push_back(address);
  EpochChange change(controller.endpoint());
  change.Begin(Transition(result->placement, MovesBetween(present, result->placement, options.expert_bytes, false)),
               present, alive);
  auto before = controller.ExchangeListener(nullptr);
  controller.ExchangeListener([&](const Incoming &message) {
    change.Receive(message);
    if (before)
      before(message);
  });
  bool silent = false;
  Patience patience(options.deadline_ms);
  for (bool news = true; !change.ready() && change.status().ok() && !silent && !controller.AnyoneGone();) {
    if (news)
      change.Advance(INT64_MAX, options.piece);
    news = controller.Exchange();
    if (news)
      patience.Progress();
    else
      silent = !patience.Wait();
  }
  controller.ExchangeListener(std::move(before));
  if (controller.AnyoneGone() || silent)
    return absl::AbortedError(absl::StrCat("epoch ", epoch, ": an instance did not take part"));
  if (!change.status().ok())
    return change.status();
  controller.set_epoch(epoch);
  return result;
}

} // namespace janus
