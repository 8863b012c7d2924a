#include "tools/janus-plan/Inputs.h"

#include "runtime/base/AvailableCores.h"
#include "runtime/placement/PlacementFile.h"
#include "tools/janus-plan/Output.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::plan {
namespace {

constexpr int64_t kMaxFileBytes = 1 << 28, kMaxSlots = 1 << 28; // of all layers together

absl::StatusOr<std::vector<int64_t>> ChooseLayers(const std::vector<int64_t> &wanted,
                                                  const std::vector<trace::TraceLayer> &layers) {
  std::vector<int64_t> chosen;
  for (size_t i = 0; i < layers.size(); ++i)
    if (wanted.empty() || std::binary_search(wanted.begin(), wanted.end(), layers[i].layer))
      chosen.push_back(static_cast<int64_t>(i));
  for (int64_t layer : wanted)
    if (std::none_of(layers.begin(), layers.end(), [&](const auto &l) { return l.layer == layer; }))
      return absl::InvalidArgumentError(absl::StrCat("--layers: the trace has no experts in layer ", layer, "; it has ",
                                                     layers.size(), " layers from ", layers.front().layer, " to ",
                                                     layers.back().layer));
  return chosen;
}

absl::StatusOr<Placement> Fit(const PlacementFile &file, const Input &input, absl::Span<const int64_t> wanted) {
  const std::vector<trace::TraceLayer> &layers = input.trace->info().layers;
  auto other = [&](const auto &...what) {
    return absl::InvalidArgumentError(
        absl::StrCat(what..., "; the file is of another model: fit one to this trace with janus-plan place"));
  };
  if (!file.model.empty() && !input.model().empty() && file.model != input.model())
    return other("found a placement of model '", file.model, "', expected '", input.model(), "' as in the trace");
  if (std::ssize(file.layers) <= layers.back().layer)
    return other("found ", file.layers.size(), " layers, expected at least ", layers.back().layer + 1,
                 " as the trace has");
  PlacementShape shape;
  shape.instances = file.instances();
  shape.slots = file.slots();
  if (shape.instances < 1 || shape.instances > 1024)
    return absl::InvalidArgumentError(absl::StrCat("found ", shape.instances, " instances, expected 1 to 1024"));
  if (std::ssize(file.layers) * shape.instances * std::max<int64_t>(1, shape.slots) > kMaxSlots)
    return absl::InvalidArgumentError(absl::StrCat("found ", file.layers.size(), " layers of ", shape.instances,
                                                   " instances of up to ", shape.slots, " slots, expected at most ",
                                                   kMaxSlots, " slots in all"));
  for (const trace::TraceLayer &layer : layers) {
    shape.experts.resize(layer.layer + 1);
    shape.experts.back() = layer.experts;
  }
  shape.experts.resize(file.layers.size());
  absl::StatusOr<Placement> whole = Placement::Make(shape, file.layers);
  if (!whole.ok())
    return whole.status();
  PlacementShape part = shape;
  part.experts.clear();
  std::vector<LayerSlots> slots;
  for (int64_t index : wanted) {
    part.experts.push_back(layers[index].experts);
    slots.push_back(whole->layer(layers[index].layer));
  }
  return Placement::Make(part, std::move(slots));
}

} // namespace

absl::StatusOr<Input> OpenInput(const Arguments &arguments) {
  for (const std::string &output : {arguments.output, arguments.html})
    if (absl::Status status = CheckWritable(output); !status.ok())
      return status;
  absl::StatusOr<std::unique_ptr<trace::Trace>> trace = trace::OpenTrace(arguments.trace);
  if (!trace.ok())
    return trace.status();
  Input input;
  input.trace = *std::move(trace);
  absl::StatusOr<std::vector<trace::TraceSequence>> sequences = input.trace->Sequences();
  if (!sequences.ok())
    return sequences.status();
  planner::Selection everything = {{}, arguments.selection.repetitions, planner::Selection::Half::kAll};
  for (const auto &[selected, selection] :
       {std::pair{&input.all, std::as_const(everything)}, {&input.selected, arguments.selection}}) {
    absl::StatusOr<std::vector<trace::TraceSequence>> chosen = planner::Select(*sequences, selection);
    if (!chosen.ok())
      return absl::Status(chosen.status().code(), absl::StrCat(arguments.trace, ": ", chosen.status().message()));
    *selected = *std::move(chosen);
  }
  absl::StatusOr<std::vector<int64_t>> layers = ChooseLayers(arguments.layers, input.trace->info().layers);
  if (!layers.ok())
    return layers.status();
  input.layers = *std::move(layers);
  int64_t most = 0;
  for (const trace::TraceLayer &layer : input.trace->info().layers)
    most = std::max(most, layer.experts);
  for (const Pin &pin : arguments.pins)
    if (pin.expert >= most)
      return absl::InvalidArgumentError(
          absl::StrCat("--pin: found expert ", pin.expert, ", expected 0 to ", most - 1, " as the trace has"));
  return input;
}

absl::StatusOr<Placement> ReadPlacement(const std::string &path, const Input &input, absl::Span<const int64_t> layers) {
  absl::StatusOr<std::string> text = trace::ReadText(path, kMaxFileBytes);
  if (!text.ok())
    return text.status();
  absl::StatusOr<PlacementFile> file = ParsePlacementFile(*text);
  absl::StatusOr<Placement> placement = file.ok() ? Fit(*file, input, layers) : file.status();
  if (!placement.ok())
    return absl::Status(placement.status().code(), absl::StrCat(path, ": ", placement.status().message()));
  return placement;
}

int Threads(const Arguments &arguments) { return arguments.threads ? arguments.threads : AvailableCores(); }

} // namespace janus::plan
