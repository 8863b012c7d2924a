//===- CommandLine.h - the command line of janus-run ------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_COMMANDLINE_H
#define JANUS_TOOLS_JANUS_RUN_COMMANDLINE_H

#include "janus/Runtime/Runtime.h"

#include <optional>
#include <string>
#include <vector>

namespace janus::run {

struct Arguments {
  bool help = false;
  std::string artifact;
  RuntimeOptions runtime;

  // What to generate from.
  std::optional<std::string> prompt, prompt_file;
  std::optional<std::vector<int32_t>> prompt_ids;
  std::string prompts; // a jsonl file

  // Defaults of every request.
  int64_t max_new_tokens = 128, deadline_ms = 0;
  double temperature = 0, top_p = 1;
  int64_t top_k = 0;
  uint64_t seed = 0;
  std::vector<std::string> stop;
  std::vector<std::vector<int32_t>> stop_ids;

  bool score = false;
  int64_t window = 256;

  // A tensor program: NAME=FILE.npy, and the folder of the outputs.
  std::vector<std::pair<std::string, std::string>> inputs;
  std::string output_dir;

  bool print_ids = false, quiet = false;
  std::string logits;         // a npy file
  std::string save_placement; // a file
  enum class Stats { kNone, kText, kJson } stats = Stats::kNone;
};

/// InvalidArgument for a usage error: an unknown option (with the nearest known
/// one), a missing or unreadable value, options that exclude each other.
absl::StatusOr<Arguments> ParseCommandLine(int argc, const char *const *argv);

/// InvalidArgument for values that can never work: found, expected, cure.
absl::Status CheckValues(const Arguments &arguments);

/// "12,45,9"
absl::StatusOr<std::vector<int32_t>> ParseIds(const std::string &text);

std::string HelpText();

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_COMMANDLINE_H
