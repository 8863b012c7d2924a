//===- TraceWriter.h - records a run beside its steps -----------*- C++ -*-===//
//
//   step path                ring                     thread of the writer
//   Layer, Layer, EndStep -> | step | step | ... | -> order, compress, write
//
// The step path copies what a step was into a ring and publishes it whole. It
// allocates nothing, takes no lock, makes no system call and never waits: a step
// for which the ring has no room is left out and counted, and so is a step that
// failed. A trace holds whole steps only, and says how many are missing.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_TRACE_TRACEWRITER_H
#define JANUS_RUNTIME_TRACE_TRACEWRITER_H

#include "runtime/trace/Trace.h"

#include <atomic>
#include <string_view>
#include <thread>

namespace janus::trace {

struct TraceWriterOptions {
  /// The steps that may wait to be written; a power of two.
  int64_t ring_bytes = int64_t{1} << 24;
};

/// A directory of docs/routing-trace.md, version 2. One thread calls Layer and
/// EndStep; the writer has one of its own.
class TraceWriter {
public:
  /// `info`: model and layers. Removes the meta.json of an earlier trace.
  /// PermissionDenied when the directory or its files cannot be made.
  static absl::StatusOr<std::unique_ptr<TraceWriter>> Create(const std::string &directory, const TraceInfo &info,
                                                             const TraceWriterOptions &options = {});
  ~TraceWriter(); // an unfinished trace keeps no meta.json

  /// The routing of a layer, and who serves each of its experts: slots[e] is
  /// instance * slots_per_instance + slot, or -1 when no row chose e. A layer
  /// that is scheduled again, after a failure, takes the place of what it was.
  void Layer(uint64_t step, int64_t layer, absl::Span<const int32_t> ids, absl::Span<const int32_t> slots,
             int64_t slots_per_instance);
  /// The step is complete: its rows in the order of their ids, how many of them
  /// each attention instance had, and the scheme of its transfers. Left out
  /// when a layer is missing.
  void EndStep(uint64_t step, absl::Span<const RowOrigin> rows, absl::Span<const int64_t> rows_by_instance,
               std::string_view scheme);

  /// Waits for what is in the ring, ends the files and writes meta.json, without
  /// which the directory is no trace. DataLoss if anything could not be written.
  /// Nothing is recorded after.
  absl::Status Close();

  /// Steps that EndStep saw, and those of them that are not in the trace.
  int64_t steps() const { return steps_; }
  int64_t dropped() const { return dropped_; }

private:
  class Files;
  TraceWriter() = default;
  void Begin(uint64_t step);
  /// Copies to the ring behind what is there; false when it has no room.
  bool Put(const void *bytes, int64_t size);
  void CopyIn(uint64_t at, const void *bytes, int64_t size);
  void CopyOut(uint64_t at, void *bytes, int64_t size) const;
  void Run();
  void WriteStep(uint64_t at);

  TraceInfo info_;
  std::unique_ptr<Files> files_; // of the writer's thread
  std::vector<char> ring_;
  std::atomic<uint64_t> published_ = 0, taken_ = 0; // positions that only grow; the ring holds what is between
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  // Of the step path: the step that is being put together.
  uint64_t step_ = 0, end_ = 0;
  bool open_ = false, broken_ = false;
  std::vector<uint64_t> layer_at_; // position by layer; 0: not yet
  std::vector<int64_t> layer_ids_; // ids by layer
  int64_t steps_ = 0, dropped_ = 0;
};

} // namespace janus::trace

#endif // JANUS_RUNTIME_TRACE_TRACEWRITER_H
