//===- Explain.h - why an expert was served where it was --------*- C++ -*-===//
#ifndef JANUS_RUNTIME_SCHEDULER_EXPLAIN_H
#define JANUS_RUNTIME_SCHEDULER_EXPLAIN_H

#include "absl/types/span.h"
#include "runtime/scheduler/ReplicaTable.h"

#include <cstdint>
#include <string>
#include <vector>

namespace janus::scheduler {

/// What became of one activated expert.
struct Explanation {
  int32_t expert = 0;
  int32_t instance = -1, slot = -1; // that serve it; physical slot
  std::string why;                  // "only replica", "least loaded of 0 (2), 3 (1)", "moved by repair from 0 ..."
};

/// Tells the steps of the kernel (Aebs.h) apart for a schedule that it made:
/// experts by id. `lookup`: [experts] physical slot of each expert, negative:
/// not activated or without a live replica, as MakeLookup wrote it.
std::vector<Explanation> Explain(const ReplicaTableView &table, absl::Span<const int32_t> lookup);

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_EXPLAIN_H
