//===- Step.h - what an instance is told about a step -----------*- C++ -*-===//
//
// The engine (controller endpoint) describes each global step in one message
// per instance; instances know nothing else of a step (docs/architecture.md).
// When an instance fails, the controller stops the step and begins another
// attempt of it (docs/failures.md).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_STEP_H
#define JANUS_RUNTIME_EXECUTOR_STEP_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/transport/Transport.h"

#include <cstdint>
#include <string>
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

/// Where an attention instance is in a step: the layer whose results it does not
/// have yet, or one of these.
inline constexpr int32_t kNotBegun = -1, kFinished = INT32_MAX;

struct StepDescriptor {
  uint32_t epoch = 0;
  uint64_t step = 0;
  uint16_t attempt = 0;
  bool suspend = false;                // stop what you do in this step and say where you are; all else is empty
  int32_t scheme = 0;                  // index into traffic's scheme list
  std::vector<int32_t> rows;           // by attention instance
  std::vector<StepSequence> sequences; // of the addressed attention instance, in row order
  bool shutdown = false;
  std::vector<int32_t> lost_attention, lost_experts; // instances that take no part, ascending
  /// By attention instance: the first layer in which its rows take part, after
  /// an attempt of this step that was stopped. Empty: all.
  std::vector<int32_t> from_layer;
};

/// What an instance tells the controller.
struct StepResult {
  enum class Kind : uint8_t {
    kDone,     // the step ended here: with results, of an attention instance with rows, or with an error
    kPosition, // it was suspended at `position`
    kLost,     // a peer that it awaits is gone; it waits on
    kHello,    // it was made anew and knows of no step
  };
  uint64_t step = 0;
  uint16_t attempt = 0;
  Kind kind = Kind::kDone;
  int32_t position = kNotBegun;
  Address lost;
  struct Sequence {
    int32_t slot = 0;
    int32_t token = -1;        // sampled, or -1
    std::vector<float> logits; // returned rows, [rows, vocab]
  };
  std::vector<Sequence> sequences;
  int32_t error_code = 0;  // absl status code
  std::vector<char> error; // message
  /// "who: message"
  void SetError(const std::string &who, const absl::Status &status);
};

/// `part` in the names of control messages: two of one attempt can be under way.
inline constexpr int32_t kSuspendPart = 1; // of Phase::kStep; else 0
inline constexpr int32_t kNoticePart = 1;  // of Phase::kResult; 0: kDone

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
