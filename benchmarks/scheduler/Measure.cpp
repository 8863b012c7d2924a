#include "benchmarks/scheduler/Measure.h"

#include "benchmarks/scheduler/ScalarLookup.h"

namespace janus::scheduler {

void Bench::Reserve(int64_t experts, int64_t instances, int64_t choices) {
  marks.resize(MarksBytes(experts));
  chosen.resize(experts);
  missing.resize(experts);
  workspace.resize(MatchWorkspace(experts, instances));
  lookup.resize(LookupSize(experts));
  slots.resize(choices);
  looked_up.resize(choices);
}

Pieces Bench::Measure(const ReplicaTableView &table, const Choices &choices, int repeats) {
  std::vector<double> loops, marking, matching, rewriting;
  for (int i = 0; i <= repeats; ++i) { // the first warms up
    const double begin = Nanoseconds();
    Mark(block, choices, table.experts, marks.data());
    const double marked = Nanoseconds();
    Match(block, table, marks.data(), {chosen.data(), missing.data(), &result}, workspace.data());
    const double matched = Nanoseconds();
    MakeLookup(block, table, chosen.data(), lookup.data());
    Rewrite(block, choices, table.experts, lookup.data(), slots.data());
    const double rewritten = Nanoseconds();
    ScalarLookup(choices.ids, choices.rows * choices.k, lookup.data(), looked_up.data());
    const double end = Nanoseconds();
    if (i == 0)
      continue;
    marking.push_back(marked - begin);
    matching.push_back(matched - marked);
    rewriting.push_back(rewritten - matched);
    loops.push_back(end - rewritten);
  }
  return {Median(loops), Median(marking), Median(matching), Median(rewriting), result};
}

const std::vector<int32_t> &Bench::Call(const ReplicaTableView &table, const Choices &choices) {
  Mark(block, choices, table.experts, marks.data());
  Match(block, table, marks.data(), {chosen.data(), missing.data(), &result}, workspace.data());
  MakeLookup(block, table, chosen.data(), lookup.data());
  Rewrite(block, choices, table.experts, lookup.data(), slots.data());
  return slots;
}

} // namespace janus::scheduler
