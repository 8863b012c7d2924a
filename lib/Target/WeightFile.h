//===- WeightFile.h - a safetensors file written as a stream ----*- C++ -*-===//
#ifndef JANUS_LIB_TARGET_WEIGHTFILE_H
#define JANUS_LIB_TARGET_WEIGHTFILE_H

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nlohmann/json.hpp"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace janus {

/// A tensor of a weight file: `units` byte ranges of `unitBytes` each (its experts, or itself), each 64-byte aligned.
struct PackedTensor {
  std::string name;
  int64_t units = 1;
  int64_t unitBytes = 0;
  int64_t stride() const { return (unitBytes + 63) / 64 * 64; }
};

/// Where a unit lies in its file and its checksum.
struct UnitRange {
  int64_t offset = 0, bytes = 0;
  std::string xxh3; // 16 lower-case hex digits
};

/// Writes header, then units in order. Every call may fail; the first failure stays.
class WeightFile {
public:
  WeightFile(std::string path, std::vector<PackedTensor> tensors);
  ~WeightFile();
  WeightFile(const WeightFile &) = delete;
  WeightFile &operator=(const WeightFile &) = delete;

  absl::Status open();
  /// The next bytes of the unit that is being written.
  absl::Status write(const void *data, int64_t bytes);
  /// Ends a unit and says where it lies; pads to the next.
  absl::StatusOr<UnitRange> finishUnit();
  absl::Status close();
  /// The file's entry in the manifest's "files", once it is closed.
  nlohmann::json entry(const std::string &name) const {
    return {{"file", name}, {"bytes", position}, {"header", header}, {"xxh3", headerHash}};
  }

private:
  absl::Status put(const void *data, int64_t bytes);
  std::string path;
  std::vector<PackedTensor> tensors;
  std::FILE *file = nullptr;
  int64_t position = 0, unitBegin = 0, header = 0;
  std::string headerHash;
  void *hash = nullptr; // XXH3_state_t
};

/// XXH3-64 as 16 lower-case hex digits.
std::string hashText(uint64_t hash);
std::string hashBytes(const void *data, int64_t bytes);

} // namespace janus

#endif // JANUS_LIB_TARGET_WEIGHTFILE_H
