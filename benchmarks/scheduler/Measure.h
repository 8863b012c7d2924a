//===- Measure.h - times of the pieces of one call --------------*- C++ -*-===//
#ifndef JANUS_BENCHMARKS_SCHEDULER_MEASURE_H
#define JANUS_BENCHMARKS_SCHEDULER_MEASURE_H

#include "runtime/scheduler/Aebs.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

namespace janus::scheduler {

inline double Nanoseconds() {
  return static_cast<double>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

inline double Quantile(std::vector<double> values, double q) {
  const auto at = std::lround(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[at];
}
inline double Median(const std::vector<double> &values) { return Quantile(values, 0.5); }

/// Medians of repeated runs, in nanoseconds; the pieces are timed in turn.
struct Pieces {
  double loop = 0; // ScalarLookup
  double mark = 0, match = 0, rewrite = 0;
  double call() const { return mark + match + rewrite; }
  AebsResult result;
};

/// The scheduler with its memory.
class Bench {
public:
  void Reserve(int64_t experts, int64_t instances, int64_t choices);
  Pieces Measure(const ReplicaTableView &table, const Choices &choices, int repeats);
  /// One call; slots [rows * k] of its choices.
  const std::vector<int32_t> &Call(const ReplicaTableView &table, const Choices &choices);

private:
  SerialBlock block;
  std::vector<uint8_t> marks;
  std::vector<int32_t> chosen, workspace, lookup, slots, looked_up;
  std::vector<uint16_t> missing;
  AebsResult result;
};

/// Processor nanoseconds of the f32 experts of one layer of the bench model (hidden 1024,
/// width 512, 64 experts), all activated experts one after the other on one
/// core, with the fastest kernels of this CPU; 0 when it has none. ids [rows, 8].
class ExpertLayer {
public:
  ExpertLayer();
  double Measure(const std::vector<uint16_t> &ids, int repeats);
  static constexpr int64_t kExperts = 64, kK = 8;

private:
  std::vector<float> up, down, x, hidden, y, weight;
};

/// Prints the time of one launch on the first CUDA device at the sizes of the
/// paper's budget, or why there is none.
void CudaTimes();

} // namespace janus::scheduler

#endif // JANUS_BENCHMARKS_SCHEDULER_MEASURE_H
