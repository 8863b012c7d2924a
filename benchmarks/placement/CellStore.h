//===- CellStore.h - finished cells kept in a file --------------*- C++ -*-===//
//
// The grid takes an hour. Every cell is written when it is finished, so that a
// run that was ended goes on from there, and parts of the grid can be run by
// themselves. The file is text: a line that says how the cells were measured,
// and a line a cell. What made the placements is not in it: after a change of
// the planner, begin a new file.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_BENCHMARKS_PLACEMENT_CELLSTORE_H
#define JANUS_BENCHMARKS_PLACEMENT_CELLSTORE_H

#include "benchmarks/placement/Cell.h"

#include "absl/status/statusor.h"

#include <map>
#include <string>

namespace janus {

class CellStore {
public:
  /// Keeps nothing.
  CellStore() = default;
  /// Reads the file, or makes it; a last line that is not whole is cut off.
  /// InvalidArgument: measured in another way, or no such file.
  static absl::StatusOr<CellStore> Open(const std::string &path, const CellOptions &options);

  /// Null: not measured yet.
  const CellResult *Find(const std::string &trace, const Cell &cell) const;
  absl::Status Add(const std::string &trace, const CellResult &result);

private:
  std::string path_;
  std::map<std::string, CellResult> cells_; // by "trace n C B"
};

} // namespace janus

#endif // JANUS_BENCHMARKS_PLACEMENT_CELLSTORE_H
