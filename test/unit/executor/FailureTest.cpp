// What goes wrong inside a step reaches the controller as an error that names
// it; the instances go on with the next step.
#include "test/unit/executor/Deployment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstring>

namespace janus::hand {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Text(const StepResult &result) { return {result.error.begin(), result.error.end()}; }

StepSequence Opening(std::vector<int32_t> tokens) {
  StepSequence sequence;
  sequence.tokens = std::move(tokens);
  sequence.opens = true;
  sequence.pages = {0, 1, 2};
  sequence.logits = StepSequence::Logits::kLast;
  sequence.sample = true;
  return sequence;
}

/// One step with one sequence on attention 0; the first result.
std::pair<Address, StepResult> OneStep(Deployment &deployment, const StepSequence &sequence) {
  StepDescriptor step;
  step.step = deployment.next_step++;
  step.scheme = deployment.options.scheme;
  std::vector<std::vector<StepSequence>> sequences(deployment.options.m);
  sequences[0].push_back(sequence);
  deployment.Begin(step, sequences);
  return deployment.Await(step.step, 1).at(0);
}

std::unique_ptr<Deployment> Make(const Options &options, std::function<bool(Address)> here = nullptr) {
  auto deployment = std::make_unique<Deployment>(options);
  absl::Status status = deployment->Create(here ? here : [](Address) { return true; });
  EXPECT_TRUE(status.ok()) << status;
  return deployment;
}

TEST(Failure, WrongDescriptorsAreNamedAndTheNextStepWorks) {
  Options options;
  options.m = 2, options.n = 2;
  std::unique_ptr<Deployment> deployment = Make(options);
  const auto error = [&](auto change) {
    StepSequence sequence = Opening({1, 2, 3});
    change(sequence);
    auto [from, result] = OneStep(*deployment, sequence);
    EXPECT_EQ(result.error_code, static_cast<int>(absl::StatusCode::kInvalidArgument));
    return Text(result);
  };
  EXPECT_THAT(error([](StepSequence &s) { s.tokens[1] = kVocab; }),
              AllOf(HasSubstr("attention 0"), HasSubstr("id 64")));
  EXPECT_THAT(error([](StepSequence &s) { s.slot = 4; }), HasSubstr("slot below 4"));
  EXPECT_THAT(error([](StepSequence &s) { s.pages[2] = 12; }), HasSubstr("found page 12"));
  EXPECT_THAT(error([](StepSequence &s) { s.pages.assign(4, 0); }), HasSubstr("found 4 pages"));
  EXPECT_THAT(error([](StepSequence &s) { s.begin = 1; }), HasSubstr("found positions 1 to 3"));
  EXPECT_THAT(error([](StepSequence &s) { s.opens = false; }), HasSubstr("found pages"));
  EXPECT_THAT(error([](StepSequence &s) { s.pages.clear(); }), HasSubstr("end before 0"));
  EXPECT_THAT(error([](StepSequence &s) { s.tokens.assign(65, 1); }), HasSubstr("at most 64"));
  EXPECT_EQ(OneStep(*deployment, Opening({1, 2, 3})).second.error_code, 0);
}

/// A copy of the model's code with another body of one fragment.
struct Patched {
  Patched(const char *name, abi::FragmentRun run)
      : fragments(Code().fragments, Code().fragments + Code().fragment_count) {
    for (abi::Fragment &fragment : fragments)
      if (std::strcmp(fragment.name, name) == 0)
        fragment.run = run;
    program = Code();
    program.fragments = fragments.data();
  }
  std::vector<abi::Fragment> fragments;
  abi::Program program;
};

TEST(Failure, AFragmentThatFails) {
  for (const char *name : {"shared", "experts"}) {
    static bool fails;
    fails = true;
    static abi::FragmentRun original;
    for (uint32_t i = 0; i < Code().fragment_count; ++i)
      if (std::strcmp(Code().fragments[i].name, name) == 0)
        original = Code().fragments[i].run;
    Patched patched(name, [](const abi::Call *call) {
      if (fails)
        call->host->fail(call->context, 8, "no more of it");
      else
        original(call);
    });
    Options options;
    options.m = 2, options.n = 3, options.nodes = 2, options.scheme = 1;
    Deployment deployment(options);
    deployment.code = &patched.program;
    ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
    auto [from, result] = OneStep(deployment, Opening({1, 2, 3}));
    EXPECT_EQ(result.error_code, static_cast<int>(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(Text(result), AllOf(HasSubstr("no more of it"), HasSubstr(name), HasSubstr("layer 0")));
    fails = false;
    EXPECT_EQ(OneStep(deployment, Opening({1, 2, 3})).second.error_code, 0);
  }
}

TEST(Failure, ASamplerOutOfRange) {
  Deployment deployment(Options{});
  deployment.sampler = [](const float *, int64_t vocab, const SamplingParams &, int64_t) {
    return static_cast<int32_t>(vocab);
  };
  ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
  EXPECT_THAT(Text(OneStep(deployment, Opening({1})).second), HasSubstr("the sampler gave token 64"));
}

TEST(Failure, DeadlineSaysWhoWasAwaitedForWhat) {
  Options options;
  options.n = 2;
  options.deadline_ms = 20;
  std::unique_ptr<Deployment> deployment =
      Make(options, [](Address a) { return !(a.kind == EndpointKind::kExpert && a.id == 1); });
  auto [from, result] = OneStep(*deployment, Opening({1, 2}));
  EXPECT_EQ(result.error_code, static_cast<int>(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(Text(result), AllOf(HasSubstr("attention 0 awaits"), HasSubstr("layer 0"), HasSubstr("expert 1"),
                                  HasSubstr("ms without progress")));
}

TEST(Failure, ALaterStepSupersedes) {
  Options options;
  options.n = 2;
  std::unique_ptr<Deployment> deployment =
      Make(options, [](Address a) { return !(a.kind == EndpointKind::kExpert && a.id == 1); });
  StepDescriptor step;
  step.step = 1;
  deployment->Begin(step, {{Opening({1, 2})}});
  for (int i = 0; i < 20; ++i)
    deployment->Pump();
  EXPECT_FALSE(deployment->executor.instances()[0]->idle());
  ASSERT_TRUE(deployment->Create([](Address a) { return a.kind == EndpointKind::kExpert && a.id == 1; }).ok());
  deployment->next_step = 2;
  EXPECT_EQ(OneStep(*deployment, Opening({1, 2})).second.error_code, 0);
  EXPECT_EQ(deployment->executor.instances()[0]->stats().abandoned_steps, 1);
}

/// Plays expert 0 by hand: answers the first layer with `payload`.
StepResult Answer(GateSide side, const std::vector<char> &payload) {
  Options options;
  options.side = side;
  options.deadline_ms = 200;
  std::unique_ptr<Deployment> deployment = Make(options, [](Address a) { return a.kind == EndpointKind::kAttention; });
  std::unique_ptr<Endpoint> expert = *deployment->transport->Open({EndpointKind::kExpert, 0});
  SendBuffer buffer = *expert->Acquire({EndpointKind::kAttention, 0}, payload.size());
  std::copy(payload.begin(), payload.end(), buffer.bytes.begin());
  MessageName name;
  name.step = 1;
  name.phase = Phase::kReturn;
  expert->Post(buffer, name);
  return OneStep(*deployment, Opening({1})).second;
}

TEST(Failure, ResultsThatAreNotOurs) {
  std::vector<char> pair(8 + 4 * kHidden), payload;
  auto add = [&](int32_t row, int32_t rank) {
    std::memcpy(pair.data(), &row, 4);
    std::memcpy(pair.data() + 4, &rank, 4);
    payload.insert(payload.end(), pair.begin(), pair.end());
    return Answer(GateSide::kExpert, payload);
  };
  StepResult result = Answer(GateSide::kExpert, std::vector<char>(7));
  EXPECT_EQ(result.error_code, static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Text(result), HasSubstr("found 7 bytes"));
  EXPECT_THAT(Text(Answer(GateSide::kAttention, {})), HasSubstr("found 0 of the pairs"));
  EXPECT_THAT(Text(add(1, 0)), HasSubstr("found step row 1"));
  payload.clear();
  EXPECT_THAT(Text(add(0, 2)), HasSubstr("rank 2"));
  payload.clear();
  EXPECT_THAT(Text(add(-1, 0)), HasSubstr("step row -1"));
  payload.clear();
  add(0, 0);
  EXPECT_THAT(Text(add(0, 0)), HasSubstr("came twice"));
}

TEST(Failure, ForeignNamesAreDroppedAndCounted) {
  Options options;
  options.m = 2;
  std::unique_ptr<Deployment> deployment = Make(options, [](Address a) { return a.id == 0; });
  std::unique_ptr<Endpoint> other = *deployment->transport->Open({EndpointKind::kAttention, 1});
  EXPECT_EQ(OneStep(*deployment, Opening({1})).second.error_code, 0);
  auto post = [&](MessageName name) {
    SendBuffer buffer = *other->Acquire({EndpointKind::kAttention, 0}, 4);
    other->Post(buffer, name);
    deployment->Pump();
  };
  MessageName name;
  name.phase = Phase::kGather;
  name.step = 1;
  post(name); // of a step that ended
  name.phase = Phase::kResult;
  post(name); // never for an instance
  name.phase = Phase::kStep;
  name.step = 2;
  post(name); // not from the controller
  name.phase = Phase::kScatter;
  post(name); // kept for step 2, in which nobody asks for it
  post(name); // twice
  name.attempt = 1;
  post(name); // kept for an attempt of step 2 that does not come
  deployment->next_step = 2;
  EXPECT_EQ(OneStep(*deployment, Opening({1})).second.error_code, 0);
  const InstanceStats &stats = deployment->executor.instances()[0]->stats();
  EXPECT_EQ(stats.dropped_old, 1);
  EXPECT_EQ(stats.dropped_duplicate, 1);
  EXPECT_EQ(stats.dropped_unexpected, 3);
  EXPECT_EQ(OneStep(*deployment, Opening({1})).second.error_code, 0);
  EXPECT_EQ(stats.dropped_unexpected, 4);
  EXPECT_EQ(stats.steps, 3);
}

} // namespace
} // namespace janus::hand
