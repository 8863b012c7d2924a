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
  std::vector<std::vector<int32_t>> hosts; // by expert, ascending; -1: a dead replica
  std::vector<uint8_t> live;               // [instances], or empty: all
  int64_t k = 1;
  std::vector<uint16_t> ids;     // [rows * k]; may hold padding
  std::vector<uint8_t> row_mask; // [rows], or empty: all rows count

  Choices choices() const;
  bool Live(int32_t host) const { return host >= 0 && (live.empty() || live[host]); }
  std::vector<bool> Activated() const;
  /// Live hosts of the activated experts that have any, in order of expert id, for ExactOptimum.
  std::vector<std::vector<int32_t>> ActivatedHosts() const;
};

struct Outcome {
  AebsResult result;
  std::vector<int32_t> hosts; // [experts] instance that serves it, kIdle or kNoReplica
  std::vector<uint16_t> missing;
  std::vector<int32_t> slots; // [rows * k]
  friend bool operator==(const Outcome &a, const Outcome &b);
};

Outcome MakeOutcome(const ReplicaTableView &table, const AebsResult &result, const std::vector<int32_t> &chosen,
                    const std::vector<uint16_t> &missing, const std::vector<int32_t> &slots);

/// A case with the memory of one call, each piece of exactly the promised size, filled with rubbish and guarded.
class Job {
public:
  explicit Job(const Case &input, Rule rule = Rule::kExact);
  /// Called by every thread of a block.
  template <class Block> void Run(Block &block) {
    const Choices choices = input.choices();
    const ReplicaTableView view = table.view();
    Mark(block, choices, view.experts, marks.data());
    Match(block, view, marks.data(), {chosen.data(), missing.data(), &result}, workspace.data());
    MakeLookup(block, view, chosen.data(), lookup.data());
    Rewrite(block, choices, view.experts, lookup.data(), slots.data());
  }
  /// What came of it; a_max is -1 when something beyond the memory was written.
  Outcome Take() const;

  const Case &input;
  ReplicaTable table;

private:
  std::vector<uint8_t> marks;
  std::vector<int32_t> chosen, workspace, lookup, slots;
  std::vector<uint16_t> missing;
  AebsResult result;
};

/// A job on one serial block.
Outcome Solve(const Case &input, Rule rule = Rule::kExact);

/// What is wrong with an outcome whatever its quality: a choice that is no live replica of its expert, an idle expert
/// that was given one, counts, missing experts or slots that do not follow from the choices. Empty: nothing.
std::string Trouble(const Case &input, const Outcome &outcome);

/// Physical slot of an expert's replica on an instance, as Job numbers them.
int32_t SlotOf(const Case &input, int32_t expert, int32_t instance);

/// Any shape: skewed or even, few or many replicas, dead ones, dead instances, padding, masked rows, more or fewer
/// experts than instances.
Case RandomCase(std::mt19937_64 &random, int max_experts, int max_instances);

} // namespace janus::scheduler

#endif // JANUS_TEST_UNIT_SCHEDULER_CASES_H
