//===- Cases.h - schedules to try -------------------------------*- C++ -*-===//
#ifndef JANUS_TEST_UNIT_SCHEDULER_CASES_H
#define JANUS_TEST_UNIT_SCHEDULER_CASES_H

#include "runtime/scheduler/Aebs.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace janus::scheduler {

/// Hosts by expert, and the experts that the rows chose.
struct Case {
  int32_t instances = 1;
  std::vector<std::vector<int32_t>> hosts; // by expert; -1: a dead replica
  std::vector<int32_t> ids;                // [rows * k]; may hold padding

  /// Live hosts of the activated experts, in order of expert id, for ExactOptimum.
  std::vector<std::vector<int32_t>> ActivatedHosts() const;
  std::vector<bool> Activated() const;
};

struct Outcome {
  AebsResult result;
  std::vector<int32_t> chosen;
};

/// Runs Aebs on one serial block, in a workspace of exactly the promised size, filled with rubbish.
Outcome Schedule(const Case &input, bool repair = true);

/// What is wrong with an outcome whatever its quality: a choice that is no live replica of its expert, an idle expert
/// that was given one, counts that are not those of the choices. Empty: nothing.
std::string Trouble(const Case &input, const Outcome &outcome);

/// Any shape: skewed or even, few or many replicas, dead ones, padding, more or fewer experts than instances.
Case RandomCase(std::mt19937_64 &random, int max_experts, int max_instances);

/// A replica table and the vectors behind it.
struct Table {
  explicit Table(const Case &input);
  std::vector<int32_t> begin, instance, slot;
  ReplicaTableView view;
};

} // namespace janus::scheduler

#endif // JANUS_TEST_UNIT_SCHEDULER_CASES_H
