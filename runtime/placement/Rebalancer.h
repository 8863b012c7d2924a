//===- Rebalancer.h - when to move which experts ----------------*- C++ -*-===//
//
// The decisions of docs/online.md, from counters to the next placement. It
// knows no clock, thread or message; steps drive it. The runtime's controller
// and a replay of a trace drive the same class:
//
//   for every step
//     schedule each layer by present()'s table
//     Observe(activity) for each layer;  EndStep();
//     if (wants_plan())  SetPlan(MakePlan(TakeRequest()));   now, or on a thread
//     if (nothing is under way)  transition = TakeTransition(epoch);
//     order pieces of it of at most budget() bytes in all, confirm what arrived
//     when it is loaded and every instance ready:  Switched(transition)
//
// Not thread-safe; MakePlan takes all it needs with it.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_REBALANCER_H
#define JANUS_RUNTIME_PLACEMENT_REBALANCER_H

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runtime/placement/ActivityCounters.h"
#include "runtime/placement/Placement.h"
#include "runtime/placement/Transition.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace janus {

struct RebalanceOptions {
  enum class Mode { kOff, kAuto, kEvery };
  Mode mode = Mode::kOff;
  int64_t every = 0; // kEvery: steps from one plan to the next

  int64_t window = 256;     // steps that a plan is judged by
  int64_t rows = 4096;      // rows that it is fitted to, in batches drawn from them
  int64_t batches = 1000;   // drawn
  double half_life = 32;    // of the means that trigger one, in steps
  int64_t look = 16;        // kAuto: steps between looks at the trigger
  double drift = 0.02;      // kAuto: a_max over its limit has grown by this share: plan
  int64_t refit = 2048;     // kAuto: steps after which a plan is made even so
  double horizon = 2048;    // steps that a plan is expected to serve (kEvery: `every`, if that is less)
  double copy_price = 4;    // copying an expert delays a step as much as reading so many
  double share = 1.0 / 40;  // of the expert bytes that a step reads, those that moves may copy in it
  int64_t budget = 0;       // bytes that moves may copy in a step, instead of the share; 0: the share
  bool peers = true;        // copy from instances that hold the expert, rather than from the artifact
  int64_t work = 2'000'000; // of the search in each layer (PlannerOptions)
  uint64_t seed = 0;
  bool inline_plans = false; // the runtime makes plans between two steps instead of beside them
  bool random = false;       // for tests: every plan is another placement drawn at random, whatever it gains
};

/// "off", "auto", "every=N" and what docs/online.md lists. InvalidArgument otherwise.
absl::StatusOr<RebalanceOptions> ParseRebalance(const std::string &text);

/// What a plan is made of.
struct PlanRequest {
  RebalanceOptions options;
  Placement present;
  std::vector<ActivityCounters> counters; // by layer
  int64_t steps = 0;                      // last ones that count
  int64_t number = 0;                     // of the plan
};
struct PlanResult {
  struct Layer {
    int64_t layer = 0;
    LayerSlots slots;
    int64_t moves = 0;
    double gain = 0; // a_max a step
  };
  std::vector<Layer> layers; // those that gain more than they cost, the best gain a move first
  // Of `layers`: experts not read over the horizon, and what the copies delay steps by, in experts read.
  double gain = 0, cost = 0;
  int64_t declined = 0; // layers in which nothing would gain more than it costs
  absl::Status status;  // why there is no plan
};
/// Plans every layer. Deterministic unless `stop` becomes true, which ends it
/// with a status; `rest` is called between layers. Allocates.
PlanResult
MakePlan(const PlanRequest &request, const std::atomic<bool> *stop = nullptr, absl::FunctionRef<void()> rest = [] {});

/// What has been decided and done so far.
struct RebalanceStats {
  int64_t plans = 0, applied = 0; // made; with at least one layer that was worth its moves
  int64_t declined_layers = 0;    // in which a plan found nothing that gains more than it costs
  int64_t failed = 0;             // transitions that could not be completed
  int64_t epochs = 0, moves = 0, bytes = 0;
  std::vector<int64_t> layer_epochs, layer_moves, layer_bytes;
  double gain = 0, cost = 0; // of all plans, as in PlanResult
  std::string last;          // the last decision, in words
};

class Rebalancer {
public:
  /// k[layer] experts a row; expert_bytes[layer]: of one expert. `spare`: blocks
  /// for loads that each instance has; a transition needs no more, unless one
  /// layer alone does.
  Rebalancer(RebalanceOptions options, Placement present, absl::Span<const int64_t> k,
             std::vector<int64_t> expert_bytes, int64_t spare);

  void Observe(const LayerActivity &activity);
  void EndStep();

  bool wants_plan() const { return state_ == State::kTriggered; }
  PlanRequest TakeRequest();
  void SetPlan(PlanResult result);

  /// The next part of the plan, as `epoch`; none when there is no more to do.
  std::optional<Transition> TakeTransition(uint32_t epoch);
  /// Bytes that may be ordered for the coming step.
  int64_t budget() const;
  /// It took effect.
  void Switched(const Transition &transition);
  /// It could not be completed; the rest of the plan is dropped.
  void Failed(const absl::Status &status);
  /// Another placement took effect, without this class; a plan under way is dropped.
  void Replace(Placement present);

  const Placement &present() const { return present_; }
  const RebalanceStats &stats() const { return stats_; }
  const std::vector<ActivityCounters> &counters() const { return counters_; }
  /// Nothing is being planned or moved.
  bool watching() const { return state_ == State::kWatching; }

private:
  enum class State { kWatching, kTriggered, kPlanning, kMoving };
  bool Triggered();
  double Ratio() const; // a_max over its limit, all layers
  void Watch();

  RebalanceOptions options_;
  Placement present_;
  std::vector<int64_t> expert_bytes_;
  int64_t spare_;
  std::vector<ActivityCounters> counters_;
  State state_ = State::kWatching;
  int64_t steps_ = 0;                       // seen
  int64_t decided_ = 0;                     // when the last decision was carried out
  int64_t fresh_since_ = 0;                 // steps from here on are of the traffic that there is now
  int64_t plan_at_ = 0;                     // kAuto: when the next plan is due; -1: not foreseen
  double reference_ = 0;                    // ratio that the last decision led to; 0: not known yet
  int64_t step_bytes_ = 0, last_bytes_ = 0; // of experts read, in this step and the last one
  std::vector<PlanResult::Layer> todo_;     // of the plan, last first
  RebalanceStats stats_;
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_REBALANCER_H
