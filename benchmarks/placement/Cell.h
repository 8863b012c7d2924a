//===- Cell.h - all policies on one size of deployment ----------*- C++ -*-===//
#ifndef JANUS_BENCHMARKS_PLACEMENT_CELL_H
#define JANUS_BENCHMARKS_PLACEMENT_CELL_H

#include "benchmarks/placement/Routing.h"

#include <array>
#include <string>
#include <vector>

namespace janus {

inline constexpr std::array<const char *, 6> kPolicies = {"search", "contiguous", "random",
                                                          "eplb",   "greedy",     "greedy c(e)"};

struct CellOptions {
  int64_t fit_steps = 4096, test_steps = 200, seeds = 3, threads = 2;
  int64_t work = 5'000'000; // half of the default: what a plan gains by the other half is 0.2 % where it is most
  int64_t window = 0; // fit to batches drawn from the rows of so many batches, as the runtime does; 0: from all rows
};

struct Cell {
  int64_t instances = 0, slots = 0, batch = 0;
  double Spare(int64_t experts) const {
    return static_cast<double>(instances * slots - experts) / static_cast<double>(experts);
  }
};

/// Means over the test steps of all layers and seeds.
struct CellResult {
  Cell cell;
  double limit = 0; // ceil(D / n)
  std::array<double, kPolicies.size()> a_max = {};
  /// Mean a_max of a policy less that of the search, a pair for each seed and
  /// layer, and half of its 95 % interval (Student's t).
  std::array<double, kPolicies.size()> difference = {}, interval = {};
  // What the search's placement is stuck at.
  double fit = 0;       // a_max / limit on the steps it was fitted to
  double filled = 0;    // D / (n * ceil(D / n)): 1 leaves no freedom
  double single = 0;    // share of experts with one replica
  double above = 0;     // share of steps above their limit
  double stuck_on = 0;  // of these: instances of the closed set, mean
  double stuck_one = 0; // of these: share stuck at one instance, whose experts have no replica elsewhere
  double Ratio(size_t policy) const { return a_max[policy] / limit; }
  /// A baseline's a_max is lower by more than the interval.
  bool Beaten(size_t policy) const { return difference[policy] < 0 && -difference[policy] > interval[policy]; }
};

/// The same result for any number of threads.
absl::StatusOr<CellResult> Measure(const Routing &routing, const Cell &cell, const CellOptions &options);

} // namespace janus

#endif // JANUS_BENCHMARKS_PLACEMENT_CELL_H
