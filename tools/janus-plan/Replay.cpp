// janus-plan replay: how a placement does, and what rebalancing makes of it.
#include "runtime/planner/Measure.h"
#include "tools/janus-plan/Commands.h"
#include "tools/janus-plan/Inputs.h"
#include "tools/janus-plan/Shift.h"

#include "absl/strings/str_cat.h"

namespace janus::plan {
namespace {

using Object = nlohmann::ordered_json;

constexpr int64_t kSteps = 200, kFitSteps = 2000;

/// The steps to measure on, by layer of the trace.
absl::StatusOr<std::vector<ActivationWindow>> Steps(const Arguments &arguments, Input &input,
                                                    const planner::Progress &progress) {
  auto told = [&](int64_t rows) { progress("reading the trace", rows, input.trace->info().rows); };
  if (arguments.batches.empty()) {
    absl::StatusOr<std::vector<ActivationWindow>> recorded =
        RecordedSteps(*input.trace, arguments.rows, arguments.steps.value_or(ActivationWindow::kSteps), told);
    if (!recorded.ok())
      return absl::Status(recorded.status().code(), absl::StrCat(arguments.trace, ": ", recorded.status().message()));
    return recorded;
  }
  const StepSource source = {input.selected,
                             {{arguments.batches[0], arguments.steps.value_or(kSteps),
                               planner::SeedFor(arguments.seed, planner::Use::kTest)}}};
  absl::StatusOr<std::vector<SourceSteps>> drawn = DrawSteps(*input.trace, arguments.rows, {&source, 1}, told);
  if (!drawn.ok())
    return drawn.status();
  return std::move(drawn->front().draws[0].layers);
}

std::string MeasuresText(const Input &input, const std::vector<planner::Measure> &measures) {
  Table table({"layer", "experts", "active", "limit", "a_max", "over", "p99", "worst"});
  auto add = [&](const std::string &layer, const std::string &experts, const planner::Measure &m) {
    table.Add({layer, experts, Fixed(m.active, 1), Fixed(m.limit), Fixed(m.a_max), Fixed(m.ratio()), Fixed(m.p99, 0),
               Fixed(m.worst, 0)});
  };
  for (size_t i = 0; i < measures.size(); ++i) {
    const trace::TraceLayer &layer = input.layer(input.layers[i]);
    add(absl::StrCat(layer.layer), absl::StrCat(layer.experts), measures[i]);
  }
  add("all", "", planner::MeanOf(measures));
  return table.Text();
}

Object MeasuresJson(const Input &input, const std::vector<planner::Measure> &measures) {
  Object layers = Object::array();
  for (size_t i = 0; i < measures.size(); ++i) {
    const planner::Measure &m = measures[i];
    layers.push_back({{"layer", input.layer(input.layers[i]).layer},
                      {"active", m.active},
                      {"limit", m.limit},
                      {"a_max", m.a_max},
                      {"p99", m.p99},
                      {"worst", m.worst},
                      {"load", m.load}});
  }
  const planner::Measure mean = planner::MeanOf(measures);
  return {{"steps", measures.empty() ? 0 : measures[0].steps},
          {"a_max", mean.a_max},
          {"limit", mean.limit},
          {"ratio", mean.ratio()},
          {"layers", layers}};
}

absl::Status ReplaySteps(const Arguments &arguments, Input &input, const Placement &placement) {
  ProgressLine line;
  absl::StatusOr<std::vector<ActivationWindow>> steps = Steps(arguments, input, line.callback());
  if (!steps.ok())
    return steps.status();
  std::vector<planner::Measure> measures(input.layers.size());
  absl::Status status = planner::ForEach(
      std::ssize(measures), Threads(arguments),
      [&](int64_t i) {
        measures[i] = planner::MeasureLayer(placement.layer(i), {}, (*steps)[input.layers[i]], arguments.greedy);
        return absl::OkStatus();
      },
      "replaying", line.callback());
  line.Clear();
  if (!status.ok())
    return status;
  if (measures[0].steps == 0)
    return absl::InvalidArgumentError(absl::StrCat(arguments.trace, ": found no step with rows that are wanted"));
  return Print(arguments.json ? MeasuresJson(input, measures).dump(1) + "\n"
                              : absl::StrCat(measures[0].steps, " steps on ", placement.shape().instances,
                                             " instances\n\n", MeasuresText(input, measures)));
}

absl::StatusOr<std::vector<planner::Phase>> Phases(const Arguments &arguments, const Input &input) {
  if (arguments.serve.empty())
    return std::vector<planner::Phase>{{"all", input.selected, arguments.steps.value_or(kSteps)}};
  std::vector<planner::Phase> phases;
  for (const auto &[domain, steps] : arguments.serve) {
    planner::Selection selection = arguments.selection;
    selection.domains = {domain};
    absl::StatusOr<std::vector<trace::TraceSequence>> sequences = planner::Select(input.all, selection);
    if (!sequences.ok())
      return sequences.status();
    phases.push_back({domain, *std::move(sequences), steps});
  }
  return phases;
}

absl::Status ReplayTraffic(const Arguments &arguments, Input &input, const Placement &placement) {
  absl::StatusOr<std::vector<planner::Phase>> phases = Phases(arguments, input);
  if (!phases.ok())
    return phases.status();
  planner::ServeOptions options;
  options.layers = input.layers;
  options.batch = arguments.batches[0];
  options.seed = arguments.seed;
  options.rows = arguments.rows;
  options.rebalance = arguments.rebalance.value_or(RebalanceOptions());
  options.expert_bytes.assign(input.layers.size(), arguments.expert_bytes);
  options.plan_steps = arguments.plan_steps;
  options.fit_steps = arguments.fit_steps.value_or(kFitSteps);
  options.threads = Threads(arguments);
  ProgressLine line;
  absl::StatusOr<planner::ServeResult> result =
      planner::Serve(*input.trace, placement, *phases, options, line.callback());
  line.Clear();
  if (!result.ok())
    return result.status();
  Shift shift = {{}, *std::move(result), placement.shape().instances, options.fit_steps > 0};
  for (const planner::Phase &phase : *phases)
    shift.phases.push_back({phase.name, {}, phase.steps});
  if (!arguments.html.empty()) {
    Page page(
        "A placement while traffic changes",
        "Active experts on the busiest instance, step by step, where the placement stays and where it is rebalanced.",
        {{"trace", arguments.trace + (input.model().empty() ? "" : ", " + input.model())},
         {"placement", arguments.placement},
         {"instances", absl::StrCat(placement.shape().instances, " of ", placement.shape().slots, " slots a layer")},
         {"batch", absl::StrCat(options.batch)},
         {"layers", absl::StrCat(input.layers.size())}});
    page.Heading("The curve");
    AddShift(page, shift);
    if (absl::Status written = WriteFile(arguments.html, page.Text()); !written.ok())
      return written;
  }
  return Print(arguments.json ? ShiftJson(shift).dump(1) + "\n" : ShiftText(shift));
}

} // namespace

absl::Status Replay(const Arguments &arguments) {
  absl::StatusOr<Input> input = OpenInput(arguments);
  if (!input.ok())
    return input.status();
  absl::StatusOr<Placement> placement = ReadPlacement(arguments.placement, *input, input->layers);
  if (!placement.ok())
    return placement.status();
  return arguments.rebalance || !arguments.serve.empty() ? ReplayTraffic(arguments, *input, *placement)
                                                         : ReplaySteps(arguments, *input, *placement);
}

} // namespace janus::plan
