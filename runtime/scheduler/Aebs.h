//===- Aebs.h - activated-expert-balanced scheduling ------------*- C++ -*-===//
//
// Picks one replica for every activated expert of a layer so that a_max, the
// largest number of activated experts on any instance, is as small as any
// choice allows. One source for every device: written against a thread block
//
//   struct Block {
//     int thread() const;   // 0 .. threads() - 1
//     int threads() const;
//     void sync();          // barrier of all threads of the block
//     void set(int32_t *p); // *p = 1, also when several threads do it at once
//   };
//
// and called by all threads of one block with the same arguments. The result
// depends on the arguments alone. Nothing is allocated.
//
// Steps: (1) mark what is activated; (2) experts with one replica have no
// choice; (3) the others, by (replica count, expert id), to the least loaded
// host, ties to the lower instance; (4) repair: while an instance carries the
// maximum, move experts along a path of replicas to an instance that carries
// at least 2 less. If a most loaded instance has no such path, then the hosts
// reachable from it form a closed set in which every load is at least
// a_max - 1: no assignment does better (semi-matching theory: Harvey et al.,
// "Semi-matchings for bipartite graphs and load balancing", 2006).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_SCHEDULER_AEBS_H
#define JANUS_RUNTIME_SCHEDULER_AEBS_H

#include <cstdint>

