//===- RoutingFile.h - the routing of every step, to files --*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_ROUTINGFILE_H
#define JANUS_RUNTIME_ENGINE_ROUTINGFILE_H

#include "absl/status/statusor.h"
#include "runtime/executor/Instance.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace janus {

/// Writes a directory in the format of docs/routing-trace.md, version 2. Called
/// from the executor's thread; writes go through a buffer of stdio.
class RoutingFile {
public:
  static absl::StatusOr<std::unique_ptr<RoutingFile>> Create(const std::string &directory, const ModelDesc &model);
  ~RoutingFile();
  void Layer(const LayerRouting &routing);
  /// After a step: its rows by attention instance and its scheme.
  void Step(uint64_t step, const std::vector<int64_t> &rows, const std::string &scheme);
  /// Ends the files and writes meta.json, without which the directory is no
  /// trace. DataLoss if anything could not be written. Nothing is recorded after.
  absl::Status Close();

private:
  std::string directory_, meta_;
  FILE *routing_ = nullptr, *schedule_ = nullptr, *steps_ = nullptr;
  std::vector<uint16_t> values_;
  bool failed_ = false;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_ROUTINGFILE_H
