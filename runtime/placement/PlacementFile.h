//===- PlacementFile.h - placements as JSON ---------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_PLACEMENTFILE_H
#define JANUS_RUNTIME_PLACEMENT_PLACEMENTFILE_H

#include "runtime/placement/Placement.h"

namespace janus {

/// What a file of docs/placement-file.md says; Placement::Make checks whether it
/// fits a model and a run.
struct PlacementFile {
  std::string model;              // a name, or empty
  std::vector<LayerSlots> layers; // each expert -1 or more

  /// Instances of the first layer, and the most slots that any instance uses.
  int64_t instances() const { return layers.empty() ? 0 : static_cast<int64_t>(layers[0].size()); }
  int64_t slots() const;
};

/// InvalidArgument says what was found, what was expected, and where.
absl::StatusOr<PlacementFile> ParsePlacementFile(std::string_view text);
/// A line a layer.
std::string FormatPlacementFile(const PlacementFile &file);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_PLACEMENTFILE_H
