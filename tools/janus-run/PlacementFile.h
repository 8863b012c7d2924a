//===- PlacementFile.h - what --save-placement writes -----------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_PLACEMENTFILE_H
#define JANUS_TOOLS_JANUS_RUN_PLACEMENTFILE_H

#include "absl/status/statusor.h"

#include <cstdio>
#include <memory>
#include <string>

namespace janus::run {

/// A file that appears under its name when all of it is written.
class PlacementFile {
public:
  /// PermissionDenied when it cannot be written there; told before a long run,
  /// not after it.
  static absl::StatusOr<std::unique_ptr<PlacementFile>> Create(const std::string &path);
  ~PlacementFile();
  PlacementFile(const PlacementFile &) = delete;
  PlacementFile &operator=(const PlacementFile &) = delete;

  /// `text` is all of it. DataLoss: not all could be written.
  absl::Status Write(const std::string &text);

private:
  PlacementFile() = default;
  std::string path_, temporary_;
  FILE *file_ = nullptr;
};

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_PLACEMENTFILE_H
