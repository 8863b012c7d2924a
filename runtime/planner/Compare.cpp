#include "runtime/planner/Compare.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>

namespace janus::planner {
namespace {

/// Of Student's t, two-sided, by degrees of freedom.
double Quantile95(int64_t freedom) {
  constexpr double kSmall[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  if (freedom < 1)
    return 0;
  if (freedom <= std::ssize(kSmall))
    return kSmall[freedom - 1];
  const double f = static_cast<double>(freedom); // Cornish-Fisher around the normal's 1.95996
  return 1.95996 + 2.3723 / f + 2.8225 / (f * f);
}

/// What one policy's placement of one layer did, for one seed of one cell.
struct Unit {
  Measure measure;
  LayerSlots slots;
};

class Comparison {
public:
  Comparison(const trace::TraceInfo &info, absl::Span<const Split> splits, const CompareOptions &options)
      : info_(info), splits_(splits), options_(options) {}

  absl::StatusOr<std::vector<CellResult>> Run(trace::Trace &trace, const Progress &progress) {
    if (absl::Status status = Draw(trace, progress); !status.ok())
      return status;
    const int64_t layers = std::ssize(options_.layers), policies = std::ssize(options_.policies);
    const int64_t count = std::ssize(cells_) * options_.seeds * layers;
    units_.resize(count * policies);
    absl::Status status = ForEach(count, options_.threads, [&](int64_t i) { return Measure(i); }, "planning", progress);
    if (!status.ok())
      return status;
    for (size_t c = 0; c < cells_.size(); ++c)
      Collect(c);
    return std::move(cells_);
  }

private:
  /// Draws of fit and test, two for each cell and seed.
  absl::Status Draw(trace::Trace &trace, const Progress &progress) {
    std::vector<StepSource> sources;
    auto usable = [&](const std::vector<trace::TraceSequence> &sequences) {
      return std::count_if(sequences.begin(), sequences.end(),
                           [&](const auto &s) { return options_.rows.Count(s) > 0; });
    };
    for (size_t s = 0; s < splits_.size(); ++s) {
      const Split &split = splits_[s];
      const int64_t most = std::min(usable(split.fit_sequences), usable(split.test_sequences));
      sources.push_back({split.fit_sequences, {}});
      sources.push_back({split.test_sequences, {}});
      for (int64_t batch : options_.batches) {
        if (batch > most)
          continue;
        cells_.push_back({s, batch, {}, {}});
        for (int64_t seed = 0; seed < options_.seeds; ++seed) {
          const uint64_t number = options_.seed + static_cast<uint64_t>(seed);
          sources[2 * s].draws.push_back({batch, options_.fit_steps, SeedFor(number, Use::kFit)});
          sources[2 * s + 1].draws.push_back({batch, options_.test_steps, SeedFor(number, Use::kTest)});
        }
      }
    }
    if (cells_.empty())
      return absl::InvalidArgumentError(
          absl::StrCat("found no part of the trace with sequences enough for a batch of ",
                       *std::min_element(options_.batches.begin(), options_.batches.end()),
                       "; use smaller batches, or other parts"));
    absl::StatusOr<std::vector<SourceSteps>> steps = DrawSteps(trace, options_.rows, sources, [&](int64_t rows) {
      if (progress)
        progress("reading the trace", rows, info_.rows);
    });
    if (!steps.ok())
      return steps.status();
    steps_ = *std::move(steps);
    return absl::OkStatus();
  }

  /// Number of a cell among those of its split.
  int64_t Place(size_t cell) const {
    return std::count_if(cells_.begin(), cells_.begin() + static_cast<int64_t>(cell),
                         [&](const CellResult &c) { return c.split == cells_[cell].split; });
  }
  const ActivationWindow &Steps(size_t cell, int64_t seed, int64_t layer, bool test) const {
    return steps_[2 * cells_[cell].split + test].draws[Place(cell) * options_.seeds + seed].layers[layer];
  }

  /// All policies on one cell, seed and layer.
  absl::Status Measure(int64_t i) {
    const int64_t layers = std::ssize(options_.layers), policies = std::ssize(options_.policies);
    const size_t cell = i / layers / options_.seeds;
    const int64_t seed = i / layers % options_.seeds, layer = options_.layers[i % layers];
    const ActivationWindow &fit = Steps(cell, seed, layer, false), &test = Steps(cell, seed, layer, true);
    const std::vector<double> &tokens = steps_[2 * cells_[cell].split].tokens[layer];
    for (int64_t p = 0; p < policies; ++p) {
      const Policy &policy = options_.policies[p];
      absl::StatusOr<LayerPlan> plan = FitLayer(policy, options_.instances, fit, tokens, info_.layers[layer].layer,
                                                {options_.seed + static_cast<uint64_t>(seed), options_.work});
      if (!plan.ok())
        return absl::Status(plan.status().code(), absl::StrCat(policy.name, ": ", plan.status().message()));
      Unit &unit = units_[i * policies + p];
      unit.measure = MeasureLayer(plan->slots, options_.instances.dead, test, policy.greedy);
      if (seed == 0)
        unit.slots = std::move(plan->slots);
    }
    return absl::OkStatus();
  }

  void Collect(size_t cell) {
    const int64_t layers = std::ssize(options_.layers), policies = std::ssize(options_.policies);
    auto unit = [&](int64_t seed, int64_t layer, int64_t policy) -> Unit & {
      return units_[((static_cast<int64_t>(cell) * options_.seeds + seed) * layers + layer) * policies + policy];
    };
    CellResult &result = cells_[cell];
    for (int64_t p = 0; p < policies; ++p) {
      PolicyResult &policy = result.policies.emplace_back();
      std::vector<double> differences;
      for (int64_t l = 0; l < layers; ++l) {
        std::vector<planner::Measure> seeds;
        for (int64_t s = 0; s < options_.seeds; ++s) {
          seeds.push_back(unit(s, l, p).measure);
          differences.push_back(unit(s, l, p).measure.a_max - unit(s, l, 0).measure.a_max);
        }
        policy.layers.push_back(MeanOf(seeds));
        policy.slots.push_back(std::move(unit(0, l, p).slots));
      }
      policy.mean = MeanOf(policy.layers);
      const double count = static_cast<double>(differences.size());
      double sum = 0, squares = 0;
      for (double d : differences)
        sum += d;
      policy.difference = sum / count;
      for (double d : differences)
        squares += (d - policy.difference) * (d - policy.difference);
      if (count > 1)
        policy.interval = Quantile95(std::ssize(differences) - 1) * std::sqrt(squares / (count - 1) / count);
    }
    for (int64_t layer : options_.layers)
      result.steps.push_back(Steps(cell, 0, layer, true));
  }

  const trace::TraceInfo &info_;
  absl::Span<const Split> splits_;
  const CompareOptions &options_;
  std::vector<CellResult> cells_;
  std::vector<SourceSteps> steps_; // fit and test of each split
  std::vector<Unit> units_;        // [cell][seed][layer][policy]
};

} // namespace

absl::StatusOr<std::vector<CellResult>> Compare(trace::Trace &trace, absl::Span<const Split> splits,
                                                const CompareOptions &options, const Progress &progress) {
  return Comparison(trace.info(), splits, options).Run(trace, progress);
}

} // namespace janus::planner
