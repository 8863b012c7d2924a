#include "runtime/placement/Planner.h"

#include "runtime/base/Random.h"
#include "runtime/placement/Policies.h"
#include "runtime/placement/Replay.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <numeric>
#include <thread>

namespace janus {
namespace {

constexpr std::pair<PlacementPolicy, std::string_view> kNames[] = {{PlacementPolicy::kSearch, "search"},
                                                                   {PlacementPolicy::kContiguous, "contiguous"},
                                                                   {PlacementPolicy::kRandom, "random"},
                                                                   {PlacementPolicy::kEplb, "eplb"},
                                                                   {PlacementPolicy::kGreedy, "greedy"}};

absl::Status Bad(auto... what) { return absl::InvalidArgumentError(absl::StrCat("placement: ", what...)); }

bool Names(absl::Span<const int32_t> ids, int64_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

/// Everything a problem can be wrong in; what is left of it is a shape.
absl::StatusOr<LayoutShape> Check(const LayerProblem &problem) {
  const int64_t experts = problem.experts, instances = static_cast<int64_t>(problem.slots.size());
  if (experts < 0 || instances < 1)
    return Bad("found ", experts, " experts on ", instances, " instances, expected 0 or more on 1 or more");
  if (!problem.steps || problem.steps->experts() != experts)
    return Bad("found steps of ", problem.steps ? problem.steps->experts() : 0, " experts, expected ", experts);
  if (!problem.tokens.empty() && static_cast<int64_t>(problem.tokens.size()) != experts)
    return Bad("found token counts of ", problem.tokens.size(), " experts, expected ", experts, " or none");
  LayoutShape shape = {experts, problem.slots, {}};
  for (int64_t slots : problem.slots)
    if (slots < 0)
      return Bad("found ", slots, " slots, expected 0 or more");
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
  if (problem.move_price < 0 || (problem.move_price > 0 && !(problem.horizon > 0)))
    return Bad("found a price of ", problem.move_price, " a move over a horizon of ", problem.horizon,
               " steps, expected a price of 0 or more and a horizon above 0");
  return shape;
}

/// [instance][slot]: what stays keeps its slot, the rest fills the free slots in id order.
LayerSlots Slots(const Layout &layout, const LayerProblem &problem) {
  LayerSlots slots(layout.instances());
  for (int64_t g = 0; g < layout.instances(); ++g) {
    slots[g].assign(problem.slots[g], -1);
    std::vector<int32_t> fresh(layout.held(g).begin(), layout.held(g).end());
    std::sort(fresh.begin(), fresh.end());
    if (!problem.current.empty())
      for (size_t s = 0; s < std::min(slots[g].size(), problem.current[g].size()); ++s)
        if (const auto at = std::find(fresh.begin(), fresh.end(), problem.current[g][s]); at != fresh.end()) {
          slots[g][s] = *at;
          fresh.erase(at);
        }
    size_t s = 0;
    for (int32_t e : fresh) {
      while (slots[g][s] >= 0)
        ++s;
      slots[g][s] = e;
    }
  }
  return slots;
}

double MeanLargestLoad(const LayerProblem &problem, const LayerSlots &slots) {
  Replayer replayer(problem.experts, slots, problem.dead);
  double sum = 0;
  for (int64_t s = 0; s < problem.steps->steps(); ++s)
    sum += replayer.Schedule(problem.steps->step(s)).a_max;
  return problem.steps->steps() ? sum / static_cast<double>(problem.steps->steps()) : 0;
}

double MeanLimit(const LayerProblem &problem, int64_t live) {
  double sum = 0;
  for (int64_t s = 0; s < problem.steps->steps(); ++s) {
    int64_t active = 0;
    for (uint64_t word : problem.steps->step(s))
      active += std::popcount(word);
    sum += static_cast<double>(StepLimit(active, live));
  }
  return problem.steps->steps() ? sum / static_cast<double>(problem.steps->steps()) : 0;
}

absl::Status PlaceEplb(Layout &layout, absl::Span<const double> load, const PlannerOptions &options) {
  const LayoutShape &shape = layout.shape();
  std::vector<int64_t> live;
  for (int64_t g = 0; g < shape.instances(); ++g)
    if (shape.room[g] > 0)
      live.push_back(g);
  for (int64_t g : live)
    if (shape.room[g] != shape.room[live[0]])
      return absl::FailedPreconditionError(absl::StrCat("placement: eplb: found instances of ", shape.room[live[0]],
                                                        " and ", shape.room[g],
                                                        " slots, expected equal ones; use another policy"));
  if (!shape.pinned.empty())
    return absl::FailedPreconditionError("placement: eplb: found pinned experts, which it cannot place; use another "
                                         "policy");
  if (options.groups < 1 || options.nodes < 1)
    return Bad("eplb: found ", options.groups, " groups and ", options.nodes, " nodes, expected at least 1 of each");
  if (live.empty())
    return absl::OkStatus();
  const auto placed = Eplb(load, static_cast<int64_t>(live.size()), shape.room[live[0]], options.groups, options.nodes);
  for (size_t i = 0; i < placed.size(); ++i)
    for (int32_t e : placed[i])
      if (!layout.Holds(live[i], e)) // EPLB may put two replicas on one instance, where the second is of no use
        layout.Add(live[i], e);
  FillSpare(layout, load);
  return absl::OkStatus();
}

} // namespace

std::string_view PolicyName(PlacementPolicy policy) {
  for (const auto &[value, name] : kNames)
    if (value == policy)
      return name;
  return "unknown";
}

absl::StatusOr<PlacementPolicy> ParsePolicy(std::string_view name) {
  for (const auto &[value, known] : kNames)
    if (known == name)
      return value;
  return Bad("found policy '", std::string(name), "', expected search, contiguous, random, eplb or greedy");
}

absl::StatusOr<LayerPlan> PlanLayer(const LayerProblem &problem, const PlannerOptions &options) {
  absl::StatusOr<LayoutShape> shape = Check(problem);
  if (!shape.ok())
    return shape.status();
  Layout layout(*shape);
  const ActivationStatistics statistics = Count(*problem.steps);
  std::vector<double> frequency(problem.experts);
  for (int64_t e = 0; e < problem.experts; ++e)
    frequency[e] = statistics.Frequency(e);
  const std::vector<double> &tokens = problem.tokens.empty() ? frequency : problem.tokens;
  std::vector<int32_t> order(problem.experts);
  std::iota(order.begin(), order.end(), 0);

  switch (options.policy) {
  case PlacementPolicy::kRandom:
    Random(options.seed).Shuffle(order);
    [[fallthrough]];
  case PlacementPolicy::kContiguous:
    PlaceInOrder(layout, order);
    break;
  case PlacementPolicy::kGreedy:
    PlaceGreedily(layout, tokens, statistics);
    break;
  case PlacementPolicy::kEplb:
    if (absl::Status status = PlaceEplb(layout, tokens, options); !status.ok())
      return status;
    break;
  case PlacementPolicy::kSearch:
    PlaceGreedily(layout, frequency, statistics);
    break;
  }

  LayerPlan plan;
  plan.slots = Slots(layout, problem);
  plan.a_max = MeanLargestLoad(problem, plan.slots);
  plan.limit = MeanLimit(problem, shape->live());
  if (!problem.current.empty()) {
    plan.current_a_max = MeanLargestLoad(problem, problem.current);
    for (int64_t g = 0; g < layout.instances(); ++g)
      for (int32_t e : layout.held(g))
        plan.moves += !Names(problem.current[g], e);
  }
  return plan;
}

absl::StatusOr<std::vector<LayerPlan>> PlanLayers(absl::Span<const LayerProblem> problems,
                                                  const PlannerOptions &options, int threads) {
  std::vector<absl::StatusOr<LayerPlan>> planned(problems.size(), absl::UnknownError("not planned"));
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t l; (l = next++) < problems.size();) {
      PlannerOptions mine = options;
      mine.seed = Random(options.seed + l * 0x9e3779b97f4a7c15).Next();
      planned[l] = PlanLayer(problems[l], mine);
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < std::min<int64_t>(threads, static_cast<int64_t>(problems.size())); ++t)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
  std::vector<LayerPlan> plans;
  for (size_t l = 0; l < planned.size(); ++l) {
    if (!planned[l].ok())
      return absl::Status(planned[l].status().code(), absl::StrCat("layer ", l, ": ", planned[l].status().message()));
    plans.push_back(*std::move(planned[l]));
  }
  return plans;
}

} // namespace janus
