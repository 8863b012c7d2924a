//===- Commands.h - what janus-plan does ------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_COMMANDS_H
#define JANUS_TOOLS_JANUS_PLAN_COMMANDS_H

#include "tools/janus-plan/CommandLine.h"

namespace janus::plan {

absl::Status Place(const Arguments &arguments);
absl::Status Replay(const Arguments &arguments);
absl::Status Compare(const Arguments &arguments);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_COMMANDS_H
