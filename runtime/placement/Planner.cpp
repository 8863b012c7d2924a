#include "runtime/placement/Planner.h"

#include "runtime/base/Random.h"
#include "runtime/placement/CheckProblem.h"
#include "runtime/placement/Policies.h"
#include "runtime/placement/Replay.h"
#include "runtime/placement/Search.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <numeric>
#include <thread>

namespace janus {
namespace {

constexpr std::pair<PlacementPolicy, std::string_view> kNames[] = {{PlacementPolicy::kSearch, "search"},
                                                                   {PlacementPolicy::kContiguous, "contiguous"},
                                                                   {PlacementPolicy::kRandom, "random"},
                                                                   {PlacementPolicy::kEplb, "eplb"},
                                                                   {PlacementPolicy::kGreedy, "greedy"}};

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

LayerSlots Slots(const Layout &layout) {
  LayerSlots slots;
  for (int64_t g = 0; g < layout.instances(); ++g)
    slots.emplace_back(layout.held(g).begin(), layout.held(g).end());
  return slots;
}

double MeanLargestLoad(const ActivationWindow &steps, const LayerSlots &slots) {
  Replayer replayer(steps.experts(), slots);
  double sum = 0;
  for (int64_t s = 0; s < steps.steps(); ++s)
    sum += replayer.Schedule(steps.step(s)).a_max;
  return steps.steps() ? sum / static_cast<double>(steps.steps()) : 0;
}

double MeanLimit(const ActivationWindow &steps, int64_t live) {
  double sum = 0;
  for (int64_t s = 0; s < steps.steps(); ++s) {
    int64_t active = 0;
    for (uint64_t word : steps.step(s))
      active += std::popcount(word);
    sum += static_cast<double>(StepLimit(active, live));
  }
  return steps.steps() ? sum / static_cast<double>(steps.steps()) : 0;
}

int64_t Moves(const Layout &layout, const LayerSlots &current) {
  int64_t moves = 0;
  for (int64_t g = 0; g < layout.instances(); ++g)
    for (int32_t e : layout.held(g))
      moves += std::find(current[g].begin(), current[g].end(), e) == current[g].end();
  return moves;
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
    return absl::InvalidArgumentError(absl::StrCat("placement: eplb: found ", options.groups, " groups and ",
                                                   options.nodes, " nodes, expected at least 1 of each"));
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

/// Searches from where the layout is. False: nothing gains more than it costs, and the layout is as it was.
bool Improve(Layout &layout, const LayerProblem &problem, const PlannerOptions &options, LayerPlan &plan) {
  SearchOptions search;
  search.seed = options.seed;
  search.work = options.work;
  if (!problem.current.empty()) {
    search.current.resize(layout.instances() * layout.experts());
    for (int64_t g = 0; g < layout.instances(); ++g)
      for (int32_t e : problem.current[g])
        if (e >= 0)
          search.current[g * layout.experts() + e] = 1;
    search.max_moves = problem.max_moves;
    search.price = problem.move_price > 0 ? problem.move_price / problem.horizon : 0;
  }
  const auto begin = std::chrono::steady_clock::now();
  auto cut = [&] {
    return (options.stop && options.stop->load(std::memory_order_relaxed)) ||
           absl::FromChrono(std::chrono::steady_clock::now() - begin) > options.time_bound;
  };
  const Layout before = layout;
  const SearchResult result = Search(layout, *problem.steps, search, cut);
  plan.work = result.work;
  plan.cut = result.cut;
  if (search.price == 0)
    return true;
  const ActivationWindow &steps = problem.check ? *problem.check : *problem.steps;
  const double gain = MeanLargestLoad(steps, Slots(before)) - MeanLargestLoad(steps, Slots(layout));
  const int64_t moves = Moves(layout, problem.current) - Moves(before, problem.current);
  if (gain > search.price * static_cast<double>(moves))
    return true;
  layout = before;
  return false;
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
  return absl::InvalidArgumentError(absl::StrCat("placement: found policy '", std::string(name),
                                                 "', expected search, contiguous, random, eplb or greedy"));
}

absl::StatusOr<LayerPlan> PlanLayer(const LayerProblem &problem, const PlannerOptions &options) {
  absl::StatusOr<LayoutShape> shape = CheckProblem(problem);
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

  LayerPlan plan;
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
    if (!problem.current.empty() && (problem.move_price > 0 || problem.max_moves < INT64_MAX)) {
      PlaceCurrent(layout, problem.current, frequency);
    } else {
      PlaceGreedily(layout, frequency, statistics);
    }
    plan.kept = !Improve(layout, problem, options, plan);
    break;
  }

  const ActivationWindow &steps = problem.check ? *problem.check : *problem.steps;
  plan.slots = Slots(layout, problem);
  plan.a_max = MeanLargestLoad(steps, plan.slots);
  plan.limit = MeanLimit(steps, shape->live());
  if (!problem.current.empty()) {
    Layout current(*shape);
    PlaceCurrent(current, problem.current, frequency);
    plan.current_a_max = MeanLargestLoad(steps, Slots(current));
    plan.moves = Moves(layout, problem.current);
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
