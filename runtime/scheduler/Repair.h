//===- Repair.h - from a greedy assignment to an optimal one ----*- C++ -*-===//
//
// Internal to Aebs.h. Lowers the maximum load one by one: for a target L, moves
// experts along paths of replicas from instances with more than L to instances
// with less, many paths of the shortest length at a time (Dinic's phases, which
// for matchings are Hopcroft and Karp's). When the instances above L reach none
// below it, those that they reach are a closed set: no expert on them has a
// replica elsewhere, all of them carry L or more and one carries more, so no
// assignment has a maximum of L.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_SCHEDULER_REPAIR_H
#define JANUS_RUNTIME_SCHEDULER_REPAIR_H

#include "runtime/scheduler/Block.h"
#include "runtime/scheduler/ReplicaTable.h"

namespace janus::scheduler::detail {

/// The workspace of a match. "Position": in ReplicaTableView::order.
struct MatchState {
  JANUS_DEVICE MatchState(const ReplicaTableView &table, int32_t *workspace) : table(table) {
    const int64_t experts = table.experts, instances = table.instances;
    active = reinterpret_cast<uint32_t *>(workspace);
    choice = workspace + (experts + 31) / 32;
    held = choice + experts;
    load = held + experts;
    first = load + instances;
    at = first + instances + 1;
    arc = at + instances;
    level = arc + instances;
    queue = level + instances;
    path = queue + instances;
  }

