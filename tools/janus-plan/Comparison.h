//===- Comparison.h - compared policies, in words and plots -----*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_COMPARISON_H
#define JANUS_TOOLS_JANUS_PLAN_COMPARISON_H

#include "nlohmann/json.hpp"
#include "runtime/planner/Compare.h"
#include "tools/janus-plan/Report.h"

namespace janus::plan {

/// What was compared, and what came of it.
struct Comparison {
  planner::CompareOptions options;
  std::vector<planner::Split> splits;
  std::vector<int64_t> layers; // numbers of the model, as CompareOptions::layers
  std::vector<planner::CellResult> cells;
  int64_t live() const { return options.instances.live(); }
};

/// A row a split and batch size: a_max of each policy over its limit, and the
/// nearest of the others to the first.
Table RatioTable(const Comparison &comparison);
std::string ComparisonText(const Comparison &comparison);
nlohmann::ordered_json ComparisonJson(const Comparison &comparison);
/// One sentence about the whole.
std::string Summary(const Comparison &comparison);
/// Plots of a_max, loads, layers and co-activation.
void AddComparison(Page &page, const Comparison &comparison);
/// Tables of all layers, folded.
void AddNumbers(Page &page, const Comparison &comparison);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_COMPARISON_H
