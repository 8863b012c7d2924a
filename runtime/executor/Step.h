//===- Step.h - what an instance is told about a step -----------*- C++ -*-===//
//
// The engine (controller endpoint) describes each global step in one message
// per instance; instances know nothing else of a step (docs/architecture.md).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_STEP_H
#define JANUS_RUNTIME_EXECUTOR_STEP_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

struct SamplingParams {
  float temperature = 0.0f; // 0: greedy
  int32_t top_k = 0;        // 0: all
  float top_p = 1.0f;
  uint64_t seed = 0;
};

/// Rows of one sequence in a step, on its home attention instance.
struct StepSequence {
  int32_t slot = 0;            // the instance's sequence slot
  int32_t begin = 0;           // absolute position of the first row
  std::vector<int32_t> tokens; // one row each
  bool opens = false;          // first rows of this sequence: `pages` is its whole page table
  std::vector<int32_t> pages;
  enum class Logits : uint8_t { kNone, kLast, kAll } logits = Logits::kNone;
  bool sample = false;        // sample a token from the last row
  bool return_logits = false; // send the wanted rows' logits back
  int64_t token_index = 0;    // index of the new token, for the sampler
  SamplingParams sampling;
};

struct StepDescriptor {
  uint32_t epoch = 0;
  uint64_t step = 0;
  int32_t scheme = 0;                  // index into traffic's scheme list
  std::vector<int32_t> rows;           // by attention instance
  std::vector<StepSequence> sequences; // of the addressed attention instance, in row order
  bool shutdown = false;
};

/// What an attention instance reports at the end of a step.
struct StepResult {
  uint64_t step = 0;
  struct Sequence {
    int32_t slot = 0;
    int32_t token = -1;        // sampled, or -1
    std::vector<float> logits; // returned rows, [rows, vocab]
  };
  std::vector<Sequence> sequences;
  int32_t error_code = 0;  // absl status code
  std::vector<char> error; // message
};

std::vector<char> Encode(const StepDescriptor &descriptor);
std::vector<char> Encode(const StepResult &result);
/// Bytes come from a peer: every length and enum is checked.
absl::StatusOr<StepDescriptor> DecodeStepDescriptor(absl::Span<const char> bytes);
absl::StatusOr<StepResult> DecodeStepResult(absl::Span<const char> bytes);

/// The same without allocation in a steady step: the caller owns the memory
/// that EncodeTo fills, and Decode reuses the vectors of `out`. After an error
/// `out` holds anything.
int64_t EncodedBytes(const StepDescriptor &descriptor);
int64_t EncodedBytes(const StepResult &result);
void EncodeTo(const StepDescriptor &descriptor, char *bytes);
void EncodeTo(const StepResult &result, char *bytes);
absl::Status Decode(absl::Span<const char> bytes, StepDescriptor &out);
absl::Status Decode(absl::Span<const char> bytes, StepResult &out);

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_STEP_H
