//===- Readers.h - the readers of both trace versions -----------*- C++ -*-===//
#ifndef JANUS_RUNTIME_TRACE_READERS_H
#define JANUS_RUNTIME_TRACE_READERS_H

#include "nlohmann/json.hpp"
#include "runtime/trace/Trace.h"

#include "absl/strings/str_cat.h"

namespace janus::trace {

/// Ids in one block: enough that a block's cost is that of its ids.
inline constexpr int64_t kBlockIds = 1 << 15;

template <typename... Parts> absl::Status Invalid(const std::string &file, const Parts &...what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", what...));
}
/// The error with the file it is about.
inline absl::Status At(const std::string &file, const absl::Status &status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

/// A whole number of at least 0, or -1.
int64_t Number(const nlohmann::json &object, const char *name);

absl::StatusOr<std::unique_ptr<Trace>> ReadArrayTrace(TraceParts parts, const nlohmann::json &meta);
absl::StatusOr<std::unique_ptr<Trace>> ReadStepTrace(TraceParts parts, const nlohmann::json &meta);

/// seqs.tsv: ascending by first row, none overlapping another, all below `tokens`.
absl::StatusOr<std::vector<TraceSequence>> ReadSequenceTable(ByteStream &file, const std::string &name, int64_t tokens);

} // namespace janus::trace

#endif // JANUS_RUNTIME_TRACE_READERS_H
