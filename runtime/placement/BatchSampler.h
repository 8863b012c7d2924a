//===- BatchSampler.h - decode batches out of recorded sequences -*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_BATCHSAMPLER_H
#define JANUS_RUNTIME_PLACEMENT_BATCHSAMPLER_H

#include "runtime/base/Random.h"

#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

/// Rows [start, start + length) of a trace, length at least 1.
struct SequenceRange {
  int64_t start = 0, length = 0;
};

/// Draws batches as decoding makes them: rows of different sequences, each at a
/// position of its own (rows next to each other overlap far more). The same
/// batches for the same sequences and seed, everywhere.
class BatchSampler {
public:
  /// `sequences`: at least one.
  BatchSampler(absl::Span<const SequenceRange> sequences, uint64_t seed);
  /// Rows of `batch` different sequences drawn at random; all of them, in random
  /// order, when there are fewer. Valid until the next call.
  absl::Span<const int64_t> Draw(int64_t batch);

private:
  std::vector<SequenceRange> sequences_;
  Random random_;
  std::vector<int64_t> rows_;
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_BATCHSAMPLER_H
