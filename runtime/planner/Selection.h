//===- Selection.h - which sequences of a trace -----------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLANNER_SELECTION_H
#define JANUS_RUNTIME_PLANNER_SELECTION_H

#include "runtime/trace/Trace.h"

#include <string>
#include <vector>

namespace janus::planner {

struct Selection {
  enum class Half { kAll, kEven, kOdd };
  std::vector<std::string> domains; // each with all below it: "exam" takes "exam/law"; none: all
  bool repetitions = false;         // also sequences that repeat another one
  Half half = Half::kAll;           // by their number
};

/// Those of `sequences` that fit, in their order. InvalidArgument when there are
/// none, or none of one of the domains; it lists those that there are.
absl::StatusOr<std::vector<trace::TraceSequence>> Select(absl::Span<const trace::TraceSequence> sequences,
                                                         const Selection &selection);

/// Domains up to the first '/', in order of appearance.
std::vector<std::string> Domains(absl::Span<const trace::TraceSequence> sequences);

} // namespace janus::planner

#endif // JANUS_RUNTIME_PLANNER_SELECTION_H
