//===- Activity.h - what a step's rows chose, to the controller -*- C++ -*-===//
//
// Phase kActivity, one message a step, where InstanceConfig::report_activity:
// from the expert instance of lowest id that lives (AGate: the attention
// instance of lowest id that has rows) to the controller, who counts
// (docs/online.md).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_ACTIVITY_H
#define JANUS_RUNTIME_EXECUTOR_ACTIVITY_H

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "runtime/program/Program.h"

#include <cstdint>
#include <vector>

namespace janus {

/// Of a step with more rows, so many of them are reported, evenly spaced.
inline constexpr int64_t kReportedRows = 256;

struct ActivityReport {
  struct Layer {
    int32_t layer = 0;
    int32_t rows = 0; // of the step
    int32_t k = 0;
    int32_t distinct = 0, a_max = 0;
    std::vector<uint16_t> ids; // [min(rows, kReportedRows)][k]
  };
  uint64_t step = 0;
  std::vector<Layer> layers; // those that were scheduled, ascending
};

/// Collects a step; all memory is allocated at creation.
class ActivityRecorder {
public:
  ActivityRecorder() = default;
  ActivityRecorder(const ModelDesc &model, int64_t step_rows);
  /// A step begins.
  void Begin() { count = 0; }
  bool empty() const { return count == 0; }
  /// ids: [rows][k]. A layer that was added before is replaced.
  void Add(int64_t layer, absl::Span<const uint16_t> ids, int64_t k, int64_t distinct, int64_t a_max);
  int64_t bytes() const;
  void WriteTo(uint64_t step, char *bytes) const;
  /// Bytes of memory: what it has, and what it will have.
  int64_t memory() const;
  static int64_t Bytes(const ModelDesc &model, int64_t step_rows);

private:
  std::vector<ActivityReport::Layer> layers; // by order of Add; ids keep their memory
  size_t count = 0;
};

/// Reuses the memory of `out`. Bytes come from a peer: layers, ids and counts
/// are checked against the model.
absl::Status Decode(absl::Span<const char> bytes, const ModelDesc &model, ActivityReport &out);

/// The largest of these messages.
int64_t MaxActivityBytes(const ModelDesc &model, int64_t step_rows);

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_ACTIVITY_H
