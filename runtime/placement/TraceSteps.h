//===- TraceSteps.h - steps made of a trace's rows --------------*- C++ -*-===//
//
// What a placement is fitted to and measured on: windows of steps, out of a
// trace of either version that is read as a stream. A trace of version 2 has the
// steps that were run. Batches of any size can be drawn from both.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_TRACESTEPS_H
#define JANUS_RUNTIME_PLACEMENT_TRACESTEPS_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/trace/Trace.h"

#include <functional>

namespace janus {

/// Which rows count.
struct RowFilter {
  bool decode = true, prefill = true;
  bool Takes(trace::RowPhase phase) const { return phase == trace::RowPhase::kDecode ? decode : prefill; }
  int64_t Count(const trace::TraceSequence &sequence) const {
    return (decode ? sequence.rows_of[0] : 0) + (prefill ? sequence.rows_of[1] : 0);
  }
};

/// `steps` batches out of some sequences of a trace, by BatchSampler: `batch`
/// rows of different sequences, each at a random place among the rows that the
/// filter takes.
struct BatchDraw {
  absl::Span<const trace::TraceSequence> sequences; // not owned
  int64_t batch = 1, steps = 0;
  uint64_t seed = 0;
};

/// Told now and then how many rows were read.
using TraceProgress = std::function<void(int64_t rows)>;

/// What was active in the batches of each draw: result[draw][layer], a window
/// with the batches in the order of the draw. One pass over the trace, memory
/// for the windows and the draws alone. InvalidArgument when a draw has fewer
/// sequences with rows than a batch takes; otherwise the trace's errors.
absl::StatusOr<std::vector<std::vector<ActivationWindow>>> DrawSteps(trace::Trace &trace, const RowFilter &filter,
                                                                     absl::Span<const BatchDraw> draws,
                                                                     const TraceProgress &progress = {});

/// The steps of a trace of version 2 as they were run, by layer: no more than the
/// last `most`, of their rows those that the filter takes, none without any.
/// InvalidArgument for version 1.
absl::StatusOr<std::vector<ActivationWindow>> RecordedSteps(trace::Trace &trace, const RowFilter &filter = {},
                                                            int64_t most = ActivationWindow::kSteps,
                                                            const TraceProgress &progress = {});

/// RecordedSteps of a directory, with a window for each layer of the model up to
/// the last that the trace lists; one of no experts where it lists none.
absl::StatusOr<std::vector<ActivationWindow>> ReadRoutingTrace(const std::string &directory);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_TRACESTEPS_H
