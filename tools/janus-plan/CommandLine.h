//===- CommandLine.h - what janus-plan is asked to do -----------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_COMMANDLINE_H
#define JANUS_TOOLS_JANUS_PLAN_COMMANDLINE_H

#include "runtime/placement/Rebalancer.h"
#include "runtime/planner/Compare.h"
#include "runtime/planner/Selection.h"

#include <optional>
#include <string>
#include <vector>

namespace janus::plan {

struct Arguments {
  enum class Command { kPlace, kReplay, kCompare } command = Command::kPlace;
  bool help = false;

  std::string trace;
  planner::Selection selection;
  RowFilter rows;
  std::vector<int64_t> batches;
  std::vector<int64_t> layers; // numbers of the model; empty: all
  uint64_t seed = 0;
  int threads = 0; // 0: the cores of this process
  bool json = false;
  std::string html;

  std::optional<int64_t> instances;
  std::vector<int64_t> slots; // one for all, or one an instance
  std::vector<int32_t> dead;
  std::vector<Pin> pins;
  int64_t groups = 1, nodes = 1;
  std::vector<planner::Policy> policies;
  std::optional<int64_t> fit_steps, steps;
  int64_t work = PlannerOptions().work;

  std::string output;  // place
  std::string current; // a placement file: where experts lie now
  double price = RebalanceOptions().copy_price, horizon = RebalanceOptions().horizon;

  std::string placement; // replay
  bool greedy = false;
  std::optional<RebalanceOptions> rebalance;
  std::vector<std::pair<std::string, int64_t>> serve; // domain, steps
  int64_t expert_bytes = 1 << 20, plan_steps = 16;

  std::string by; // compare: sequence, domain, or empty
  std::vector<std::string> fit, test;
  int64_t seeds = 3;
};

/// Usage errors: what was found, what was expected, and the nearest option.
absl::StatusOr<Arguments> ParseCommandLine(int argc, const char *const *argv);
/// Of a command, or of all when none was named.
std::string HelpText(std::optional<Arguments::Command> command);
/// The command that the line names, if any.
std::optional<Arguments::Command> CommandOf(int argc, const char *const *argv);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_COMMANDLINE_H
