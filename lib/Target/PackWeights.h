//===- PackWeights.h - weights in their run-time layouts --------*- C++ -*-===//
#ifndef JANUS_LIB_TARGET_PACKWEIGHTS_H
#define JANUS_LIB_TARGET_PACKWEIGHTS_H

#include "absl/status/statusor.h"
#include "janus/Target/Artifact.h"
#include "nlohmann/json.hpp"

namespace janus {

/// Writes every weight that `janus.weights` of the module lists into its file below `directory` and returns the
/// "weights" section of the manifest; `files` gets an entry of its section "files" for each. Streams one panel of 32
/// rows at a time.
absl::StatusOr<nlohmann::json> packWeights(mlir::ModuleOp module, const std::string &directory,
                                           const ArtifactOptions &options, nlohmann::json &files);

} // namespace janus

#endif // JANUS_LIB_TARGET_PACKWEIGHTS_H
