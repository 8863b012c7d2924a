//===- Trace.h - recorded routing, read as a stream -------------*- C++ -*-===//
//
// Which experts every row (one token in one step) chose, layer by layer. One
// interface for both versions of docs/routing-trace.md:
//
//   version 1   an array of tokens, in order, and a table of the sequences they
//               are of; nothing is known of the batches they were computed in
//   version 2   the steps of a run of Janus: which rows each had, and of which
//               request every row was
//
// Memory does not grow with the rows of a trace. It grows with the sequences,
// of which a trace has at most kMaxSequences.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_TRACE_TRACE_H
#define JANUS_RUNTIME_TRACE_TRACE_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/trace/ByteStream.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace janus::trace {

inline constexpr int64_t kMaxExperts = 65535;     // 65535 itself stands for "none" in schedule.gz
inline constexpr int64_t kMaxLayers = 4096;       // with experts
inline constexpr int64_t kMaxLayerNumber = 65535; // of a layer of the model
inline constexpr int64_t kMaxStepRows = 65536;    // of a step of version 2
inline constexpr int64_t kMaxSequences = 1 << 22; // of a trace
inline constexpr int64_t kMaxTokens = int64_t{1} << 40;

struct TraceLayer {
  int64_t layer = 0; // of the model; ascending
  int64_t experts = 0, k = 0;
};

struct TraceInfo {
  int version = 0;
  std::string model; // a name, or empty
  std::vector<TraceLayer> layers;
  int64_t rows = 0, steps = 0; // steps: 0 in version 1
  int64_t dropped_steps = 0;   // steps of the run that were not recorded
};

enum class RowPhase : uint8_t { kDecode = 0, kPrefill = 1 };

/// Where a row comes from.
struct RowOrigin {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t sequence = kNone; // index into sequences of version 1, request of version 2; kNone: of no sequence
  uint32_t position = 0;     // of the row in its sequence
  RowPhase phase = RowPhase::kDecode;
};

/// Some rows at one layer. Valid until the next call.
struct TraceBlock {
  uint64_t step = 0;     // of version 2; all rows of a step have the same
  int64_t layer = 0;     // index into TraceInfo::layers
  int64_t first_row = 0; // of the trace, in its order; the rows of a step follow each other
  int64_t group_row = 0; // the first row of those that are given layer by layer: in version 2 those of the step
  absl::Span<const RowOrigin> rows;
  absl::Span<const uint16_t> ids; // [rows][k] of the layer, each below its experts
};

/// A sequence of version 1 as its table says, or what a pass over version 2
/// found of a request.
struct TraceSequence {
  uint32_t id = 0;                     // as RowOrigin::sequence
  std::array<int64_t, 2> rows_of = {}; // by RowPhase
  int64_t first_row = 0;               // of version 1
  std::string domain, phase;           // empty when unknown
  int64_t repetition = 0;
  int64_t rows() const { return rows_of[0] + rows_of[1]; }
};

class Trace {
public:
  virtual ~Trace() = default;
  const TraceInfo &info() const { return info_; }
  /// The next block; false after the last. Every row comes once for every layer;
  /// rows in order, those of one step at all layers before the next step's.
  /// InvalidArgument or DataLoss name the file, what was found, what was
  /// expected and what helps; they are final.
  virtual absl::StatusOr<bool> Next(TraceBlock &block) = 0;
  /// Back to the first block.
  virtual absl::Status Rewind() = 0;
  /// All sequences by ascending id. Reads the whole of a trace of version 2, and
  /// rewinds.
  virtual absl::StatusOr<std::vector<TraceSequence>> Sequences() = 0;

protected:
  TraceInfo info_;
};

/// Opens a directory of either version, by its meta.json.
absl::StatusOr<std::unique_ptr<Trace>> OpenTrace(const std::string &directory);

/// The parts of a trace as they are read, named in errors as `where`/FILE.
struct TraceParts {
  std::string where, meta;               // meta.json's text
  std::unique_ptr<ByteStream> data;      // topk.npy or routing, decompressed
  std::unique_ptr<ByteStream> sequences; // seqs.tsv, of version 1
};
/// Whether meta.json is of version 1 or 2; an error says what else it is.
absl::StatusOr<int> TraceVersion(const std::string &where, const std::string &meta);
absl::StatusOr<std::unique_ptr<Trace>> ReadTrace(TraceParts parts);

} // namespace janus::trace

#endif // JANUS_RUNTIME_TRACE_TRACE_H
