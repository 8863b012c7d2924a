//===- Modes.h - what janus-run can do --------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_MODES_H
#define JANUS_TOOLS_JANUS_RUN_MODES_H

#include "tools/janus-run/CommandLine.h"

namespace janus::run {

/// Text, ids or JSON lines on stdout, as they come.
absl::Status Generate(const Arguments &arguments, const ModelInfo &model);
/// Negative log-likelihood of a prompt, in windows.
absl::Status Score(const Arguments &arguments, const ModelInfo &model);
/// One call of a tensor program, .npy in and out.
absl::Status RunTensors(const Arguments &arguments);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_MODES_H
