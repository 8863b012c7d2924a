#include "runtime/placement/Rebalancer.h"

#include "runtime/placement/Planner.h"
#include "runtime/placement/Replay.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace janus {
namespace {

constexpr int64_t kSmallestBudget = 4096; // bytes a step: a move ends some time
constexpr int64_t kStepsAnEpoch = 8;      // of copying, of which a transition joins layers

int64_t Live(const Placement &placement) {
  return placement.shape().instances - static_cast<int64_t>(placement.dead().size());
}

/// The last `count` steps.
ActivationWindow Last(const ActivationWindow &window, int64_t count) {
  ActivationWindow last(window.experts(), window.capacity());
  for (int64_t s = std::max<int64_t>(window.steps() - count, 0); s < window.steps(); ++s) {
    last.Begin();
    for (int64_t e = 0; e < last.experts(); ++e)
      if (window.Active(s, e))
        last.Activate(e);
  }
  return last;
}

/// The last `count` rows.
RowWindow Last(const RowWindow &window, int64_t count) {
  RowWindow last(window.experts(), window.k(), window.capacity());
  for (int64_t age = std::min(count, window.rows()); age-- > 0;)
    last.Add(window.row(age));
  return last;
}

/// Of live instances; what is in the slots of dead ones stays, for the case that they come back.
PlanResult RandomPlan(const PlanRequest &request) {
  PlanResult result;
  const Placement &present = request.present;
  PlacementShape shape = present.shape();
  shape.instances = Live(present);
  const absl::StatusOr<Placement> random =
      Placement::Random(shape, request.options.seed + static_cast<uint64_t>(request.number) + 1);
  result.status = random.status();
  for (int64_t layer = 0; random.ok() && layer < present.layers(); ++layer) {
    LayerSlots slots = random->layer(layer);
    for (const int32_t dead : present.dead())
      slots.insert(slots.begin() + dead, present.layer(layer)[dead]);
    result.layers.push_back({layer, std::move(slots), 0, 0});
  }
  return result;
}

absl::Status SetNumber(const std::string &text, double low, double &value) {
  if (!absl::SimpleAtod(text, &value) || !(value >= low && value <= 1e15))
    return absl::InvalidArgumentError(absl::StrCat("found '", text, "', expected a number of at least ", low));
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<RebalanceOptions> ParseRebalance(const std::string &text) {
  constexpr char kExpected[] = "off, auto or every=N, then perhaps price=P, budget=BYTES, window=STEPS, from=peer or "
                               "from=artifact, plan=beside, plan=inline or plan=random, with commas between";
  RebalanceOptions options;
  bool first = true;
  for (const std::string &part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    const std::vector<std::string> sides = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const std::string &name = sides[0], value = sides.size() > 1 ? sides[1] : "";
    double number = 0;
    absl::Status status;
    if (first && (part == "off" || part == "auto"))
      options.mode = part == "off" ? RebalanceOptions::Mode::kOff : RebalanceOptions::Mode::kAuto;
    else if (first && name == "every")
      status = SetNumber(value, 1, number), options.mode = RebalanceOptions::Mode::kEvery,
      options.every = static_cast<int64_t>(number);
    else if (!first && name == "price")
      status = SetNumber(value, 0, options.copy_price);
    else if (!first && name == "budget")
      status = SetNumber(value, 1, number), options.budget = static_cast<int64_t>(number);
    else if (!first && name == "window")
      status = SetNumber(value, 1, number), options.window = static_cast<int64_t>(std::min(number, 65536.0));
    else if (!first && (part == "from=peer" || part == "from=artifact"))
      options.peers = part == "from=peer";
    else if (!first && (part == "plan=inline" || part == "plan=beside"))
      options.inline_plans = part == "plan=inline";
    else if (!first && part == "plan=random")
      options.random = options.inline_plans = true;
    else
      return absl::InvalidArgumentError(absl::StrCat("found '", part, "', expected ", kExpected));
    if (!status.ok())
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", status.message()));
    first = false;
  }
  if (options.mode == RebalanceOptions::Mode::kEvery)
    options.horizon = std::min(options.horizon, static_cast<double>(options.every));
  return options;
}

PlanResult MakePlan(const PlanRequest &request, const std::atomic<bool> *stop, absl::FunctionRef<void()> rest) {
  PlanResult result;
  const RebalanceOptions &options = request.options;
  if (options.random)
    return RandomPlan(request);
  const Placement &present = request.present;
  for (int64_t layer = 0; layer < present.layers(); ++layer) {
    const ActivityCounters &counters = request.counters[layer];
    if (stop && stop->load()) {
      result.status = absl::CancelledError("the plan was not finished");
      return result;
    }
    if (counters.window().steps() == 0 || counters.row_window().rows() == 0)
      continue;
    const uint64_t seed = options.seed + static_cast<uint64_t>(request.number * present.layers() + layer);
    const auto batch = std::max<int64_t>(1, std::llround(counters.rows()));
    const ActivationWindow drawn =
        Last(counters.row_window(), batch * request.steps).Draw(batch, options.batches, seed);
    const ActivationWindow seen = Last(counters.window(), request.steps);
    LayerProblem problem;
    problem.experts = present.shape().experts[layer];
    problem.slots.assign(present.shape().instances, present.shape().slots);
    problem.dead.assign(present.dead().begin(), present.dead().end());
    problem.steps = &drawn;
    problem.check = &seen;
    problem.current = present.layer(layer);
    problem.move_price = options.copy_price;
    problem.horizon = options.horizon;
    PlannerOptions planner;
    planner.seed = seed;
    planner.work = options.work;
    planner.stop = stop;
    absl::StatusOr<LayerPlan> plan = PlanLayer(problem, planner);
    if (!plan.ok()) {
      result.status = absl::Status(plan.status().code(), absl::StrCat("layer ", layer, ": ", plan.status().message()));
      return result;
    }
    rest();
    const double gain = plan->current_a_max - plan->a_max;
    result.declined += plan->kept;
    if (plan->moves == 0 || gain <= 0)
      continue;
    result.gain += gain * options.horizon;
    result.cost += options.copy_price * static_cast<double>(plan->moves);
    result.layers.push_back({layer, std::move(plan->slots), plan->moves, gain});
  }
  std::stable_sort(result.layers.begin(), result.layers.end(), [](const auto &a, const auto &b) {
    return a.gain * static_cast<double>(b.moves) > b.gain * static_cast<double>(a.moves);
  });
  return result;
}

Rebalancer::Rebalancer(RebalanceOptions options, Placement present, absl::Span<const int64_t> k,
                       std::vector<int64_t> expert_bytes, int64_t spare)
    : options_(options), present_(std::move(present)), expert_bytes_(std::move(expert_bytes)), spare_(spare) {
  for (int64_t layer = 0; layer < present_.layers(); ++layer)
    counters_.emplace_back(present_.shape().experts[layer], std::max<int64_t>(k[layer], 1), options_.window,
                           options_.rows, options_.half_life);
  stats_.layer_epochs.resize(counters_.size());
  stats_.layer_moves.resize(counters_.size());
  stats_.layer_bytes.resize(counters_.size());
}

void Rebalancer::Observe(const LayerActivity &activity) {
  counters_[activity.layer].Add(activity, StepLimit(activity.distinct, Live(present_)));
  step_bytes_ += activity.distinct * expert_bytes_[activity.layer];
}

void Rebalancer::EndStep() {
  ++steps_;
  last_bytes_ = std::exchange(step_bytes_, 0);
  if (state_ == State::kWatching && Triggered())
    state_ = State::kTriggered;
}

double Rebalancer::Ratio() const {
  double a_max = 0, limit = 0;
  for (const ActivityCounters &counters : counters_)
    a_max += counters.a_max(), limit += counters.limit();
  return limit > 0 ? a_max / limit : 1;
}

bool Rebalancer::Triggered() {
  if (options_.mode == RebalanceOptions::Mode::kEvery)
    return steps_ - decided_ >= options_.every;
  const auto settled = static_cast<int64_t>(2 * options_.half_life); // of the means, after what was decided
  if (options_.mode == RebalanceOptions::Mode::kOff || steps_ - decided_ < settled || steps_ % options_.look != 0)
    return false;
  const double ratio = Ratio();
  if (reference_ == 0) {
    reference_ = ratio;
  } else if (ratio > reference_ * (1 + options_.drift)) { // plan when there are a few steps of the new kind
    fresh_since_ = steps_ - settled / 2;
    plan_at_ = steps_ + settled;
    reference_ = ratio;
  } else {
    reference_ = std::min(reference_, ratio);
  }
  if (plan_at_ < 0 && steps_ - decided_ >= options_.refit)
    plan_at_ = steps_;
  if (plan_at_ < 0 || steps_ < plan_at_)
    return false;
  if (ratio > 1 + options_.drift)
    return true;
  plan_at_ = -1; // Nothing to gain. Kept due, it would be made as soon as other traffic begins, of rows of the old.
  return false;
}

PlanRequest Rebalancer::TakeRequest() {
  state_ = State::kPlanning;
  return {options_, present_, counters_, std::min(steps_ - fresh_since_, options_.window), stats_.plans};
}

void Rebalancer::SetPlan(PlanResult result) {
  if (state_ != State::kPlanning)
    return; // of a placement that was replaced
  ++stats_.plans;
  stats_.declined_layers += result.declined;
  stats_.gain += result.gain;
  stats_.cost += result.cost;
  if (!result.status.ok())
    stats_.last = absl::StrCat("no plan: ", result.status.message());
  else if (result.layers.empty())
    stats_.last =
        absl::StrFormat("not applied: nothing gains more in %.0f steps than its moves cost", options_.horizon);
  else
    stats_.last = absl::StrFormat("applied to %d layers, gain %.0f expert reads in %.0f steps, cost %.0f; in %d layers "
                                  "nothing gains more than its moves cost",
                                  result.layers.size(), result.gain, options_.horizon, result.cost, result.declined);
  stats_.applied += !result.layers.empty();
  const int64_t full = fresh_since_ + options_.window; // once more when the window is all of this traffic
  plan_at_ = steps_ < full ? full : -1;
  todo_ = std::move(result.layers);
  std::reverse(todo_.begin(), todo_.end());
  todo_.empty() ? Watch() : void(state_ = State::kMoving);
}

void Rebalancer::Watch() {
  state_ = State::kWatching;
  todo_.clear();
  decided_ = steps_;
  reference_ = 0;
}

int64_t Rebalancer::budget() const {
  const auto share = static_cast<int64_t>(static_cast<double>(last_bytes_) * options_.share);
  return options_.budget ? options_.budget : std::max(share, kSmallestBudget);
}

std::optional<Transition> Rebalancer::TakeTransition(uint32_t epoch) {
  if (state_ != State::kMoving || todo_.empty())
    return std::nullopt;
  std::map<int64_t, LayerSlots> changed;
  std::vector<int64_t> loads(present_.shape().instances);
  int64_t bytes = 0;
  for (; !todo_.empty(); todo_.pop_back()) {
    const PlanResult::Layer &next = todo_.back();
    const LayerSlots now = present_.layer(next.layer);
    bool fits = true;
    for (size_t g = 0; g < loads.size(); ++g)
      for (size_t s = 0; s < next.slots[g].size(); ++s)
        if (next.slots[g][s] >= 0 && next.slots[g][s] != now[g][s])
          fits &= ++loads[g] <= spare_, bytes += expert_bytes_[next.layer];
    if (!changed.empty() && (!fits || bytes > kStepsAnEpoch * budget()))
      break;
    changed[next.layer] = next.slots;
  }
  absl::StatusOr<Placement> next = present_.With(changed, epoch, {present_.dead().begin(), present_.dead().end()});
  if (!next.ok()) {
    Failed(next.status());
    return std::nullopt;
  }
  std::vector<Move> moves = MovesBetween(present_, *next, expert_bytes_, options_.peers);
  return Transition(*std::move(next), std::move(moves));
}

void Rebalancer::Switched(const Transition &transition) {
  for (int64_t layer = 0; layer < present_.layers(); ++layer)
    stats_.layer_epochs[layer] += present_.layer(layer) != transition.next().layer(layer);
  present_ = transition.next();
  ++stats_.epochs;
  for (const Move &move : transition.moves()) {
    ++stats_.moves;
    stats_.bytes += move.bytes;
    ++stats_.layer_moves[move.layer];
    stats_.layer_bytes[move.layer] += move.bytes;
  }
  if (state_ == State::kMoving && todo_.empty())
    Watch();
}

void Rebalancer::Failed(const absl::Status &status) {
  ++stats_.failed;
  stats_.last = absl::StrCat("a move failed: ", status.message());
  Watch();
}

void Rebalancer::Replace(Placement present) {
  present_ = std::move(present);
  Watch();
}

} // namespace janus
