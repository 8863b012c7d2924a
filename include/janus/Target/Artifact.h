//===- Artifact.h - from lowered IR to model.janus --------------*- C++ -*-===//
#ifndef JANUS_TARGET_ARTIFACT_H
#define JANUS_TARGET_ARTIFACT_H

#include "absl/status/status.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <vector>

namespace janus {

struct ArtifactOptions {
  std::string modelDirectory;       // views of weights are relative to it
  std::string modelHash;            // "xxh3:<16 digits>" of the model file
  std::vector<std::string> targets; // "x86-64-v3", "x86-64-v4"
  std::string tokenizer;            // "bytes" or empty
  std::string plan;                 // content of plan.json; empty: none is written
  /// Called with what is being written; may be empty.
  std::function<void(const std::string &)> progress;
};

/// Writes the artifact of a module after the lower stage into directory `path`, which appears whole or not at all: an
/// artifact that is there already is replaced, anything else there is an error. The same module, options and weights
/// give the same bytes. Weights are streamed: memory does not grow with the model.
absl::Status writeArtifact(mlir::ModuleOp module, const std::string &path, const ArtifactOptions &options);

/// Names of targets in `--target-cpu` ("x86-64-v3,x86-64-v4", "native"); an error names the known ones.
absl::Status parseTargets(const std::string &text, std::vector<std::string> &targets);

} // namespace janus

#endif // JANUS_TARGET_ARTIFACT_H
