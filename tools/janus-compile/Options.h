//===- Options.h - the command line of janus-compile ------------*- C++ -*-===//
#ifndef JANUS_TOOLS_COMPILE_OPTIONS_H
#define JANUS_TOOLS_COMPILE_OPTIONS_H

#include "absl/status/statusor.h"
#include "janus/Import/ImportOnnx.h"
#include "janus/Pipelines/Stages.h"

#include <string>
#include <vector>

namespace janus {

struct CompileOptions {
  std::string input, output, topology, dumpStagesTo, tokenizer, modelDirectory;
  std::vector<std::string> targets;
  ImportOptions import;
  StageOptions stages;
  Stage from = Stage::kImport, to = Stage::kTarget;
  bool explain = false, check = false, json = false, requireMoE = false, help = false;
};

/// InvalidArgument for usage errors: what, found, expected.
absl::StatusOr<CompileOptions> parseOptions(int argc, char **argv);
std::string helpText();
/// Where the files with weights are.
std::string modelDirectory(const CompileOptions &options);

} // namespace janus

#endif // JANUS_TOOLS_COMPILE_OPTIONS_H
