//===- janus-plan.cpp - where experts should lie ----------------*- C++ -*-===//
//
// Exit code: 0 done; 1 the trace, a file or a value is at fault; 2 wrong usage.
//
//===----------------------------------------------------------------------===//
#include "tools/janus-plan/Commands.h"

#include <csignal>
#include <cstdio>
#include <exception>

namespace janus::plan {
namespace {

int Fail(const absl::Status &status, int code) {
  std::fprintf(stderr, "janus-plan: error: %s\n", std::string(status.message()).c_str());
  return code;
}

absl::Status Run(const Arguments &arguments) {
  switch (arguments.command) {
  case Arguments::Command::kPlace:
    return Place(arguments);
  case Arguments::Command::kReplay:
    return Replay(arguments);
  case Arguments::Command::kCompare:
    return Compare(arguments);
  }
  return absl::OkStatus();
}

int Main(int argc, char **argv) {
  absl::StatusOr<Arguments> arguments = ParseCommandLine(argc, argv);
  if (!arguments.ok())
    return Fail(arguments.status(), 2);
  if (arguments->help) {
    std::fputs(HelpText(CommandOf(argc, argv)).c_str(), stdout);
    return 0;
  }
  const absl::Status status = Run(*arguments);
  return status.ok() ? 0 : Fail(status, 1);
}

} // namespace
} // namespace janus::plan

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a file that is too large is an error of its write
  try {
    return janus::plan::Main(argc, argv);
  } catch (const std::exception &error) { // out of memory
    std::fprintf(stderr, "janus-plan: error: %s\n", error.what());
    return 1;
  }
}
