//===- RoutingTrace.h - which experts were active in which step -*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_ROUTINGTRACE_H
#define JANUS_RUNTIME_PLACEMENT_ROUTINGTRACE_H

#include "runtime/placement/ActivationWindow.h"

#include "absl/status/statusor.h"

#include <string>
#include <vector>

namespace janus {

/// Reads a directory of docs/routing-trace.md, version 2: a window for each MoE
/// layer. NotFound: no such file. InvalidArgument or DataLoss name the file, what
/// was found and what was expected. Memory does not grow with the trace.
absl::StatusOr<std::vector<ActivationWindow>> ReadRoutingTrace(const std::string &directory);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_ROUTINGTRACE_H
