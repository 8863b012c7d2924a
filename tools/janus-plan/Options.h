//===- Options.h - the options of each command ------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_OPTIONS_H
#define JANUS_TOOLS_JANUS_PLAN_OPTIONS_H

#include "tools/janus-plan/CommandLine.h"

#include <functional>

namespace janus::plan {

/// One that several commands know has one entry for all of them or one for each.
struct Option {
  unsigned commands;               // bits, by Arguments::Command
  const char *name, *value, *help; // no value: a flag. A heading has no name
  std::function<absl::Status(Arguments &, const std::string &)> apply;
  bool Of(Arguments::Command command) const { return commands >> static_cast<unsigned>(command) & 1; }
};
const std::vector<Option> &Options();

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_OPTIONS_H
