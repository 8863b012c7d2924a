//===- Routing.h - a routing trace in memory, and batches of it -*- C++ -*-===//
#ifndef JANUS_BENCHMARKS_PLACEMENT_ROUTING_H
#define JANUS_BENCHMARKS_PLACEMENT_ROUTING_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/BatchSampler.h"

#include "absl/status/statusor.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace janus {

/// Sequences with an even number are for fitting, those with an odd one for testing; only repetition 0.
enum Half { kFit = 0, kTest = 1 };

struct Routing {
  std::string name;
  int64_t experts = 0, k = 0, layers = 0;
  std::vector<std::vector<uint16_t>> ids; // [layer][row * k]
  std::array<std::vector<SequenceRange>, 2> sequences;

  /// Rows of `steps` batches of `batch` sequences of a half.
  std::vector<std::vector<int64_t>> Batches(Half half, int64_t batch, int64_t steps, uint64_t seed) const;
  ActivationWindow Steps(int64_t layer, const std::vector<std::vector<int64_t>> &batches) const;
  /// Rows of a half that chose each expert.
  std::vector<double> Tokens(int64_t layer, Half half) const;
};

/// Layers of different sizes are refused.
absl::StatusOr<Routing> ReadRouting(const std::string &directory);

} // namespace janus

#endif // JANUS_BENCHMARKS_PLACEMENT_ROUTING_H
