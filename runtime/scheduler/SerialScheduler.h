//===- SerialScheduler.h - the scheduler kernel with its memory -*- C++ -*-===//
#ifndef JANUS_RUNTIME_SCHEDULER_SERIALSCHEDULER_H
#define JANUS_RUNTIME_SCHEDULER_SERIALSCHEDULER_H

#include "runtime/scheduler/Aebs.h"

#include <vector>

namespace janus::scheduler {

/// Mark, Match and MakeLookup on a serial block, with the memory they need.
/// Results are those of the last run. Only Reserve allocates.
class SerialScheduler {
public:
  /// Room for tables of these sizes. Keeps what there is of a larger one.
  void Reserve(int64_t experts, int64_t instances) {
    Grow(marks_, MarksBytes(experts));
    Grow(chosen_, experts);
    Grow(missing_, experts);
    Grow(lookup_, LookupSize(experts));
    Grow(workspace_, MatchWorkspace(experts, instances));
  }
  const AebsResult &Run(const ReplicaTableView &table, const Choices &choices) {
    Mark(block_, choices, table.experts, marks_.data());
    return RunMarked(table);
  }
  /// marks()[e] = 1: expert e is activated; the caller filled in all of them.
  const AebsResult &RunMarked(const ReplicaTableView &table) {
    Match(block_, table, marks_.data(), {chosen_.data(), missing_.data(), &result_}, workspace_.data());
    MakeLookup(block_, table, chosen_.data(), lookup_.data());
    return result_;
  }
  uint8_t *marks() { return marks_.data(); }

  const AebsResult &result() const { return result_; }
  const int32_t *chosen() const { return chosen_.data(); }
  const int32_t *lookup() const { return lookup_.data(); }
  const uint16_t *missing() const { return missing_.data(); }

private:
  template <typename T> static void Grow(std::vector<T> &values, int64_t size) {
    if (static_cast<int64_t>(values.size()) < size)
      values.resize(size);
  }

  SerialBlock block_;
  std::vector<uint8_t> marks_;
  std::vector<int32_t> chosen_, lookup_, workspace_;
  std::vector<uint16_t> missing_;
  AebsResult result_;
};

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_SERIALSCHEDULER_H
