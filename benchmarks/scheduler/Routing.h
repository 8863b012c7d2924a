//===- Routing.h - made-up placements and routings --------------*- C++ -*-===//
#ifndef JANUS_BENCHMARKS_SCHEDULER_ROUTING_H
#define JANUS_BENCHMARKS_SCHEDULER_ROUTING_H

#include "runtime/scheduler/ReplicaTable.h"

#include <cstdint>
#include <random>
#include <vector>

namespace janus::scheduler {

/// A replica list and the vectors behind it.
struct Layout {
  std::vector<int32_t> begin, instance, slot;
  int32_t experts = 0, instances = 0;
  ReplicaList list() const { return {experts, instances, begin.data(), instance.data(), slot.data()}; }
};

/// One replica of each expert in contiguous blocks after a shuffle, then the
/// spare slots to replicas of experts drawn by weight 1 / (1 + rank), each on a
/// random instance that has room and does not hold the expert.
Layout MakeLayout(int32_t experts, int32_t instances, int32_t slots, std::mt19937_64 &random);

/// [rows, k] distinct experts a row, drawn by weight 1 / (1 + rank)^skew under a
/// shuffled ranking; skew 0: all alike.
std::vector<uint16_t> MakeRouting(int64_t rows, int32_t k, int32_t experts, double skew, std::mt19937_64 &random);

} // namespace janus::scheduler

#endif // JANUS_BENCHMARKS_SCHEDULER_ROUTING_H
