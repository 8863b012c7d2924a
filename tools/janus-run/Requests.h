//===- Requests.h - from options and files to requests ----------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_REQUESTS_H
#define JANUS_TOOLS_JANUS_RUN_REQUESTS_H

#include "tools/janus-run/CommandLine.h"

namespace janus::run {

/// The prompt of --prompt, --prompt-file or --prompt-ids as token ids.
absl::StatusOr<std::vector<int32_t>> ReadPrompt(const Arguments &arguments, const ModelInfo &model);

/// One request, or one for each line of --prompts. An error names the line.
absl::StatusOr<std::vector<GenerateRequest>> ReadRequests(const Arguments &arguments, const ModelInfo &model);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_REQUESTS_H
