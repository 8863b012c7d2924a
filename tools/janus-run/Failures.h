//===- Failures.h - what is told of lost instances --------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_FAILURES_H
#define JANUS_TOOLS_JANUS_RUN_FAILURES_H

#include "janus/Runtime/Runtime.h"
#include "nlohmann/json.hpp"

namespace janus::run {

/// One line on stderr about requests that are stalled, or that go on.
void PrintStall(const StallReport &stall);

nlohmann::ordered_json FailuresToJson(const FailureReport &failures);
/// For --stats and the summary; empty if nothing failed.
std::string FailureText(const RunReport &report);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_FAILURES_H
