//===- Assignments.h - the pairs of an expert instance ----------*- C++ -*-===//
#ifndef JANUS_RUNTIME_EXECUTOR_ASSIGNMENTS_H
#define JANUS_RUNTIME_EXECUTOR_ASSIGNMENTS_H

#include "janus/ABI/Program.h"

#include <cstdint>
#include <vector>

namespace janus::executor {

/// Collects (step row, rank) pairs in any order and lists them by slot, then
/// step row, then rank, so that the assignment does not depend on who sent
/// what when. All memory is allocated at creation.
class AssignmentBuilder {
public:
  AssignmentBuilder(int64_t max_rows, int64_t max_k, int64_t slots);
  /// Forgets everything; pairs of `rows` step rows follow.
  void Begin(int64_t rows, int64_t k);
  /// The pair goes to `slot` of this instance; `x_row` is the row of its
  /// activations. False if the pair was there already.
  bool Add(int64_t step_row, int64_t rank, int32_t slot, int32_t x_row, float weight);
  /// Valid until the next Begin.
  const abi::Assignment &Build();
  const abi::Assignment &assignment() const { return result; }
  /// [pairs] step row of each pair.
  const int32_t *step_rows() const { return step_row.data(); }
  static int64_t Bytes(int64_t max_rows, int64_t max_k, int64_t slots);

private:
  int64_t rows = 0, k = 0;
  std::vector<int32_t> slot_of;  // [rows * k], -1: not here
  std::vector<int32_t> x_row_of; // [rows * k]
  std::vector<float> weight_of;  // [rows * k]
  std::vector<int32_t> count;    // [slots], then the cursor of each slot
  std::vector<int32_t> group_slot, group_begin, pair_row, pair_rank, step_row;
  std::vector<float> pair_weight;
  abi::Assignment result = {};
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_ASSIGNMENTS_H
