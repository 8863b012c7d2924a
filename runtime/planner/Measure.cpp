#include "runtime/planner/Measure.h"

#include "runtime/placement/Replay.h"

#include <algorithm>
#include <functional>

namespace janus::planner {

Measure MeasureLayer(const LayerSlots &slots, absl::Span<const int32_t> dead, const ActivationWindow &steps,
                     bool greedy) {
  Replayer replayer(steps.experts(), slots, dead);
  const int64_t instances = std::ssize(slots), live = instances - std::ssize(dead);
  Measure measure;
  measure.steps = steps.steps();
  measure.load.resize(instances);
  measure.ranked.resize(instances);
  std::vector<int32_t> all, loads;
  for (int64_t s = 0; s < steps.steps(); ++s) {
    const Replayer::Step step = replayer.Schedule(steps.step(s), greedy);
    all.push_back(step.a_max);
    measure.a_max += step.a_max;
    measure.limit += static_cast<double>(StepLimit(step.active, live));
    measure.active += step.active;
    loads.assign(replayer.load().begin(), replayer.load().end());
    for (int64_t g = 0; g < instances; ++g)
      measure.load[g] += loads[g];
    std::sort(loads.begin(), loads.end(), std::greater<>());
    for (int64_t g = 0; g < instances; ++g)
      measure.ranked[g] += loads[g];
  }
  if (all.empty())
    return measure;
  const double count = static_cast<double>(all.size());
  for (double *sum : {&measure.a_max, &measure.limit, &measure.active})
    *sum /= count;
  for (std::vector<double> *sums : {&measure.load, &measure.ranked})
    for (double &sum : *sums)
      sum /= count;
  std::sort(all.begin(), all.end());
  measure.p99 = all[(all.size() - 1) * 99 / 100];
  measure.worst = all.back();
  return measure;
}

Measure MeanOf(absl::Span<const Measure> layers) {
  Measure mean;
  if (layers.empty())
    return mean;
  mean.load.resize(layers[0].load.size());
  mean.ranked.resize(layers[0].ranked.size());
  const double count = static_cast<double>(layers.size());
  for (const Measure &layer : layers) {
    mean.steps += layer.steps;
    mean.a_max += layer.a_max / count;
    mean.limit += layer.limit / count;
    mean.active += layer.active / count;
    mean.p99 = std::max(mean.p99, layer.p99);
    mean.worst = std::max(mean.worst, layer.worst);
    for (size_t g = 0; g < mean.load.size(); ++g) {
      mean.load[g] += layer.load[g] / count;
      mean.ranked[g] += layer.ranked[g] / count;
    }
  }
  return mean;
}

double SharedActivity(const LayerSlots &slots, const ActivationStatistics &statistics) {
  double shared = 0, all = 0;
  for (size_t g = 0; g < slots.size(); ++g)
    for (int32_t e : slots[g])
      for (size_t h = 0; h < slots.size(); ++h)
        for (int32_t f : slots[h]) {
          if (e < 0 || f < 0 || e == f)
            continue;
          const double both = statistics.Both(e, f);
          all += both;
          shared += g == h ? both : 0;
        }
  return all > 0 ? shared / all : 0;
}

} // namespace janus::planner
