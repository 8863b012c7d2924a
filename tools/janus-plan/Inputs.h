//===- Inputs.h - what the commands read ------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_INPUTS_H
#define JANUS_TOOLS_JANUS_PLAN_INPUTS_H

#include "tools/janus-plan/CommandLine.h"

#include <memory>

namespace janus::plan {

/// A trace, its sequences that take part, and its layers that do.
struct Input {
  std::unique_ptr<trace::Trace> trace;
  std::vector<trace::TraceSequence> all;      // but those that repeat another one, unless asked for
  std::vector<trace::TraceSequence> selected; // of `all`, by --domain and --half
  std::vector<int64_t> layers;                // of the trace, by index
  std::string model() const { return trace->info().model; }
  const trace::TraceLayer &layer(int64_t index) const { return trace->info().layers[index]; }
};
absl::StatusOr<Input> OpenInput(const Arguments &arguments);

/// The placement of a file for a trace: its layers are those of the trace with
/// these indices, in order. InvalidArgument when it is another model's.
absl::StatusOr<Placement> ReadPlacement(const std::string &path, const Input &input, absl::Span<const int64_t> layers);

/// Threads asked for, or the cores of this process.
int Threads(const Arguments &arguments);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_INPUTS_H
