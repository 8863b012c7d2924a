// janus-plan compare: policies beside each other, fitted on one part of a trace and measured on another.
#include "tools/janus-plan/Commands.h"
#include "tools/janus-plan/Comparison.h"
#include "tools/janus-plan/Inputs.h"
#include "tools/janus-plan/Shift.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace janus::plan {
namespace {

using planner::Selection;

constexpr int64_t kFitSteps = 2000, kTestSteps = 200;
constexpr int64_t kBefore = 300, kAfter = 600; // steps served of the fit domain, then of the test domain

absl::StatusOr<planner::Split> MakeSplit(const Input &input, const std::string &fit, const Selection &fit_on,
                                         const std::string &test, const Selection &test_on) {
  planner::Split split = {fit, test, {}, {}};
  for (auto [to, selection] : {std::pair{&split.fit_sequences, &fit_on}, {&split.test_sequences, &test_on}}) {
    absl::StatusOr<std::vector<trace::TraceSequence>> sequences = planner::Select(input.selected, *selection);
    if (!sequences.ok())
      return sequences.status();
    *to = *std::move(sequences);
  }
  return split;
}

absl::StatusOr<std::vector<planner::Split>> Splits(const Arguments &arguments, const Input &input) {
  std::vector<planner::Split> splits;
  auto add = [&](const std::string &fit, std::vector<std::string> fit_domains, Selection::Half fit_half,
                 const std::string &test, std::vector<std::string> test_domains, Selection::Half test_half) {
    absl::StatusOr<planner::Split> split = MakeSplit(input, fit, {std::move(fit_domains), true, fit_half}, test,
                                                     {std::move(test_domains), true, test_half});
    const absl::Status status = split.status();
    if (status.ok())
      splits.push_back(*std::move(split));
    return status;
  };
  if (!arguments.fit.empty()) {
    for (const std::string &test : arguments.test)
      if (absl::Status status = add(absl::StrJoin(arguments.fit, "+"), arguments.fit, Selection::Half::kAll, test,
                                    {test}, Selection::Half::kAll);
          !status.ok())
        return status;
    return splits;
  }
  if (arguments.by != "domain") {
    absl::Status status = add("even sequences", {}, Selection::Half::kEven, "odd sequences", {}, Selection::Half::kOdd);
    return status.ok() ? absl::StatusOr<std::vector<planner::Split>>(splits) : status;
  }
  const std::vector<std::string> domains = planner::Domains(input.selected);
  if (domains.empty())
    return absl::InvalidArgumentError(absl::StrCat(arguments.trace, ": found no names of domains, expected a trace of "
                                                                    "version 1 with them; use --by sequence"));
  for (const std::string &fit : domains)
    for (const std::string &test : domains) {
      const bool same = fit == test; // one half of it on the other
      // A half may be empty, and a domain too small for a batch: such pairs are left out.
      (void)add(fit, {fit}, same ? Selection::Half::kEven : Selection::Half::kAll, test, {test},
                same ? Selection::Half::kOdd : Selection::Half::kAll);
    }
  return splits;
}

/// Serves each test domain after its fit domain, in batches of the first size asked for, under what the first policy
/// placed for that one.
absl::StatusOr<std::vector<Shift>> Shifts(const Arguments &arguments, Input &input, const Comparison &comparison,
                                          const planner::Progress &progress) {
  std::vector<Shift> shifts;
  for (const planner::CellResult &cell : comparison.cells) {
    const planner::Split &split = comparison.splits[cell.split];
    if (!arguments.rebalance || split.fit == split.test || cell.batch != arguments.batches.front())
      continue;
    PlacementShape shape;
    shape.instances = std::ssize(comparison.options.instances.slots);
    for (int64_t slots : comparison.options.instances.slots)
      shape.slots = std::max(shape.slots, slots);
    for (int64_t layer : input.layers)
      shape.experts.push_back(input.layer(layer).experts);
    absl::StatusOr<Placement> placement =
        Placement::Make(shape, cell.policies[0].slots, 0, comparison.options.instances.dead);
    if (!placement.ok())
      return placement.status();
    planner::ServeOptions options;
    options.layers = input.layers;
    options.batch = cell.batch;
    options.seed = arguments.seed;
    options.rows = arguments.rows;
    options.rebalance = *arguments.rebalance;
    options.expert_bytes.assign(input.layers.size(), arguments.expert_bytes);
    options.plan_steps = arguments.plan_steps;
    options.fit_steps = comparison.options.fit_steps;
    options.work = arguments.work;
    options.threads = comparison.options.threads;
    const planner::Phase phases[] = {{split.fit, split.fit_sequences, kBefore},
                                     {split.test, split.test_sequences, kAfter}};
    absl::StatusOr<planner::ServeResult> result = planner::Serve(*input.trace, *placement, phases, options, progress);
    if (!result.ok())
      return result.status();
    shifts.push_back({{{split.fit, {}, kBefore}, {split.test, {}, kAfter}}, *std::move(result), shape.instances, true});
  }
  return shifts;
}

std::string ReportPage(const Arguments &arguments, const Input &input, const Comparison &comparison,
                       const std::vector<Shift> &shifts) {
  const trace::TraceInfo &info = input.trace->info();
  const planner::CompareOptions &o = comparison.options;
  std::vector<std::string> policies;
  for (const planner::Policy &policy : o.policies)
    policies.push_back(absl::StrCat(policy.name, " (", policy.words, ")"));
  const trace::TraceLayer &layer = input.layer(input.layers[0]);
  Page page("Where experts lie: " + (info.model.empty() ? arguments.trace : info.model), Summary(comparison),
            {{"trace", arguments.trace},
             {"model", absl::StrCat(input.layers.size(), " layers, ", layer.experts, " experts, ", layer.k, " a row")},
             {"rows", absl::StrCat(info.rows, " in all; ", input.selected.size(), " sequences take part")},
             {"instances",
              absl::StrCat(o.instances.slots.size(), o.instances.dead.empty() ? "" : ", dead: ",
                           absl::StrJoin(o.instances.dead, ", "), "; slots a layer: ",
                           arguments.slots.size() > 1 && std::equal(o.instances.slots.begin() + 1,
                                                                    o.instances.slots.end(), o.instances.slots.begin())
                               ? absl::StrCat(o.instances.slots[0])
                               : absl::StrJoin(o.instances.slots, ", "))},
             {"steps", absl::StrCat("fitted to ", o.fit_steps, ", tested on ", o.test_steps, ", ", o.seeds,
                                    " seeds from ", o.seed)},
             {"policies", absl::StrJoin(policies, "; ")}});
  AddComparison(page, comparison);
  for (const Shift &shift : shifts) {
    page.Heading(absl::StrCat("Traffic that changes: ", shift.phases[0].name, ", then ", shift.phases[1].name));
    page.Paragraph("The placement was fitted to the first domain. While the second is served, the runtime's own "
                   "counters, trigger, planner and mover move experts within a budget of bytes a step.");
    AddShift(page, shift);
  }
  AddNumbers(page, comparison);
  return page.Text();
}

} // namespace

