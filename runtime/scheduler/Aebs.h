//===- Aebs.h - activated-expert-balanced scheduling ------------*- C++ -*-===//
//
// Picks one replica for every activated expert of a layer so that a_max, the
// largest number of activated experts on any instance, is as small as any
// choice allows, and rewrites the rows' choices to physical slots. The result
// depends on the arguments alone: the same bytes from every block (Block.h).
// Nothing is allocated. docs/scheduler.md: the rules, the proof, the costs.
//
//   Mark     rows -> which experts are activated
//   Match    activated experts -> a replica each
//   Rewrite  rows -> physical slots
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_SCHEDULER_AEBS_H
#define JANUS_RUNTIME_SCHEDULER_AEBS_H

#include "runtime/scheduler/Block.h"
#include "runtime/scheduler/Repair.h"
#include "runtime/scheduler/ReplicaTable.h"

namespace janus::scheduler {

/// The id of a choice that counts for nothing. So does any id that is no expert.
inline constexpr uint16_t kNoExpert = 0xffff;

inline constexpr int32_t kIdle = -1;      // not activated
inline constexpr int32_t kNoReplica = -2; // activated, but no live replica

/// The experts that the rows of a step chose in one layer.
struct Choices {
  const uint16_t *ids = nullptr;     // [rows, k]
  int64_t rows = 0;                  // >= 0
  int64_t k = 1;                     // >= 1
  const uint8_t *row_mask = nullptr; // [rows] 0: a padding row, neither counted nor scheduled; null: none is
};

struct AebsResult {
  int32_t a_max = 0;     // activated experts on the busiest instance
  int32_t activated = 0; // distinct activated experts, also those without a replica
  int32_t missing = 0;   // of these, without a live replica
};

/// Where Match writes.
struct Schedule {
  int32_t *chosen = nullptr; // [experts] index into the table's replicas, kIdle or kNoReplica
  uint16_t *missing =
      nullptr; // [experts] the first AebsResult::missing are the experts without a live replica, ascending
  AebsResult *result = nullptr; // by thread 0
};

/// Bytes of `marks`.
constexpr int64_t MarksBytes(int64_t experts) { return experts + 1; }
/// int32 values of `workspace`.
constexpr int64_t MatchWorkspace(int64_t experts, int64_t instances) {
  return (experts + 31) / 32 + 2 * experts + 7 * instances + 1;
}
/// int32 values of `lookup`.
constexpr int64_t LookupSize(int64_t experts) { return experts + 1; }

namespace detail {

/// function(i, e) for this thread's part of the choices: e is the expert of choice i, or `experts` where it counts for
/// nothing.
template <class Block, class Function>
JANUS_DEVICE void ForEachChoice(Block &block, const Choices &choices, uint32_t experts, Function function) {
  // In locals: what `function` writes could alias `choices`.
  const uint16_t *const ids = choices.ids;
  const uint8_t *const mask = choices.row_mask;
  const int64_t rows = choices.rows, k = choices.k, stride = block.threads();
  if (mask) {
    for (int64_t row = block.thread(); row < rows; row += stride)
      for (int64_t i = row * k; i < (row + 1) * k; ++i)
        function(i, mask[row] && ids[i] < experts ? uint32_t{ids[i]} : experts);
    return;
  }
  const auto at = [&](int64_t i) { function(i, ids[i] < experts ? uint32_t{ids[i]} : experts); };
  int64_t i = block.thread();
  for (; i + 3 * stride < rows * k; i += 4 * stride)
    at(i), at(i + stride), at(i + 2 * stride), at(i + 3 * stride);
  for (; i < rows * k; i += stride)
    at(i);
}

/// Bit p % 32 of word p / 32: the expert at position p is activated.
template <class Block>
JANUS_DEVICE void PackMarks(Block &block, const ReplicaTableView &table, const uint8_t *marks, uint32_t *active) {
  const int32_t words = (table.experts + 31) / 32;
  for (int32_t w = block.thread(); w < words; w += block.threads()) {
    uint32_t word = 0;
    const int32_t end = table.experts - 32 * w < 32 ? table.experts - 32 * w : 32;
    for (int32_t i = 0; i < end; ++i)
      word |= static_cast<uint32_t>(marks[table.order[32 * w + i]]) << i;
    active[w] = word;
  }
}

/// Each activated expert, in the table's order, to its least loaded host, ties to the lower instance. Returns the most
/// that experts without a choice put on an instance.
JANUS_DEVICE inline int32_t Assign(const MatchState &s, uint16_t *missing, AebsResult &result) {
  const ReplicaTableView &table = s.table;
  int32_t forced = 0;
  for (int32_t g = 0; g < table.instances; ++g)
    s.load[g] = 0;
  ForEachActive(s, 0, [&](int32_t p) {
    ++result.activated;
    int32_t best = table.begin[p];
    const int32_t end = table.begin[p + 1];
    if (best == end) {
      s.choice[p] = kNoReplica;
      missing[result.missing++] = table.order[p];
      return;
    }
    int32_t least = s.load[table.instance[best]];
    for (int32_t r = best + 1; r < end; ++r) {
      const int32_t load = s.load[table.instance[r]];
      best = load < least ? r : best;
      least = load < least ? load : least;
    }
    s.choice[p] = best;
    s.load[table.instance[best]] = ++least;
    forced = p < table.first_choice && least > forced ? least : forced;
  });
  return forced;
}

} // namespace detail

/// marks [MarksBytes]: marks[e] = 1 where any row that counts chose e.
template <class Block> JANUS_DEVICE void Mark(Block &block, const Choices &choices, int32_t experts, uint8_t *marks) {
  for (int32_t e = block.thread(); e <= experts; e += block.threads())
    marks[e] = 0;
  block.sync();
  detail::ForEachChoice(block, choices, experts, [&block, marks](int64_t, uint32_t e) { block.set(marks + e); });
  block.sync();
}

/// Chooses for the marked experts. workspace: MatchWorkspace values.
template <class Block>
JANUS_DEVICE void Match(Block &block, const ReplicaTableView &table, const uint8_t *marks, const Schedule &out,
                        int32_t *workspace) {
  const detail::MatchState state(table, workspace);
  detail::PackMarks(block, table, marks, state.active);
  block.sync();
  if (block.thread() == 0) {
    AebsResult result;
    const int32_t forced = detail::Assign(state, out.missing, result);
    result.a_max = detail::Repair(state, result.activated - result.missing, forced);
    *out.result = result;
  }
  block.sync();
  for (int32_t p = block.thread(); p < table.experts; p += block.threads())
    out.chosen[table.order[p]] = state.active[p / 32] >> p % 32 & 1 ? state.choice[p] : kIdle;
  block.sync();
}

/// lookup [LookupSize]: physical slot of each expert, kIdle or kNoReplica; lookup[experts] is kIdle.
template <class Block>
JANUS_DEVICE void MakeLookup(Block &block, const ReplicaTableView &table, const int32_t *chosen, int32_t *lookup) {
  for (int32_t e = block.thread(); e <= table.experts; e += block.threads())
    lookup[e] = e == table.experts ? kIdle : chosen[e] < 0 ? chosen[e] : table.slot[chosen[e]];
  block.sync();
}

/// slots [rows, k]: lookup of each choice; kIdle where it counts for nothing.
template <class Block>
JANUS_DEVICE void Rewrite(Block &block, const Choices &choices, int32_t experts, const int32_t *lookup,
                          int32_t *slots) {
  detail::ForEachChoice(block, choices, experts, [=](int64_t i, uint32_t e) { slots[i] = lookup[e]; });
  block.sync();
}

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_AEBS_H
