//===- Report.h - what a run tells about itself -----------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_REPORT_H
#define JANUS_TOOLS_JANUS_RUN_REPORT_H

#include "tools/janus-run/CommandLine.h"

#include <chrono>

namespace janus::run {

/// When tokens came.
class Timing {
public:
  void Token() {
    last_ = Clock::now();
    if (new_tokens++ == 0)
      first_ = last_;
  }
  void Prompt(int64_t tokens) { prompt_tokens += tokens; }
  double first_token_s() const { return new_tokens ? Seconds(start_, first_) : 0; }
  double after_first_s() const { return new_tokens ? Seconds(first_, last_) : 0; }

  int64_t new_tokens = 0, prompt_tokens = 0;

private:
  using Clock = std::chrono::steady_clock;
  static double Seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }
  Clock::time_point start_ = Clock::now(), first_, last_;
};

/// Bytes of each instance, at the start.
void PrintInstances(const std::vector<InstanceReport> &instances);
/// The summary, and the statistics that --stats asks for. To stderr.
void PrintReport(const Arguments &arguments, const Runtime &runtime, const Timing &timing);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_REPORT_H