absl::Status Compare(const Arguments &arguments) {
  absl::StatusOr<Input> input = OpenInput(arguments);
  if (!input.ok())
    return input.status();
  absl::StatusOr<std::vector<planner::Split>> splits = Splits(arguments, *input);
  if (!splits.ok())
    return absl::Status(splits.status().code(), absl::StrCat(arguments.trace, ": ", splits.status().message()));
  Comparison comparison;
  comparison.splits = *std::move(splits);
  planner::CompareOptions &options = comparison.options;
  options.instances = {arguments.slots, arguments.dead, arguments.pins, arguments.groups, arguments.nodes};
  options.policies = arguments.policies;
  if (options.policies.empty())
    options.policies.assign(planner::Policies().begin(), planner::Policies().end());
  options.batches = arguments.batches;
  std::sort(options.batches.begin(), options.batches.end());
  options.batches.erase(std::unique(options.batches.begin(), options.batches.end()), options.batches.end());
  options.fit_steps = arguments.fit_steps.value_or(kFitSteps);
  options.test_steps = arguments.steps.value_or(kTestSteps);
  options.seeds = arguments.seeds;
  options.seed = arguments.seed;
  options.work = arguments.work;
  options.layers = input->layers;
  options.rows = arguments.rows;
  options.threads = Threads(arguments);
  for (int64_t layer : input->layers)
    comparison.layers.push_back(input->layer(layer).layer);
  ProgressLine line;
  absl::StatusOr<std::vector<planner::CellResult>> cells =
      planner::Compare(*input->trace, comparison.splits, options, line.callback());
  if (!cells.ok())
    return cells.status();
  comparison.cells = *std::move(cells);
  absl::StatusOr<std::vector<Shift>> shifts = Shifts(arguments, *input, comparison, line.callback());
  line.Clear();
  if (!shifts.ok())
    return shifts.status();
  if (!arguments.html.empty())
    if (absl::Status status = WriteFile(arguments.html, ReportPage(arguments, *input, comparison, *shifts));
        !status.ok())
      return status;
  if (arguments.json) {
    nlohmann::ordered_json object = ComparisonJson(comparison);
    for (const Shift &shift : *shifts)
      object["shifts"].push_back(ShiftJson(shift));
    return Print(object.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  std::string text = ComparisonText(comparison);
  for (const Shift &shift : *shifts)
    absl::StrAppend(&text, "\n", shift.phases[0].name, ", then ", shift.phases[1].name, ":\n\n", ShiftText(shift));
  return Print(text);
}

} // namespace janus::plan
