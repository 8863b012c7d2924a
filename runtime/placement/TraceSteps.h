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

/// `steps` batches by BatchSampler: `batch` rows of different sequences, each at
/// a random place among the rows that the filter takes.
struct BatchDraw {
  int64_t batch = 1, steps = 0;
  uint64_t seed = 0;
  bool keep_rows = false; // also what every single row chose
};
/// Draws out of some sequences of a trace.
struct StepSource {
  std::vector<trace::TraceSequence> sequences;
  std::vector<BatchDraw> draws;
};

struct DrawnSteps {
  std::vector<ActivationWindow> layers;   // a window with the batches in the order of the draw
  std::vector<std::vector<uint16_t>> ids; // with keep_rows, by layer: [steps][batch][k]
};
struct SourceSteps {
  std::vector<DrawnSteps> draws;
  std::vector<std::vector<double>> tokens; // by layer: rows of the sequences that chose each expert
};

/// Told now and then how many rows were read.
using TraceProgress = std::function<void(int64_t rows)>;

/// The draws of each source. One pass over the trace, memory for what is
/// returned and the draws alone. InvalidArgument when a source has fewer
/// sequences with rows than a batch takes; otherwise the trace's errors.
absl::StatusOr<std::vector<SourceSteps>> DrawSteps(trace::Trace &trace, const RowFilter &filter,
                                                   absl::Span<const StepSource> sources,
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