namespace janus::scheduler {

/// Hosts of each expert: replicas [begin[e], begin[e + 1]), ascending by
/// instance, at most one on an instance. A dead replica has instance -1.
struct ReplicaTableView {
  int32_t experts = 0, instances = 0;
  const int32_t *begin = nullptr;    // [experts + 1]
  const int32_t *instance = nullptr; // [replicas]
  const int32_t *slot = nullptr;     // [replicas] slot on that instance
};

inline constexpr int32_t kIdle = -1;      // not activated
inline constexpr int32_t kNoReplica = -2; // activated, but no live replica

struct AebsResult {
  int32_t a_max = 0;     // activated experts on the busiest instance
  int32_t activated = 0; // distinct activated experts, also those without a replica
  int32_t missing = 0;   // activated experts without a live replica
};

/// int32 values of workspace for AEBS.
inline int64_t AebsWorkspace(int64_t experts, int64_t instances) { return 3 * experts + 5 * instances; }

struct SerialBlock {
  int thread() const { return 0; }
  int threads() const { return 1; }
  void sync() {}
  void set(int32_t *p) { *p = 1; }
};

namespace detail {

struct State {
  const ReplicaTableView &table;
  int32_t *chosen;  // [experts] replica index, kIdle or kNoReplica
  int32_t *active;  // [experts] activated experts, ascending
  int32_t *next;    // [experts] next expert with a choice on the same instance
  int32_t *load;    // [instances]
  int32_t *head;    // [instances] first expert with a choice, or -1
  int32_t *queue;   // [instances]
  int32_t *reached; // [instances] replica by which the search came here, or -1: not yet, -2: start
  int32_t *origin;  // [instances] instance the search came from
};

inline int32_t LiveReplicas(const ReplicaTableView &table, int32_t expert) {
  int32_t live = 0;
  for (int32_t r = table.begin[expert]; r < table.begin[expert + 1]; ++r)
    live += table.instance[r] >= 0;
  return live;
}

inline int32_t LeastLoaded(const State &s, int32_t expert) {
  int32_t best = -1;
  for (int32_t r = s.table.begin[expert]; r < s.table.begin[expert + 1]; ++r) {
    const int32_t host = s.table.instance[r];
    if (host >= 0 && (best < 0 || s.load[host] < s.load[s.table.instance[best]] ||
                      (s.load[host] == s.load[s.table.instance[best]] && host < s.table.instance[best])))
      best = r;
  }
  return best;
}

/// Breadth first from `start`; moves one expert along each edge of the first path to an instance with a load of at most
/// `wanted`. False when there is none.
inline bool Relieve(State &s, int32_t start, int32_t wanted) {
  for (int32_t g = 0; g < s.table.instances; ++g)
    s.reached[g] = -1;
  int32_t read = 0, write = 0, found = -1;
  s.reached[start] = -2;
  s.queue[write++] = start;
  while (read < write && found < 0) {
    const int32_t g = s.queue[read++];
    for (int32_t e = s.head[g]; e >= 0 && found < 0; e = s.next[e])
      for (int32_t r = s.table.begin[e]; r < s.table.begin[e + 1]; ++r) {
        const int32_t host = s.table.instance[r];
        if (host < 0 || s.reached[host] != -1)
          continue;
        s.reached[host] = r;
        s.origin[host] = g;
        if (s.load[host] <= wanted) {
          found = host;
          break;
        }
        s.queue[write++] = host;
      }
  }
  if (found < 0)
    return false;
  ++s.load[found];
  --s.load[start];
  for (int32_t g = found; g != start; g = s.origin[g]) {
    const int32_t from = s.origin[g];
    int32_t expert = s.head[from], previous = -1; // the expert on `from` whose replica leads to g
    while (!(s.reached[g] >= s.table.begin[expert] && s.reached[g] < s.table.begin[expert + 1])) {
      previous = expert;
      expert = s.next[expert];
    }
    (previous < 0 ? s.head[from] : s.next[previous]) = s.next[expert];
    s.next[expert] = s.head[g];
    s.head[g] = expert;
    s.chosen[expert] = s.reached[g];
  }
  return true;
}

inline int32_t MostLoaded(const State &s) {
  int32_t most = 0;
  for (int32_t g = 1; g < s.table.instances; ++g)
    if (s.load[g] > s.load[most])
      most = g;
  return most;
}

inline AebsResult Match(State &s, int32_t activated, bool repair) {
  AebsResult result;
  result.activated = activated;
  for (int32_t g = 0; g < s.table.instances; ++g)
    s.load[g] = 0, s.head[g] = -1;
  int32_t most_replicas = 1;
  for (int32_t i = 0; i < activated; ++i) {
    const int32_t e = s.active[i], live = LiveReplicas(s.table, e);
    if (live > most_replicas)
      most_replicas = live;
    if (live == 0) {
      s.chosen[e] = kNoReplica;
      ++result.missing;
    } else if (live == 1) {
      s.chosen[e] = LeastLoaded(s, e);
      ++s.load[s.table.instance[s.chosen[e]]];
    }
  }
  for (int32_t replicas = 2; replicas <= most_replicas; ++replicas)
    for (int32_t i = 0; i < activated; ++i) {
      const int32_t e = s.active[i];
      if (LiveReplicas(s.table, e) != replicas)
        continue;
      s.chosen[e] = LeastLoaded(s, e);
      const int32_t host = s.table.instance[s.chosen[e]];
      ++s.load[host];
      s.next[e] = s.head[host];
      s.head[host] = e;
    }
  int32_t most = s.table.instances ? MostLoaded(s) : 0;
  while (repair && s.table.instances && s.load[most] > 1 && Relieve(s, most, s.load[most] - 2))
    most = MostLoaded(s);
  result.a_max = s.table.instances ? s.load[most] : 0;
  return result;
}

} // namespace detail

/// ids: [rows * k] expert ids; entries outside [0, experts) are padding and not
/// counted. chosen: [experts] out: index into the replica table, kIdle or
/// kNoReplica. workspace: AebsWorkspace values. result: written by thread 0.
/// `repair = false` is the greedy rule alone, for comparison.
template <class Block>
void Aebs(Block &block, const int32_t *ids, int64_t count, const ReplicaTableView &table, int32_t *chosen,
          int32_t *workspace, AebsResult *result, bool repair = true) {
  int32_t *mark = workspace;
  for (int32_t e = block.thread(); e < table.experts; e += block.threads())
    mark[e] = 0, chosen[e] = kIdle;
  block.sync();
  for (int64_t i = block.thread(); i < count; i += block.threads())
    if (ids[i] >= 0 && ids[i] < table.experts)
      block.set(&mark[ids[i]]);
  block.sync();
  if (block.thread() == 0) {
    int32_t *active = mark + table.experts, *next = active + table.experts, *load = next + table.experts;
    int32_t activated = 0;
    for (int32_t e = 0; e < table.experts; ++e)
      if (mark[e])
        active[activated++] = e;
    const int64_t n = table.instances;
    detail::State state{table, chosen, active, next, load, load + n, load + 2 * n, load + 3 * n, load + 4 * n};
    *result = detail::Match(state, activated, repair);
  }
  block.sync();
}

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_AEBS_H
