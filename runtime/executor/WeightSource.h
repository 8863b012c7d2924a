//===- WeightSource.h - where an instance gets its weights ------*- C++ -*-===//
//
// Implemented over a mapped artifact by the engine and over memory by tests.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_WEIGHTSOURCE_H
#define JANUS_RUNTIME_EXECUTOR_WEIGHTSOURCE_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>

namespace janus {

/// Packed bytes of a tensor or of one expert of it: aligned to
/// abi::kAlignment, readable as long as their source lives.
struct WeightView {
  const void *data = nullptr;
  int64_t bytes = 0;
};

/// The same, not read yet, with the XXH3-64 that whoever copies it compares.
struct UncheckedWeight {
  const void *data = nullptr;
  int64_t bytes = 0;
  uint64_t hash = 0;
};

/// Weights by name, in the layouts the artifact names (docs/artifact.md).
/// Called by the thread that plans, creates and advances instances. An
/// instance asks for what it hosts and nothing else, so a source may map,
/// and verify checksums, on demand.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// The number of experts of a weight that is addressable by expert, 0 for a
  /// plain tensor. NotFound names a weight that the artifact lacks.
  virtual absl::StatusOr<int64_t> Experts(const std::string &name) = 0;
  /// Packed bytes of one expert, or of a plain tensor (`expert` is ignored).
  /// Reads no weight.
  virtual absl::StatusOr<int64_t> Bytes(const std::string &name, int64_t expert) = 0;
  /// A plain tensor.
  virtual absl::StatusOr<WeightView> Tensor(const std::string &name) = 0;
  /// One expert of a weight that is addressable by expert.
  virtual absl::StatusOr<WeightView> Expert(const std::string &name, int64_t expert) = 0;
  /// The same for a copy in small pieces: reads none of its bytes.
  virtual absl::StatusOr<UncheckedWeight> Unchecked(const std::string &name, int64_t expert) = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_WEIGHTSOURCE_H
