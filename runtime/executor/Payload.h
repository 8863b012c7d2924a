//===- Payload.h - what routed and return messages hold ---------*- C++ -*-===//
//
// Routed dispatch (AGate): first the pairs, 20 bytes each, then the rows they
// need, each once, columns * 4 bytes. There are no counts: pairs are ordered
// by row, every row is needed by a pair, and so p pairs that reach up to row r
// are complete exactly when 20 p + 4 columns (r + 1) is the size.
//
// Return: pairs of 8 + 4 columns bytes: step row, rank, the weighted result.
//
// Bytes come from peers: everything is checked before it is used.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_PAYLOAD_H
#define JANUS_RUNTIME_EXECUTOR_PAYLOAD_H

#include "absl/status/status.h"
#include "absl/types/span.h"

#include <cstdint>
#include <cstring>

namespace janus::executor {

/// A pair of a routed message. `slot` counts over all expert instances:
/// instance * slots per instance + slot of the instance.
struct RoutedPair {
  int32_t slot, row, step_row, rank;
  float weight;
};
static_assert(sizeof(RoutedPair) == 20);

/// A routed payload in place: a message, or an instance's own rows.
struct RoutedView {
  const char *pairs = nullptr;
  const char *rows = nullptr;
  int64_t pair_count = 0, row_count = 0, columns = 0;

  RoutedPair Pair(int64_t i) const {
    RoutedPair pair;
    std::memcpy(&pair, pairs + i * sizeof(RoutedPair), sizeof(RoutedPair));
    return pair;
  }
  const char *Row(int64_t i) const { return rows + i * columns * 4; }
  int64_t bytes() const { return pair_count * static_cast<int64_t>(sizeof(RoutedPair)) + row_count * columns * 4; }
};

/// What the indices of a routed message must be below.
struct RoutedLimits {
  int64_t columns = 0, slots = 0, step_rows = 0, k = 0;
};
absl::Status ParseRouted(absl::Span<const char> bytes, const RoutedLimits &limits, RoutedView &out);

/// Which pairs are meant: those of the expert instances that are wanted.
struct SlotFilter {
  const uint8_t *wanted = nullptr; // [instances], null: all
  int64_t per_instance = 1;        // slots
  bool operator()(const RoutedPair &pair) const { return !wanted || wanted[pair.slot / per_instance] != 0; }
};
/// Bytes of what `filter` wants of `views`, which follow each other.
int64_t FilteredBytes(absl::Span<const RoutedView> views, const SlotFilter &filter);
/// Writes that as one payload, its rows renumbered.
void WriteFiltered(absl::Span<const RoutedView> views, const SlotFilter &filter, char *out);

/// One pair of a return message.
struct ReturnHead {
  int32_t step_row, rank;
};
constexpr int64_t ReturnBytes(int64_t columns) { return 8 + 4 * columns; }

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_PAYLOAD_H
