//===- janus-run.cpp - runs what janus-compile made -------------*- C++ -*-===//
//
// Exit code: 0 done; 1 the artifact, a file, a value or a prompt is at fault;
// 2 wrong usage.
//
//===----------------------------------------------------------------------===//
#include "tools/janus-run/CommandLine.h"
#include "tools/janus-run/Modes.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

namespace janus::run {
namespace {

int Fail(const absl::Status &status, int code) {
  std::fprintf(stderr, "janus-run: error: %s\n", std::string(status.message()).c_str());
  return code;
}

absl::Status Run(const Arguments &arguments) {
  if (absl::Status status = CheckValues(arguments); !status.ok())
    return status;
  absl::StatusOr<ModelInfo> model = Inspect(arguments.artifact);
  if (!model.ok())
    return model.status();
  const bool tensors = !arguments.output_dir.empty();
  if (model->tensor && !tensors)
    return absl::InvalidArgumentError("'" + arguments.artifact +
                                      "' is a tensor program: run it with --input NAME=FILE.npy ... --output-dir DIR");
  if (tensors && !model->tensor)
    return absl::InvalidArgumentError(
        "'" + arguments.artifact +
        "' is a language model: give --prompt or --score, or compile it with --contract=tensor for named tensors");
  if (tensors)
    return RunTensors(arguments);
  return arguments.score ? Score(arguments, *model) : Generate(arguments, *model);
}

int Main(int argc, char **argv) {
  absl::StatusOr<Arguments> arguments = ParseCommandLine(argc, argv);
  if (!arguments.ok())
    return Fail(arguments.status(), 2);
  if (arguments->help) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  const absl::Status status = Run(*arguments);
  return status.ok() ? 0 : Fail(status, 1);
}

} // namespace
} // namespace janus::run

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a file that is too large is an error of its write
  try {
    return janus::run::Main(argc, argv);
  } catch (const std::exception &error) { // out of memory
    std::fprintf(stderr, "janus-run: error: %s\n", error.what());
    return 1;
  }
}
