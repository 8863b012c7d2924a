// janus-plan place: a placement file, fitted to a trace.
#include "runtime/placement/PlacementFile.h"
#include "runtime/planner/Fit.h"
#include "runtime/planner/Measure.h"
#include "tools/janus-plan/Commands.h"
#include "tools/janus-plan/Inputs.h"
#include "tools/janus-plan/Output.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/base/Json.h"

#include <numeric>

namespace janus::plan {
namespace {

constexpr int64_t kDrawn = 2000;

/// What the layers are fitted to.
absl::StatusOr<SourceSteps> Steps(const Arguments &arguments, Input &input, const planner::Progress &progress) {
  const trace::TraceInfo &info = input.trace->info();
  auto told = [&](int64_t rows) { progress("reading the trace", rows, info.rows); };
  if (!arguments.batches.empty()) {
    const int64_t steps_wanted = arguments.steps.value_or(kDrawn);
    StepSource source = {input.selected,
                         {{arguments.batches[0], steps_wanted, planner::SeedFor(arguments.seed, planner::Use::kFit)}}};
    if (!arguments.current.empty()) // steps to judge moves by
      source.draws.push_back(
          {arguments.batches[0], steps_wanted, planner::SeedFor(arguments.seed, planner::Use::kFit, 1)});
    absl::StatusOr<std::vector<SourceSteps>> steps = DrawSteps(*input.trace, arguments.rows, {&source, 1}, told);
    if (!steps.ok())
      return steps.status();
    return std::move(steps->front());
  }
  if (info.version == 1)
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.trace, ": found a trace of version 1, which has no steps; expected --batch B, the rows "
                                      "of the steps that will be served"));
  if (!arguments.selection.domains.empty() || arguments.selection.half != planner::Selection::Half::kAll)
    return absl::InvalidArgumentError(
        "--domain and --half choose sequences to draw from; expected --batch B with them");
  // Tokens are those of the whole trace.
  const StepSource source = {input.selected, {}};
  absl::StatusOr<std::vector<SourceSteps>> tokens = DrawSteps(*input.trace, arguments.rows, {&source, 1}, told);
  if (!tokens.ok())
    return tokens.status();
  absl::StatusOr<std::vector<ActivationWindow>> recorded =
      RecordedSteps(*input.trace, arguments.rows, arguments.steps.value_or(ActivationWindow::kSteps), told);
  if (!recorded.ok())
    return recorded.status();
  tokens->front().draws.push_back({*std::move(recorded), {}});
  return std::move(tokens->front());
}

struct Placed {
  LayerPlan plan;
  planner::Measure measure;
};

/// What comes of moving, over all layers.
struct Moved {
  int64_t moves = 0, kept = 0;  // replicas to load; layers that stay as they are
  double before = 0, after = 0; // mean a_max
};
Moved Moves(const std::vector<Placed> &placed) {
  Moved all;
  for (const Placed &layer : placed) {
    all.moves += layer.plan.moves;
    all.kept += layer.plan.moves == 0;
    all.before += layer.plan.current_a_max / static_cast<double>(placed.size());
    all.after += layer.plan.a_max / static_cast<double>(placed.size());
  }
  return all;
}

/// Where experts lie now, by layers of the trace; of none where nothing was said of it.
absl::StatusOr<std::vector<LayerSlots>> Current(const Arguments &arguments, const Input &input) {
  std::vector<LayerSlots> current(input.trace->info().layers.size());
  if (arguments.current.empty())
    return current;
  std::vector<int64_t> all(current.size());
  std::iota(all.begin(), all.end(), 0);
  absl::StatusOr<Placement> placement = ReadPlacement(arguments.current, input, all);
  if (!placement.ok())
    return placement.status();
  if (placement->shape().instances != std::ssize(arguments.slots))
    return absl::InvalidArgumentError(absl::StrCat(arguments.current, ": found ", placement->shape().instances,
                                                   " instances, expected ", arguments.slots.size(),
                                                   " as --instances says"));
  for (int64_t i : all)
    current[i] = placement->layer(i);
  return current;
}

std::string MovesText(const Arguments &arguments, const std::vector<Placed> &placed) {
  if (arguments.current.empty())
    return "";
  const Moved moved = Moves(placed);
  return absl::StrCat("\n", moved.moves, " moves; ", moved.kept, " of ", placed.size(),
                      " layers stay as they are; a_max ", Fixed(moved.before), " before, ", Fixed(moved.after),
                      arguments.batches.empty() ? " after\n" : " after, on steps that were not fitted to\n");
}

