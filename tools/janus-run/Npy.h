//===- Npy.h - NumPy's .npy files -------------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_NPY_H
#define JANUS_TOOLS_JANUS_RUN_NPY_H

#include "absl/status/statusor.h"
#include "janus/Runtime/Runtime.h"

namespace janus::run {

/// Reads a C-ordered, little-endian array of format version 1 or 2; sizes are
/// checked against the file. The tensor has no name.
absl::StatusOr<NamedTensor> ReadNpy(const std::string &path);

/// Writes next to `path` and renames, so that the file appears whole.
absl::Status WriteNpy(const std::string &path, const NamedTensor &tensor);

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_NPY_H
