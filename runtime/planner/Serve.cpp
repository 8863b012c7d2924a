#include "runtime/planner/Serve.h"

#include "runtime/placement/Replay.h"

#include "absl/strings/str_cat.h"

#include <bit>
#include <optional>

namespace janus::planner {
namespace {

/// The placement in use by layers, as schedulers.
std::vector<Replayer> Schedulers(const Placement &placement) {
  std::vector<Replayer> schedulers;
  for (int64_t l = 0; l < placement.layers(); ++l)
    schedulers.emplace_back(placement.shape().experts[l], placement.layer(l), placement.dead());
  return schedulers;
}

/// Drives a Rebalancer as docs/online.md says, with a step's latency for what is copied.
class Mover {
public:
  Mover(const Placement &placement, const std::vector<int64_t> &k, const ServeOptions &options)
      : rebalancer_(options.rebalance, placement, k, options.expert_bytes, placement.shape().slots),
        plan_steps_(options.plan_steps), schedulers_(Schedulers(placement)) {}

  /// One step: what its rows chose, [layers][batch * k].
  void Step(const std::vector<absl::Span<const uint16_t>> &ids, const std::vector<absl::Span<const uint64_t>> &active,
            int64_t batch, ServedStep &step) {
    step.epoch = epoch_;
    for (size_t l = 0; l < ids.size(); ++l) {
      const Replayer::Step scheduled = schedulers_[l].Schedule(active[l]);
      step.moves += scheduled.a_max / static_cast<double>(ids.size());
      rebalancer_.Observe({static_cast<int64_t>(l), batch, ids[l], scheduled.active, scheduled.a_max});
    }
    rebalancer_.EndStep();
    Plan();
    step.bytes = Copy();
  }

  const Rebalancer &rebalancer() const { return rebalancer_; }

private:
  void Plan() {
    if (rebalancer_.wants_plan()) {
      plan_ = MakePlan(rebalancer_.TakeRequest());
      plan_due_ = plan_steps_;
    }
    if (plan_ && plan_due_-- <= 0) {
      rebalancer_.SetPlan(*std::move(plan_));
      plan_.reset();
    }
  }

  /// Bytes ordered for the next step. What is complete takes effect between the two.
  int64_t Copy() {
    if (transition_ && transition_->loaded()) {
      rebalancer_.Switched(*transition_);
      schedulers_ = Schedulers(rebalancer_.present());
      ++epoch_;
      transition_.reset();
    }
    if (!transition_)
      transition_ = rebalancer_.TakeTransition(epoch_ + 1);
    if (!transition_)
      return 0;
    int64_t ordered = 0;
    std::vector<Transition::Piece> pieces;
    for (Transition::Piece piece;
         ordered < rebalancer_.budget() && transition_->Next(rebalancer_.budget() - ordered, piece);) {
      pieces.push_back(piece);
      ordered += piece.bytes;
    }
    for (const Transition::Piece &piece : pieces) {
      const Move &move = transition_->moves()[piece.move];
      transition_->Confirm(move.layer, move.to, move.slot, piece.offset + piece.bytes, move.bytes);
    }
    return ordered;
  }

  Rebalancer rebalancer_;
  int64_t plan_steps_, plan_due_ = 0;
  std::optional<PlanResult> plan_;
  std::optional<Transition> transition_;
  uint32_t epoch_ = 0;
  std::vector<Replayer> schedulers_;
};

class Serving {
public:
  Serving(const trace::TraceInfo &info, const Placement &placement, absl::Span<const Phase> phases,
          const ServeOptions &options)
      : info_(info), placement_(placement), phases_(phases), options_(options) {}

