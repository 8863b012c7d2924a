//===- Options.h - the command line of janus-run ----------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_OPTIONS_H
#define JANUS_TOOLS_JANUS_RUN_OPTIONS_H

#include "absl/status/statusor.h"
#include "janus/Runtime/Runtime.h"

#include <string>
#include <vector>

namespace janus::run {

struct Options {
  bool help = false;
  std::string artifact;
  RuntimeOptions runtime;

  // What to generate.
  std::vector<std::string> prompts; // --prompt, may be repeated
  std::string prompt_ids, prompt_file, prompts_file;
  int64_t max_new_tokens = 128;
  double temperature = 0, top_p = 1;
  int64_t top_k = 0;
  uint64_t seed = 0;
  std::vector<std::string> stop;

  // Scoring.
  bool score = false;
  int64_t window = 256;

  // Output.
  bool print_ids = false;
  std::string logits;
  std::string stats; // "", "text", "json"
  bool quiet = false;

  // Tensor programs.
  std::vector<std::pair<std::string, std::string>> inputs; // name, file
  std::string output_dir;
};

/// InvalidArgument: a usage error (exit code 2).
absl::StatusOr<Options> ParseOptions(int argc, char **argv);
std::string HelpText();

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_OPTIONS_H
