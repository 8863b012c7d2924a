#include "runtime/placement/BatchSampler.h"

#include <algorithm>

namespace janus {

BatchSampler::BatchSampler(absl::Span<const SequenceRange> sequences, uint64_t seed)
    : sequences_(sequences.begin(), sequences.end()), random_(seed) {}

absl::Span<const int64_t> BatchSampler::Draw(int64_t batch) {
  const int64_t count = static_cast<int64_t>(sequences_.size());
  rows_.clear();
  for (int64_t i = 0; i < std::min(batch, count); ++i) {
    std::swap(sequences_[i], sequences_[i + random_.Below(count - i)]);
    rows_.push_back(sequences_[i].start + random_.Below(sequences_[i].length));
  }
  return rows_;
}

} // namespace janus
