#include "runtime/executor/Assignments.h"

#include <algorithm>
#include <utility>

namespace janus::executor {

AssignmentBuilder::AssignmentBuilder(int64_t max_rows, int64_t max_k, int64_t slots)
    : slot_of(max_rows * max_k), x_row_of(max_rows * max_k), weight_of(max_rows * max_k), count(slots),
      group_slot(slots), group_begin(slots + 1), pair_row(max_rows * max_k), pair_rank(max_rows * max_k),
      step_row(max_rows * max_k), pair_weight(max_rows * max_k) {}

int64_t AssignmentBuilder::Bytes(int64_t max_rows, int64_t max_k, int64_t slots) {
  return (max_rows * max_k * 7 + slots * 3 + 1) * 4;
}

void AssignmentBuilder::Begin(int64_t step_rows, int64_t choices) {
  rows = step_rows;
  k = choices;
  std::fill_n(slot_of.begin(), rows * k, -1);
  std::fill(count.begin(), count.end(), 0);
}

bool AssignmentBuilder::Add(int64_t row, int64_t rank, int32_t slot, int32_t x_row, float weight) {
  const int64_t pair = row * k + rank;
  if (slot_of[pair] >= 0)
    return false;
  slot_of[pair] = slot;
  x_row_of[pair] = x_row;
  weight_of[pair] = weight;
  ++count[slot];
  return true;
}

const abi::Assignment &AssignmentBuilder::Build() {
  int64_t groups = 0;
  int32_t pairs = 0;
  for (size_t slot = 0; slot < count.size(); ++slot) {
    if (count[slot] == 0)
      continue;
    group_slot[groups] = static_cast<int32_t>(slot);
    group_begin[groups++] = pairs;
    pairs += std::exchange(count[slot], pairs);
  }
  group_begin[groups] = pairs;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t rank = 0; rank < k; ++rank) {
      const int64_t from = row * k + rank;
      if (slot_of[from] < 0)
        continue;
      const int32_t to = count[slot_of[from]]++;
      pair_row[to] = x_row_of[from];
      pair_rank[to] = static_cast<int32_t>(rank);
      pair_weight[to] = weight_of[from];
      step_row[to] = static_cast<int32_t>(row);
    }
  result = {
      groups, pairs, group_slot.data(), group_begin.data(), pair_row.data(), pair_rank.data(), pair_weight.data()};
  return result;
}

} // namespace janus::executor
