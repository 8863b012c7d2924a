//===- ReplicaTable.h - the replicas of a layer, in scheduling order *- C++ -*//
//
// What the scheduler kernel reads instead of a placement: dead replicas left
// out, experts in the order in which they are assigned. Made once for each
// placement, and again when an instance dies or returns; then each step only
// reads it.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_SCHEDULER_REPLICATABLE_H
#define JANUS_RUNTIME_SCHEDULER_REPLICATABLE_H

#include <cstdint>
#include <vector>

namespace janus::scheduler {

/// Replicas by expert: those of expert e are [begin[e], begin[e + 1]), ascending
/// by instance, at most one on an instance.
struct ReplicaList {
  int32_t experts = 0, instances = 0;
  const int32_t *begin = nullptr;    // [experts + 1]
  const int32_t *instance = nullptr; // [replicas]; -1: this replica is dead
  const int32_t *slot = nullptr;     // [replicas] physical slot: the caller's numbering of all slots
};

/// How experts are assigned. Only kExact is optimal; the others are there to be compared with.
enum class Rule : uint8_t {
  /// By (live replicas, expert id), each to its least loaded host, ties to the
  /// lower instance; then repaired until no assignment has a lower maximum.
  kExact,
  /// The greedy rule of the Janus paper (arXiv 2512.13525v3, section 3.4, algorithm
  /// 1): experts with one replica, then the others, each to its least loaded host.
  /// What the paper leaves open: experts by id, ties to the lower instance.
  kJanusGreedy,
  /// The greedy rule of METRO (arXiv 2512.09277v1, section IV-C, algorithm 1): every
  /// expert to its least loaded host. METRO's experts race for locks; here they
  /// come by id. Ties, which it leaves open, to the lower instance.
  kMetroGreedy,
};

/// Kernel view of a ReplicaTable; plain data, may lie in device memory. Experts
/// are named by their position in `order`: first those without a live replica,
/// then in the order of the rule.
struct ReplicaTableView {
  int32_t experts = 0, instances = 0;
  int32_t live_instances = 0; // at least one; instances that may serve
  int32_t replicas = 0;       // live ones
  int32_t first_live = 0;     // positions below it have no live replica
  int32_t first_choice = 0;   // positions from it on may have several
  Rule rule = Rule::kExact;
  const uint16_t *order = nullptr;    // [experts] expert at a position
  const int32_t *begin = nullptr;     // [experts + 1] by position
  const uint16_t *instance = nullptr; // [replicas], ascending within a position
  const int32_t *slot = nullptr;      // [replicas] physical slot
};

/// Ids are 16 bits, of which one value is no expert.
inline constexpr int32_t kMaxExperts = 65535, kMaxInstances = 65535;

class ReplicaTable {
public:
  /// live[g] = 0: instance g is dead, its replicas are left out; null: all live.
  /// Lists of at most the sizes that were set or reserved before are taken
  /// without allocating.
  void Set(const ReplicaList &list, const uint8_t *live = nullptr, Rule rule = Rule::kExact);
  void Reserve(int64_t experts, int64_t replicas);
  /// Valid until the next Set, and as long as the table is neither moved nor destroyed.
  ReplicaTableView view() const;
  /// Same rule, experts, instances, replicas and slots.
  friend bool operator==(const ReplicaTable &a, const ReplicaTable &b);
  int64_t bytes() const;

private:
  void Sort(const ReplicaList &list, const uint8_t *live, Rule rule);
  ReplicaTableView view_;
  std::vector<uint16_t> order_, instance_;
  std::vector<int32_t> begin_, slot_;
};

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_REPLICATABLE_H
