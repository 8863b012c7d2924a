//===- Search.h - local search over replayed steps --------------*- C++ -*-===//
//
// Simulated annealing over swaps of two replicas, exchanges of one replica for
// another expert's, and replicas put into empty slots. The objective is a_max
// summed over the steps, exact for every layout that is looked at
// (Schedules.h). Half of what is tried is aimed: an expert of an instance that
// a step's a_max is stuck at, and an instance that could take it.
//
// Where all steps reach their limit ceil(D / n), the search goes on with the
// steps filled up: to each step, experts of other steps are added until D is a
// multiple of n. A layout that serves those at the same limit has most to spare
// for steps it has not seen.
//
// Internal to runtime/placement.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_SEARCH_H
#define JANUS_RUNTIME_PLACEMENT_SEARCH_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Layout.h"

#include "absl/functional/function_ref.h"

#include <cstdint>
#include <vector>

namespace janus {

struct SearchOptions {
  uint64_t seed = 0;
  int64_t work = 0;              // bound, in steps looked at
  std::vector<uint8_t> current;  // [instances][experts], 1: lies there now; empty: nothing is paid for
  double price = 0;              // of a replica that is new, in mean a_max
  int64_t max_moves = INT64_MAX; // new replicas, beyond those that the layout starts with
};

struct SearchResult {
  int64_t work = 0;
  int64_t tried = 0, taken = 0; // changes
  bool cut = false;
};

/// Improves a layout that places every expert. `cut` is polled: true ends the
/// search with the best layout so far.
SearchResult Search(Layout &layout, const ActivationWindow &window, const SearchOptions &options,
                    absl::FunctionRef<bool()> cut);

/// The steps with experts of other steps added until each has as many as it can
/// have at the same limit.
ActivationWindow FillSteps(const ActivationWindow &window, int64_t instances, uint64_t seed);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_SEARCH_H
