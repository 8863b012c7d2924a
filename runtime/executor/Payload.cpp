#include "runtime/executor/Payload.h"

#include "absl/strings/str_cat.h"

namespace janus::executor {

absl::Status ParseRouted(absl::Span<const char> bytes, const RoutedLimits &limits, RoutedView &out) {
  const int64_t size = static_cast<int64_t>(bytes.size()), row_bytes = limits.columns * 4;
  constexpr int64_t kPair = sizeof(RoutedPair);
  out = {bytes.data(), nullptr, 0, 0, limits.columns};
  RoutedPair last = {0, -1, -1, 0, 0.0f};
  while (out.pair_count * kPair + out.row_count * row_bytes < size) {
    if ((out.pair_count + 1) * kPair > size)
      break;
    const RoutedPair pair = out.Pair(out.pair_count);
    const bool same = pair.row == last.row;
    if (pair.slot < 0 || pair.slot >= limits.slots || pair.rank < 0 || pair.rank >= limits.k || pair.step_row < 0 ||
        pair.step_row >= limits.step_rows || (!same && pair.row != last.row + 1) ||
        (same ? pair.step_row != last.step_row || pair.rank <= last.rank : pair.step_row <= last.step_row))
      return absl::DataLossError(absl::StrCat(
          "pair ", out.pair_count, ": found slot ", pair.slot, ", row ", pair.row, ", step row ", pair.step_row,
          ", rank ", pair.rank, ", expected slot below ", limits.slots, ", step row below ", limits.step_rows,
          ", rank below ", limits.k, ", after row ", last.row, ", step row ", last.step_row));
    ++out.pair_count;
    out.row_count = pair.row + 1;
    last = pair;
  }
  if (out.pair_count * kPair + out.row_count * row_bytes != size)
    return absl::DataLossError(absl::StrCat("found ", size, " bytes, expected ", out.pair_count, " pairs and ",
                                            out.row_count, " rows of ", limits.columns,
                                            " columns: ", out.pair_count * kPair + out.row_count * row_bytes));
  out.rows = bytes.data() + out.pair_count * kPair;
  return absl::OkStatus();
}

namespace {

/// Calls on_row(view, old row, new row) at the first wanted pair of each row, on_pair(pair, new row) for each.
template <typename OnRow, typename OnPair>
void Visit(absl::Span<const RoutedView> views, const SlotFilter &filter, OnRow on_row, OnPair on_pair) {
  int32_t row = -1;
  for (const RoutedView &view : views) {
    int32_t last = -1;
    for (int64_t i = 0; i < view.pair_count; ++i) {
      const RoutedPair pair = view.Pair(i);
      if (!filter(pair))
        continue;
      if (pair.row != last) {
        last = pair.row;
        on_row(view, last, ++row);
      }
      on_pair(pair, row);
    }
  }
}

} // namespace

int64_t FilteredBytes(absl::Span<const RoutedView> views, const SlotFilter &filter) {
  int64_t bytes = 0;
  Visit(
      views, filter, [&](const RoutedView &view, int32_t, int32_t) { bytes += view.columns * 4; },
      [&](const RoutedPair &, int32_t) { bytes += sizeof(RoutedPair); });
  return bytes;
}

void WriteFiltered(absl::Span<const RoutedView> views, const SlotFilter &filter, char *out) {
  char *pairs = out;
  Visit(
      views, filter, [](const RoutedView &, int32_t, int32_t) {},
      [&](const RoutedPair &pair, int32_t row) {
        const RoutedPair renumbered = {pair.slot, row, pair.step_row, pair.rank, pair.weight};
        std::memcpy(pairs, &renumbered, sizeof(RoutedPair));
        pairs += sizeof(RoutedPair);
      });
  Visit(
      views, filter,
      [&](const RoutedView &view, int32_t from, int32_t to) {
        std::memcpy(pairs + to * view.columns * 4, view.Row(from), static_cast<size_t>(view.columns) * 4);
      },
      [](const RoutedPair &, int32_t) {});
}

} // namespace janus::executor
