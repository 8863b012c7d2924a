//===- RoutingFile.h - the routing of every step, to files --*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_ROUTINGFILE_H
#define JANUS_RUNTIME_ENGINE_ROUTINGFILE_H

#include "absl/status/statusor.h"
#include "runtime/executor/Instance.h"
#include "runtime/trace/TraceWriter.h"

#include <memory>
#include <string>
#include <vector>

namespace janus {

/// What --record-routing asks for: the routing of every step, to a directory of
/// docs/routing-trace.md, version 2. Called from the executor's thread; the files
/// are written by another one.
class RoutingFile {
public:
  static absl::StatusOr<std::unique_ptr<RoutingFile>> Create(const std::string &directory, const ModelDesc &model);
  void Layer(const LayerRouting &routing);
  /// After a step: where its rows come from, their number by attention instance
  /// and its scheme.
  void Step(uint64_t step, const std::vector<trace::RowOrigin> &rows, const std::vector<int64_t> &rows_by_instance,
            const std::string &scheme);
  /// Ends the files and writes meta.json, without which the directory is no
  /// trace. DataLoss if anything could not be written. Nothing is recorded after.
  absl::Status Close() { return writer_->Close(); }

  /// Steps that were run, and those of them that are not in the trace.
  int64_t steps() const { return writer_->steps(); }
  int64_t dropped() const { return writer_->dropped(); }

private:
  std::unique_ptr<trace::TraceWriter> writer_;
  std::vector<int64_t> recorded_layer_; // by layer of the model: its number among those with experts
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_ROUTINGFILE_H
