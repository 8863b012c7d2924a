//===- Shift.h - traffic that changes, in words and plots -------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_SHIFT_H
#define JANUS_TOOLS_JANUS_PLAN_SHIFT_H

#include "nlohmann/json.hpp"
#include "runtime/planner/Serve.h"
#include "tools/janus-plan/Report.h"

namespace janus::plan {

/// A served stretch of steps and what came of it.
struct Shift {
  std::vector<planner::Phase> phases; // without their sequences
  planner::ServeResult result;
  int64_t instances = 0;
  bool fitted = false; // there are placements fitted to each phase
};

/// Means over some steps of a phase.
struct ShiftMean {
  int64_t phase = 0, begin = 0, end = 0; // steps of the phase, `end` not included
  planner::ServedStep mean;
};
/// Each phase in stretches of 100 steps.
std::vector<ShiftMean> Stretches(const Shift &shift);

std::string ShiftText(const Shift &shift);
nlohmann::ordered_json ShiftJson(const Shift &shift);
/// The curve, the copies and the table.
void AddShift(Page &page, const Shift &shift);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_SHIFT_H