  const ReplicaTableView &table;
  uint32_t *active; // [ceil(experts / 32)] bits by position
  int32_t *choice;  // [experts] by position: replica
  int32_t *held;    // [experts] positions with a choice, by the instance that serves them
  int32_t *load;    // [instances]
  int32_t *first;   // [instances + 1] into `held`
  int32_t *at;      // [instances] the next of `held` to look at in this phase
  int32_t *arc;     // [instances] and of it the next replica
  int32_t *level;   // [instances] distance from an instance above the target; -1: none
  int32_t *queue;   // [instances]
  int32_t *path;    // [instances]
};

JANUS_DEVICE inline int32_t LowestBit(uint32_t word) {
#ifdef __CUDA_ARCH__
  return __ffs(static_cast<int>(word)) - 1;
#else
  return __builtin_ctz(word);
#endif
}

/// Activated positions from `from` on, ascending.
template <class Function> JANUS_DEVICE void ForEachActive(const MatchState &s, int32_t from, Function function) {
  for (int32_t w = from / 32; w < (s.table.experts + 31) / 32; ++w)
    for (uint32_t word = w == from / 32 ? s.active[w] & ~uint32_t{0} << from % 32 : s.active[w]; word; word &= word - 1)
      function(32 * w + LowestBit(word));
}

JANUS_DEVICE inline int32_t MaxLoad(const MatchState &s) {
  int32_t most = 0;
  for (int32_t g = 0; g < s.table.instances; ++g)
    most = s.load[g] > most ? s.load[g] : most;
  return most;
}

/// Lists the experts with a choice by the instance that serves them, and sets the cursors to their begin.
JANUS_DEVICE inline void ListHeld(const MatchState &s) {
  const ReplicaTableView &table = s.table;
  for (int32_t g = 0; g <= table.instances; ++g)
    s.first[g] = 0;
  ForEachActive(s, table.first_choice, [&](int32_t p) { ++s.first[table.instance[s.choice[p]]]; });
  int32_t sum = 0;
  for (int32_t g = 0; g <= table.instances; ++g) {
    sum += s.first[g];
    s.first[g] = sum;
  }
  ForEachActive(s, table.first_choice, [&](int32_t p) { s.held[--s.first[table.instance[s.choice[p]]]] = p; });
  for (int32_t g = 0; g < table.instances; ++g) {
    s.at[g] = s.first[g];
    s.arc[g] = s.first[g] < s.first[g + 1] ? table.begin[s.held[s.first[g]]] : 0;
  }
}

/// Levels from all instances above `target`, breadth first, up to the level of the nearest ones below it, which is
/// returned; -1 when none is reached. The first `sources` of the queue are the instances above.
JANUS_DEVICE inline int32_t Levels(const MatchState &s, int32_t target, int32_t &sources) {
  const ReplicaTableView &table = s.table;
  int32_t write = 0, sink = -1;
  for (int32_t g = 0; g < table.instances; ++g) {
    s.level[g] = s.load[g] > target ? 0 : -1;
    if (s.level[g] == 0)
      s.queue[write++] = g;
  }
  sources = write;
  for (int32_t read = 0; read < write; ++read) {
    const int32_t g = s.queue[read];
    if (s.level[g] == sink)
      break;
    for (int32_t i = s.first[g]; i < s.first[g + 1]; ++i)
      for (int32_t r = table.begin[s.held[i]]; r < table.begin[s.held[i] + 1]; ++r) {
        const int32_t host = table.instance[r];
        if (s.level[host] >= 0)
          continue;
        s.level[host] = s.level[g] + 1;
        s.queue[write++] = host;
        if (s.load[host] < target)
          sink = s.level[host];
      }
  }
  return sink;
}

/// The next host one level above `g` that its cursors lead to, or -1.
JANUS_DEVICE inline int32_t NextHost(const MatchState &s, int32_t g) {
  const ReplicaTableView &table = s.table;
  while (s.at[g] < s.first[g + 1]) {
    for (const int32_t end = table.begin[s.held[s.at[g]] + 1]; s.arc[g] < end; ++s.arc[g]) {
      const int32_t host = table.instance[s.arc[g]];
      if (s.level[host] == s.level[g] + 1)
        return host;
    }
    if (++s.at[g] < s.first[g + 1])
      s.arc[g] = table.begin[s.held[s.at[g]]];
  }
  return -1;
}

/// Moves an expert along every edge of one path from `source` to an instance below the target on level `sink`. False:
/// this phase has no more.
JANUS_DEVICE inline bool Relieve(const MatchState &s, int32_t source, int32_t target, int32_t sink) {
  const ReplicaTableView &table = s.table;
  int32_t depth = 0;
  s.path[0] = source;
  while (true) {
    const int32_t g = s.path[depth];
    if (s.level[g] == sink && s.load[g] < target)
      break;
    const int32_t host = s.level[g] < sink ? NextHost(s, g) : -1;
    if (host >= 0) {
      s.path[++depth] = host;
    } else if (depth == 0) {
      return false;
    } else {
      ++s.arc[s.path[--depth]];
    }
  }
  ++s.load[s.path[depth]];
  --s.load[source];
  while (depth > 0) {
    const int32_t from = s.path[--depth];
    s.choice[s.held[s.at[from]]] = s.arc[from];
    if (++s.at[from] < s.first[from + 1]) // the moved expert is no longer here
      s.arc[from] = table.begin[s.held[s.at[from]]];
  }
  return true;
}

/// Whether no instance carries more than `target` now. If not, none ever can.
JANUS_DEVICE inline bool Reach(const MatchState &s, int32_t target) {
  while (true) {
    ListHeld(s);
    int32_t sources = 0;
    const int32_t sink = Levels(s, target, sources);
    if (sources == 0 || sink < 0)
      return sources == 0;
    for (int32_t i = 0; i < sources; ++i)
      while (s.load[s.queue[i]] > target && Relieve(s, s.queue[i], target, sink))
        ;
  }
}

/// Returns a_max of `assigned` experts, for Rule::kExact after repairing their assignment.
/// `forced`: the most that experts without a choice put on an instance.
JANUS_DEVICE inline int32_t Repair(const MatchState &s, int32_t assigned, int32_t forced) {
  int32_t most = MaxLoad(s);
  if (s.table.rule != Rule::kExact)
    return most;
  const int32_t mean = (assigned + s.table.live_instances - 1) / s.table.live_instances;
  const int32_t limit = forced > mean ? forced : mean;
  while (most > limit && Reach(s, most - 1))
    --most;
  return most;
}

} // namespace janus::scheduler::detail

#endif // JANUS_RUNTIME_SCHEDULER_REPAIR_H
