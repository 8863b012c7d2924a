#include "runtime/executor/Step.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace janus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StepDescriptor Example() {
  StepDescriptor step;
  step.epoch = 3;
  step.step = uint64_t{1} << 40;
  step.attempt = 2;
  step.scheme = 2;
  step.rows = {3, 0, 1};
  step.lost_attention = {1};
  step.lost_experts = {0, 4};
  step.from_layer = {2, kFinished, kNotBegun};
  StepSequence sequence;
  sequence.slot = 5;
  sequence.begin = 70;
  sequence.tokens = {9, 8, 7};
  sequence.opens = true;
  sequence.pages = {4, 2};
  sequence.logits = StepSequence::Logits::kAll;
  sequence.sample = sequence.return_logits = true;
  sequence.token_index = 11;
  sequence.sampling = {0.5f, 40, 0.9f, 1234567890123u};
  step.sequences.push_back(sequence);
  return step;
}

TEST(StepDescriptor, RoundTrips) {
  absl::StatusOr<StepDescriptor> step = DecodeStepDescriptor(Encode(Example()));
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->epoch, 3u);
  EXPECT_EQ(step->step, uint64_t{1} << 40);
  EXPECT_EQ(step->attempt, 2);
  EXPECT_EQ(step->scheme, 2);
  EXPECT_FALSE(step->suspend);
  EXPECT_THAT(step->lost_attention, ElementsAre(1));
  EXPECT_THAT(step->lost_experts, ElementsAre(0, 4));
  EXPECT_THAT(step->from_layer, ElementsAre(2, kFinished, kNotBegun));
  EXPECT_FALSE(step->shutdown);
  EXPECT_THAT(step->rows, ElementsAre(3, 0, 1));
  ASSERT_EQ(step->sequences.size(), 1u);
  const StepSequence &sequence = step->sequences[0];
  EXPECT_EQ(sequence.slot, 5);
  EXPECT_EQ(sequence.begin, 70);
  EXPECT_THAT(sequence.tokens, ElementsAre(9, 8, 7));
  EXPECT_THAT(sequence.pages, ElementsAre(4, 2));
  EXPECT_TRUE(sequence.opens && sequence.sample && sequence.return_logits);
  EXPECT_EQ(sequence.logits, StepSequence::Logits::kAll);
  EXPECT_EQ(sequence.token_index, 11);
  EXPECT_EQ(sequence.sampling.temperature, 0.5f);
  EXPECT_EQ(sequence.sampling.top_k, 40);
  EXPECT_EQ(sequence.sampling.top_p, 0.9f);
  EXPECT_EQ(sequence.sampling.seed, 1234567890123u);
}

TEST(StepResult, RoundTrips) {
  StepResult result;
  result.step = 9;
  result.attempt = 3;
  result.kind = StepResult::Kind::kLost;
  result.position = 17;
  result.lost = {EndpointKind::kExpert, 6};
  result.error_code = 4;
  result.error = {'l', 'a', 't', 'e'};
  result.sequences = {{1, 2, {0.5f, -1.0f}}, {3, -1, {}}};
  absl::StatusOr<StepResult> decoded = DecodeStepResult(Encode(result));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->step, 9u);
  EXPECT_EQ(decoded->attempt, 3);
  EXPECT_EQ(decoded->kind, StepResult::Kind::kLost);
  EXPECT_EQ(decoded->position, 17);
  EXPECT_EQ(decoded->lost, result.lost);
  EXPECT_EQ(decoded->error_code, 4);
  EXPECT_THAT(decoded->error, ElementsAre('l', 'a', 't', 'e'));
  ASSERT_EQ(decoded->sequences.size(), 2u);
  EXPECT_EQ(decoded->sequences[0].token, 2);
  EXPECT_THAT(decoded->sequences[0].logits, ElementsAre(0.5f, -1.0f));
  EXPECT_EQ(decoded->sequences[1].slot, 3);
}

/// Every shorter message is an error, never a crash.
TEST(StepDescriptor, Truncated) {
  std::vector<char> bytes = Encode(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(DecodeStepDescriptor(part).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
  bytes.push_back(0);
  EXPECT_THAT(std::string(DecodeStepDescriptor(bytes).status().message()), HasSubstr("step descriptor.size"));
}

TEST(StepResult, Truncated) {
  StepResult result;
  result.sequences = {{1, 2, {0.5f}}};
  std::vector<char> bytes = Encode(result);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(DecodeStepResult({bytes.data(), size}).ok()) << size;
}

/// Any byte set to any of a few values decodes or is refused.
TEST(StepDescriptor, AnyByteChanged) {
  const std::vector<char> bytes = Encode(Example());
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::vector<char> changed = bytes;
      changed[i] = static_cast<char>(value);
      if (absl::StatusOr<StepDescriptor> step = DecodeStepDescriptor(changed); step.ok()) {
        EXPECT_EQ(Encode(*step).size(), bytes.size());
      }
    }
}

TEST(StepDescriptor, WrongFields) {
  auto error = [](auto change) {
    StepDescriptor step = Example();
    change(step);
    return std::string(DecodeStepDescriptor(Encode(step)).status().message());
  };
  EXPECT_THAT(error([](StepDescriptor &s) { s.scheme = -1; }), HasSubstr("scheme: found -1"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.rows[1] = -5; }), HasSubstr("rows: found -5"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.sequences[0].slot = -2; }), HasSubstr("slot: found -2"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.sequences[0].begin = -3; }), HasSubstr("begin: found -3"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.sequences[0].tokens.clear(); }), HasSubstr("tokens: found 0"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.sequences[0].logits = StepSequence::Logits::kNone; }),
              HasSubstr("sample"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.suspend = true, s.attempt = 0; }), HasSubstr("attempt: found 0"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.lost_experts = {2, 2}; }),
              HasSubstr("lost: found 2, expected ascending"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.lost_attention = {-1}; }), HasSubstr("lost: found -1"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.from_layer.pop_back(); }), HasSubstr("from_layer: found 2"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.from_layer[0] = -2; }), HasSubstr("from_layer: found -2"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.sequences[0].sampling.temperature = -1; }), HasSubstr("temperature"));
  EXPECT_THAT(error([](StepDescriptor &s) { s.sequences[0].sampling.top_p = 2; }), HasSubstr("top_p"));
}

} // namespace
} // namespace janus
