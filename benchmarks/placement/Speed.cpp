// janus-placement-speed: how long plans take, on made-up routing. Time of the process and of the clock; the first is
// what a quiet core would take.
#include "runtime/base/Random.h"
#include "runtime/placement/Planner.h"
#include "runtime/placement/RowWindow.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <numeric>

namespace janus {
namespace {

struct Size {
  int64_t experts, k, instances, slots, batch, layers;
  int threads;
};
constexpr Size kSizes[] = {{256, 8, 32, 10, 16, 1, 1},  {256, 8, 32, 10, 64, 1, 1},   {256, 8, 32, 10, 256, 1, 1},
                           {256, 8, 32, 10, 64, 58, 2}, {512, 10, 128, 5, 128, 1, 1}, {1024, 16, 256, 5, 256, 1, 1}};
constexpr int64_t kRows = 8192, kTopics = 8;

/// Rows of sequences on topics. An expert is liked by its rank (a power law) and more by the rows of its topic.
RowWindow MakeRows(const Size &size, uint64_t seed) {
  RowWindow rows(size.experts, size.k, kRows);
  Random random(seed);
  std::vector<double> liking(size.experts), score(size.experts);
  for (int64_t e = 0; e < size.experts; ++e)
    liking[e] = -0.6 * std::log(static_cast<double>(e + 1));
  random.Shuffle(liking);
  std::vector<uint16_t> order(size.experts);
  for (int64_t row = 0; row < kRows; ++row) {
    const int64_t topic = random.Below(kTopics);
    for (int64_t e = 0; e < size.experts; ++e)
      score[e] = liking[e] + (e % kTopics == topic ? 1.0 : 0.0) - std::log(-std::log(1 - random.Uniform()));
    std::iota(order.begin(), order.end(), uint16_t{0});
    std::partial_sort(order.begin(), order.begin() + size.k, order.end(),
                      [&](uint16_t a, uint16_t b) { return score[a] > score[b]; });
    rows.Add({order.data(), static_cast<size_t>(size.k)});
  }
  return rows;
}

void Measure(const Size &size) {
  std::vector<ActivationWindow> windows;
  for (int64_t l = 0; l < size.layers; ++l)
    windows.push_back(MakeRows(size, static_cast<uint64_t>(l)).Draw(size.batch, ActivationWindow::kSteps, 1));
  std::vector<LayerProblem> problems(size.layers);
  for (int64_t l = 0; l < size.layers; ++l) {
    problems[l].experts = size.experts;
    problems[l].slots.assign(size.instances, size.slots);
    problems[l].steps = &windows[l];
  }
  const std::clock_t cpu = std::clock();
  const auto clock = std::chrono::steady_clock::now();
  const std::vector<LayerPlan> plans = *PlanLayers(problems, PlannerOptions(), size.threads);
  const double cpu_s = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC,
               clock_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
  double a_max = 0, limit = 0, even = 0;
  PlannerOptions contiguous;
  contiguous.policy = PlacementPolicy::kContiguous;
  for (const LayerPlan &plan : plans)
    a_max += plan.a_max, limit += plan.limit;
  const std::vector<LayerPlan> blocks = *PlanLayers(problems, contiguous, size.threads);
  for (const LayerPlan &plan : blocks)
    even += plan.a_max;
  std::printf("| %lld | %lld | %lld | %lld | %lld | %lld | %d | %.2f | %.2f | %.3f | %.3f |\n",
              static_cast<long long>(size.experts), static_cast<long long>(size.k),
              static_cast<long long>(size.instances), static_cast<long long>(size.slots),
              static_cast<long long>(size.batch), static_cast<long long>(size.layers), size.threads, cpu_s, clock_s,
              a_max / limit, even / limit);
  std::fflush(stdout);
}

} // namespace
} // namespace janus

int main() {
  std::printf("| E | k | n | C | B | layers | threads | s, processor | s, clock | a_max / limit | contiguous |\n"
              "|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const janus::Size &size : janus::kSizes)
    janus::Measure(size);
  return 0;
}