std::string Report(const Arguments &arguments, const Input &input, const std::vector<Placed> &placed,
                   const planner::Policy &policy) {
  Table table({"layer", "experts", "active", "limit", "a_max", "over", "p99"});
  std::vector<planner::Measure> all;
  for (size_t i = 0; i < placed.size(); ++i) {
    const planner::Measure &m = placed[i].measure;
    all.push_back(m);
    const trace::TraceLayer &layer = input.layer(input.layers[i]);
    table.Add({absl::StrCat(layer.layer), absl::StrCat(layer.experts), Fixed(m.active, 1), Fixed(m.limit),
               Fixed(m.a_max), Fixed(m.ratio()), Fixed(m.p99, 0)});
  }
  const planner::Measure mean = planner::MeanOf(all);
  table.Add({"all", "", Fixed(mean.active, 1), Fixed(mean.limit), Fixed(mean.a_max), Fixed(mean.ratio()),
             Fixed(mean.p99, 0)});
  return absl::StrCat("policy ", policy.name, ", fitted to ", all[0].steps, " steps of ",
                      arguments.batches.empty() ? "the run" : absl::StrCat("batch ", arguments.batches[0]), ", ",
                      input.selected.size(), " sequences; a_max is that of these same steps\n\n", table.Text(),
                      MovesText(arguments, placed));
}

std::string Json(const Arguments &arguments, const Input &input, const std::vector<Placed> &placed,
                 const planner::Policy &policy) {
  using Object = nlohmann::ordered_json;
  Object layers = Object::array();
  std::vector<planner::Measure> all;
  for (size_t i = 0; i < placed.size(); ++i) {
    const planner::Measure &m = placed[i].measure;
    all.push_back(m);
    layers.push_back({{"layer", input.layer(input.layers[i]).layer},
                      {"experts", input.layer(input.layers[i]).experts},
                      {"active", m.active},
                      {"limit", m.limit},
                      {"a_max", m.a_max},
                      {"p99", m.p99},
                      {"worst", m.worst}});
  }
  const planner::Measure mean = planner::MeanOf(all);
  Object object = {{"policy", policy.name},
                   {"steps", all[0].steps},
                   {"batch", arguments.batches.empty() ? Object() : Object(arguments.batches[0])},
                   {"sequences", input.selected.size()},
                   {"a_max", mean.a_max},
                   {"limit", mean.limit},
                   {"ratio", mean.ratio()},
                   {"layers", layers}};
  if (!arguments.current.empty()) {
    const Moved moved = Moves(placed);
    object["moves"] = {{"replicas", moved.moves},
                       {"kept_layers", moved.kept},
                       {"a_max_before", moved.before},
                       {"a_max_after", moved.after}};
  }
  return object.dump(1) + "\n";
}

} // namespace

absl::Status Place(const Arguments &arguments) {
  absl::StatusOr<Input> input = OpenInput(arguments);
  if (!input.ok())
    return input.status();
  ProgressLine line;
  absl::StatusOr<SourceSteps> steps = Steps(arguments, *input, line.callback());
  if (!steps.ok())
    return steps.status();
  const absl::StatusOr<std::vector<LayerSlots>> current = Current(arguments, *input);
  if (!current.ok())
    return current.status();
  const std::vector<trace::TraceLayer> &layers = input->trace->info().layers;
  const planner::Policy policy = arguments.policies.empty() ? planner::Policies()[0] : arguments.policies[0];
  const planner::Policy contiguous = *planner::FindPolicy("contiguous");
  const planner::Instances instances = {arguments.slots, arguments.dead, arguments.pins, arguments.groups,
                                        arguments.nodes};
  std::vector<Placed> all(layers.size());
  absl::Status status = planner::ForEach(
      std::ssize(layers), Threads(arguments),
      [&](int64_t i) {
        const bool chosen = std::binary_search(input->layers.begin(), input->layers.end(), i);
        const ActivationWindow &window = steps->draws[0].layers[i];
        if (!chosen && !(*current)[i].empty()) {
          all[i].plan.slots = (*current)[i];
          return absl::OkStatus();
        }
        planner::FitOptions options = {
            arguments.seed,  arguments.work,    (*current)[i],
            arguments.price, arguments.horizon, steps->draws.size() > 1 ? &steps->draws[1].layers[i] : nullptr};
        absl::StatusOr<LayerPlan> plan = planner::FitLayer(chosen ? policy : contiguous, instances, window,
                                                           steps->tokens[i], layers[i].layer, options);
        if (!plan.ok())
          return plan.status();
        all[i].measure = planner::MeasureLayer(plan->slots, arguments.dead, window);
        all[i].plan = *std::move(plan);
        return absl::OkStatus();
      },
      "planning", line.callback());
  line.Clear();
  if (!status.ok())
    return status;
  PlacementFile file;
  file.model = input->model();
  std::vector<Placed> placed;
  for (size_t i = 0; i < layers.size(); ++i) {
    file.layers.resize(layers[i].layer, LayerSlots(arguments.slots.size())); // of no experts
    file.layers.push_back(all[i].plan.slots);
  }
  for (int64_t i : input->layers)
    placed.push_back(std::move(all[i]));
  if (!arguments.output.empty())
    if (absl::Status written = WriteFile(arguments.output, FormatPlacementFile(file)); !written.ok())
      return written;
  return Print(arguments.json ? Json(arguments, *input, placed, policy) : Report(arguments, *input, placed, policy));
}

} // namespace janus::plan
