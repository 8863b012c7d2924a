#include "runtime/executor/Step.h"

#include "runtime/executor/Wire.h"

#include "absl/strings/str_cat.h"

#include <cmath>

namespace janus {
namespace {

using executor::Reader;
using executor::Writer;

constexpr uint32_t kDescriptorMagic = 0x3244534a; // "JSD2"
constexpr uint32_t kResultMagic = 0x3252534a;     // "JSR2"
constexpr uint8_t kSequenceFlags = 7;             // opens, sample, return_logits
constexpr uint8_t kStepFlags = 3;                 // shutdown, suspend

void Write(Writer &writer, const StepDescriptor &step) {
  writer.Put(kDescriptorMagic);
  writer.Put(step.epoch);
  writer.Put(step.step);
  writer.Put(step.attempt);
  writer.Put(step.scheme);
  writer.Put(static_cast<uint8_t>(step.shutdown | step.suspend << 1));
  writer.PutAll(step.rows);
  writer.PutAll(step.lost_attention);
  writer.PutAll(step.lost_experts);
  writer.PutAll(step.from_layer);
  writer.Put(static_cast<uint32_t>(step.sequences.size()));
  for (const StepSequence &sequence : step.sequences) {
    writer.Put(sequence.slot);
    writer.Put(sequence.begin);
    writer.Put(static_cast<uint8_t>(sequence.opens | sequence.sample << 1 | sequence.return_logits << 2));
    writer.Put(static_cast<uint8_t>(sequence.logits));
    writer.Put(sequence.token_index);
    writer.Put(sequence.sampling.temperature);
    writer.Put(sequence.sampling.top_k);
    writer.Put(sequence.sampling.top_p);
    writer.Put(sequence.sampling.seed);
    writer.PutAll(sequence.tokens);
    writer.PutAll(sequence.pages);
  }
}

void Write(Writer &writer, const StepResult &result) {
  writer.Put(kResultMagic);
  writer.Put(result.step);
  writer.Put(result.attempt);
  writer.Put(static_cast<uint8_t>(result.kind));
  writer.Put(result.position);
  writer.Put(static_cast<uint8_t>(result.lost.kind));
  writer.Put(result.lost.id);
  writer.Put(result.error_code);
  writer.PutAll(result.error);
  writer.Put(static_cast<uint32_t>(result.sequences.size()));
  for (const StepResult::Sequence &sequence : result.sequences) {
    writer.Put(sequence.slot);
    writer.Put(sequence.token);
    writer.PutAll(sequence.logits);
  }
}

void Read(Reader &reader, StepSequence &sequence) {
  sequence.slot = reader.Get<int32_t>();
  reader.Expect(sequence.slot >= 0, "slot", sequence.slot, "0 or more");
  sequence.begin = reader.Get<int32_t>();
  reader.Expect(sequence.begin >= 0, "begin", sequence.begin, "0 or more");
  uint8_t flags = reader.Get<uint8_t>();
  reader.Expect(flags <= kSequenceFlags, "flags", flags, "at most 7");
  sequence.opens = flags & 1;
  sequence.sample = flags & 2;
  sequence.return_logits = flags & 4;
  uint8_t logits = reader.Get<uint8_t>();
  reader.Expect(logits <= 2, "logits", logits, "0 (none), 1 (last) or 2 (all)");
  sequence.logits = static_cast<StepSequence::Logits>(logits <= 2 ? logits : 0);
  sequence.token_index = reader.Get<int64_t>();
  sequence.sampling.temperature = reader.Get<float>();
  reader.Expect(std::isfinite(sequence.sampling.temperature) && sequence.sampling.temperature >= 0, "temperature", -1,
                "a finite number of 0 or more");
  sequence.sampling.top_k = reader.Get<int32_t>();
  reader.Expect(sequence.sampling.top_k >= 0, "top_k", sequence.sampling.top_k, "0 or more");
  sequence.sampling.top_p = reader.Get<float>();
  reader.Expect(sequence.sampling.top_p >= 0 && sequence.sampling.top_p <= 1, "top_p", -1, "0 to 1");
  sequence.sampling.seed = reader.Get<uint64_t>();
  reader.GetAll(sequence.tokens);
  reader.Expect(!sequence.tokens.empty(), "tokens", 0, "at least one");
  reader.GetAll(sequence.pages);
  reader.Expect(!sequence.sample || logits != 0, "sample", 1, "logits of the last row to be wanted");
  reader.Expect(!sequence.return_logits || logits != 0, "return_logits", 1, "logits to be wanted");
}

} // namespace

void StepResult::SetError(const std::string &who, const absl::Status &status) {
  error_code = static_cast<int32_t>(status.code());
  const std::string text = absl::StrCat(who, ": ", status.message());
  error.assign(text.begin(), text.end());
}

int64_t EncodedBytes(const StepDescriptor &descriptor) {
  Writer writer(nullptr);
  Write(writer, descriptor);
  return writer.size;
}

int64_t EncodedBytes(const StepResult &result) {
  Writer writer(nullptr);
  Write(writer, result);
  return writer.size;
}

void EncodeTo(const StepDescriptor &descriptor, char *bytes) {
  Writer writer(bytes);
  Write(writer, descriptor);
}

void EncodeTo(const StepResult &result, char *bytes) {
  Writer writer(bytes);
  Write(writer, result);
}

std::vector<char> Encode(const StepDescriptor &descriptor) {
  std::vector<char> bytes(EncodedBytes(descriptor));
  EncodeTo(descriptor, bytes.data());
  return bytes;
}

std::vector<char> Encode(const StepResult &result) {
  std::vector<char> bytes(EncodedBytes(result));
  EncodeTo(result, bytes.data());
  return bytes;
}

absl::Status Decode(absl::Span<const char> bytes, StepDescriptor &out) {
  Reader reader(bytes, "step descriptor");
  uint32_t magic = reader.Get<uint32_t>();
  reader.Expect(magic == kDescriptorMagic, "magic", magic, "a step descriptor of version 2");
  out.epoch = reader.Get<uint32_t>();
  out.step = reader.Get<uint64_t>();
  out.attempt = reader.Get<uint16_t>();
  out.scheme = reader.Get<int32_t>();
  reader.Expect(out.scheme >= 0, "scheme", out.scheme, "0 or more");
  uint8_t flags = reader.Get<uint8_t>();
  reader.Expect(flags <= kStepFlags, "flags", flags, "at most 3");
  out.shutdown = flags & 1;
  out.suspend = flags & 2;
  reader.Expect(!out.suspend || out.attempt > 0, "attempt", out.attempt, "1 or more of what suspends");
  reader.GetAll(out.rows);
  for (int32_t rows : out.rows)
    reader.Expect(rows >= 0, "rows", rows, "0 or more");
  for (std::vector<int32_t> *lost : {&out.lost_attention, &out.lost_experts}) {
    reader.GetAll(*lost);
    for (size_t i = 0; i < lost->size(); ++i)
      reader.Expect((*lost)[i] > (i ? (*lost)[i - 1] : -1), "lost", (*lost)[i], "ascending ids");
  }
  reader.GetAll(out.from_layer);
  reader.Expect(out.from_layer.empty() || out.from_layer.size() == out.rows.size(), "from_layer",
                static_cast<int64_t>(out.from_layer.size()), "none or one of each attention instance");
  for (int32_t layer : out.from_layer)
    reader.Expect(layer >= kNotBegun, "from_layer", layer, "-1 or more");
  constexpr size_t kSequenceBytes = 4 + 4 + 1 + 1 + 8 + 4 + 4 + 4 + 8 + 4 + 4;
  out.sequences.resize(reader.Count(kSequenceBytes));
  for (StepSequence &sequence : out.sequences)
    if (reader.ok())
      Read(reader, sequence);
  return reader.Finish();
}

absl::Status Decode(absl::Span<const char> bytes, StepResult &out) {
  Reader reader(bytes, "step result");
  uint32_t magic = reader.Get<uint32_t>();
  reader.Expect(magic == kResultMagic, "magic", magic, "a step result of version 2");
  out.step = reader.Get<uint64_t>();
  out.attempt = reader.Get<uint16_t>();
  uint8_t kind = reader.Get<uint8_t>();
  reader.Expect(kind <= 3, "kind", kind, "0 (done), 1 (position), 2 (lost) or 3 (hello)");
  out.kind = static_cast<StepResult::Kind>(kind <= 3 ? kind : 0);
  out.position = reader.Get<int32_t>();
  reader.Expect(out.position >= kNotBegun, "position", out.position, "-1 or more");
  uint8_t lost = reader.Get<uint8_t>();
  reader.Expect(lost <= 2, "lost", lost, "a kind of endpoint, 0 to 2");
  out.lost.kind = static_cast<EndpointKind>(lost <= 2 ? lost : 0);
  out.lost.id = reader.Get<int32_t>();
  reader.Expect(out.lost.id >= 0, "lost", out.lost.id, "0 or more");
  out.error_code = reader.Get<int32_t>();
  reader.Expect(out.error_code >= 0 && out.error_code <= 16, "error_code", out.error_code, "a status code, 0 to 16");
  reader.GetAll(out.error);
  out.sequences.resize(reader.Count(4 + 4 + 4));
  for (StepResult::Sequence &sequence : out.sequences) {
    sequence.slot = reader.Get<int32_t>();
    sequence.token = reader.Get<int32_t>();
    reader.GetAll(sequence.logits);
  }
  return reader.Finish();
}

absl::StatusOr<StepDescriptor> DecodeStepDescriptor(absl::Span<const char> bytes) {
  StepDescriptor descriptor;
  if (absl::Status status = Decode(bytes, descriptor); !status.ok())
    return status;
  return descriptor;
}

absl::StatusOr<StepResult> DecodeStepResult(absl::Span<const char> bytes) {
  StepResult result;
  if (absl::Status status = Decode(bytes, result); !status.ok())
    return status;
  return result;
}

} // namespace janus