  absl::StatusOr<ServeResult> Run(trace::Trace &trace, const Progress &progress) {
    if (absl::Status status = Draw(trace, progress); !status.ok())
      return status;
    if (absl::Status status = Fit(progress); !status.ok())
      return status;
    std::vector<int64_t> k;
    for (int64_t layer : options_.layers)
      k.push_back(info_.layers[layer].k);
    Mover mover(placement_, k, options_);
    ServeResult result;
    std::vector<ActivationWindow> all;
    int64_t steps = 0;
    for (const Phase &phase : phases_)
      steps += phase.steps;
    for (int64_t layer : options_.layers)
      all.emplace_back(info_.layers[layer].experts, std::max<int64_t>(1, steps));
    std::vector<Replayer> stays = Schedulers(placement_);
    for (size_t p = 0; p < phases_.size(); ++p)
      for (int64_t s = 0; s < phases_[p].steps; ++s) {
        Step(p, s, k, stays, mover, result.steps.emplace_back(), all);
        if (progress)
          progress("serving", std::ssize(result.steps), steps);
      }
    for (int64_t l = 0; l < placement_.layers(); ++l) {
      result.stays.push_back(MeasureLayer(placement_.layer(l), placement_.dead(), all[l]));
      result.last.push_back(mover.rebalancer().present().layer(l));
    }
    result.stats = mover.rebalancer().stats();
    return result;
  }

private:
  /// Of each phase the steps that are served and those to fit to.
  absl::Status Draw(trace::Trace &trace, const Progress &progress) {
    std::vector<StepSource> sources;
    for (size_t p = 0; p < phases_.size(); ++p) {
      StepSource &source = sources.emplace_back();
      source.sequences = phases_[p].sequences;
      source.draws.push_back({options_.batch, phases_[p].steps, SeedFor(options_.seed, Use::kServe, p), true});
      source.draws.push_back({options_.batch, options_.fit_steps, SeedFor(options_.seed, Use::kFit, p)});
    }
    absl::StatusOr<std::vector<SourceSteps>> steps = DrawSteps(trace, options_.rows, sources, [&](int64_t rows) {
      if (progress)
        progress("reading the trace", rows, info_.rows);
    });
    if (!steps.ok())
      return steps.status();
    steps_ = *std::move(steps);
    return absl::OkStatus();
  }

  absl::Status Fit(const Progress &progress) {
    const int64_t layers = placement_.layers();
    const Instances instances = {std::vector<int64_t>(placement_.shape().instances, placement_.shape().slots),
                                 {placement_.dead().begin(), placement_.dead().end()},
                                 {}};
    std::vector<LayerSlots> slots(phases_.size() * layers);
    if (options_.fit_steps > 0) {
      absl::Status status = ForEach(
          std::ssize(slots), options_.threads,
          [&](int64_t i) {
            const int64_t layer = options_.layers[i % layers];
            const SourceSteps &source = steps_[i / layers];
            absl::StatusOr<LayerPlan> plan =
                FitLayer(Policies()[0], instances, source.draws[1].layers[layer], source.tokens[layer],
                         info_.layers[layer].layer, {options_.seed, options_.work});
            if (plan.ok())
              slots[i] = std::move(plan->slots);
            return plan.status();
          },
          "planning", progress);
      if (!status.ok())
        return status;
    }
    for (size_t p = 0; p < phases_.size() && options_.fit_steps > 0; ++p) {
      auto &schedulers = fitted_.emplace_back();
      for (int64_t l = 0; l < layers; ++l)
        schedulers.emplace_back(placement_.shape().experts[l], slots[p * layers + l], placement_.dead());
    }
    return absl::OkStatus();
  }

  void Step(size_t phase, int64_t s, const std::vector<int64_t> &k, std::vector<Replayer> &stays, Mover &mover,
            ServedStep &step, std::vector<ActivationWindow> &all) {
    const double layers = static_cast<double>(options_.layers.size());
    const int64_t live = placement_.shape().instances - std::ssize(placement_.dead());
    std::vector<absl::Span<const uint16_t>> ids;
    std::vector<absl::Span<const uint64_t>> active;
    for (size_t l = 0; l < options_.layers.size(); ++l) {
      const DrawnSteps &draw = steps_[phase].draws[0];
      const int64_t count = options_.batch * k[l];
      ids.push_back(absl::MakeConstSpan(draw.ids[options_.layers[l]]).subspan(s * count, count));
      active.push_back(draw.layers[options_.layers[l]].step(s));
      const Replayer::Step scheduled = stays[l].Schedule(active[l]);
      step.stays += scheduled.a_max / layers;
      step.limit += static_cast<double>(StepLimit(scheduled.active, live)) / layers;
      if (!fitted_.empty())
        step.fitted += fitted_[phase][l].Schedule(active[l]).a_max / layers;
      all[l].Begin();
      for (uint16_t id : ids.back())
        all[l].Activate(id);
    }
    mover.Step(ids, active, options_.batch, step);
  }

  const trace::TraceInfo &info_;
  const Placement &placement_;
  absl::Span<const Phase> phases_;
  const ServeOptions &options_;
  std::vector<SourceSteps> steps_;            // by phase: served, to fit to
  std::vector<std::vector<Replayer>> fitted_; // by phase and layer
};

} // namespace

absl::StatusOr<ServeResult> Serve(trace::Trace &trace, const Placement &placement, absl::Span<const Phase> phases,
                                  const ServeOptions &options, const Progress &progress) {
  return Serving(trace.info(), placement, phases, options).Run(trace, progress);
}

} // namespace janus::planner
