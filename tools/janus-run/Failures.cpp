#include "tools/janus-run/Failures.h"

#include "absl/strings/str_format.h"

#include <cstdio>

namespace janus::run {

void PrintStall(const StallReport &stall) {
  if (stall.requests == 0)
    std::fputs("janus-run: no longer stalled\n", stderr);
  else
    absl::FPrintF(stderr, "janus-run: stalled for %.0f s, prompts that wait: %d; %s\n", stall.seconds, stall.requests,
                  stall.reason);
}

nlohmann::ordered_json FailuresToJson(const FailureReport &of) {
  return {{"lost", {{"attention", of.lost_attention}, {"experts", of.lost_experts}}},
          {"joined", of.joined},
          {"attempts", of.attempts},
          {"steps_given_up", of.steps_given_up},
          {"experts_loaded", of.experts_loaded},
          {"requests_again", of.requests_again},
          {"stalled_s", of.stalled_s}};
}

std::string FailureText(const RunReport &report) {
  const FailureReport &of = report.failures;
  if (of.lost_attention + of.lost_experts == 0)
    return "";
  std::string text = absl::StrFormat("failures: %d attention and %d expert instances lost, %d replaced; %d attempts of "
                                     "steps beyond the first, %d steps "
                                     "given up; %d experts loaded, %d prompts computed again; stalled for %.1f s\n",
                                     of.lost_attention, of.lost_experts, of.joined, of.attempts, of.steps_given_up,
                                     of.experts_loaded, of.requests_again, of.stalled_s);
  for (size_t l = 0; l < report.layers.size(); ++l)
    if (report.layers[l].retries)
      absl::StrAppendFormat(&text, "  layer %-3d was done again %d times\n", l, report.layers[l].retries);
  return text;
}

} // namespace janus::run
