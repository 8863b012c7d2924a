// Calls for each sequence of a step. A function that adds to each row a quarter of the sum of the rows before it is
// given that sum as a state or, by another program, all rows as a history; both give the same bytes, as they add in the
// same order, whatever becomes of the steps.
#include "test/unit/base/CountAllocations.h"
#include "test/unit/executor/Deployment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstring>
#include <random>

namespace janus::hand {
namespace {

using abi::Call;

enum class Memory { kStates, kHistories };

void AddSums(int64_t rows, const float *x, float *sums, float *y) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < kHidden; ++i) {
      y[row * kHidden + i] = x[row * kHidden + i] + 0.25f * sums[i];
      sums[i] += x[row * kHidden + i];
    }
}

/// x, past -> y, present.
void WithState(const Call *call) {
  float *present = static_cast<float *>(call->operands[3]);
  std::memcpy(present, call->operands[1], kHidden * sizeof(float));
  AddSums(call->symbols[0], static_cast<const float *>(call->operands[0]), present,
          static_cast<float *>(call->operands[2]));
}

/// x -> y; the workspace holds the sums.
void WithHistory(const Call *call) {
  float *sums = static_cast<float *>(call->workspace);
  std::fill(sums, sums + kHidden, 0.0f);
  AddSums(call->symbols[0], static_cast<const float *>(call->operands[0]), sums,
          static_cast<float *>(call->operands[1]));
}

int64_t SumsBytes(const int64_t *) { return kHidden * sizeof(float); }

/// The model's code and both functions.
const abi::Program &CodeWithSums() {
  static const std::vector<abi::Fragment> fragments = [] {
    std::vector<abi::Fragment> all(Code().fragments, Code().fragments + Code().fragment_count);
    all.push_back({"with_state", WithState, SumsBytes, 4, 0});
    all.push_back({"with_history", WithHistory, SumsBytes, 2, 0});
    return all;
  }();
  static const abi::Program program = [] {
    abi::Program code = Code();
    code.fragment_count = static_cast<uint32_t>(fragments.size());
    code.fragments = fragments.data();
    return code;
  }();
  return program;
}

/// Puts the function between what instruction `at` writes last and that value.
void Insert(Deployment &deployment, size_t at, Memory memory, int64_t number) {
  RoleProgram &program = deployment.attention;
  const int64_t value = static_cast<int64_t>(program.values.size()), output = program.steps[at].operands.back();
  program.values.push_back({"rows", ElementType::kF32, abi::kRows, 0, kHidden});
  program.steps[at].operands.back() = value;
  Instruction step;
  step.op = Instruction::Op::kSequences;
  step.layer = program.steps[at].layer;
  step.fragment = static_cast<int64_t>(program.fragments.size());
  step.operands = {value, output};
  step.outputs = 1;
  if (memory == Memory::kStates) {
    program.fragments.push_back({"with_state", 4, 0});
    step.state = number, step.states = 1;
    deployment.model.states.push_back({kHidden});
  } else {
    program.fragments.push_back({"with_history", 2, 0});
    step.history = number;
    deployment.model.histories.push_back({ElementType::kF32, kHidden});
  }
  program.steps.insert(program.steps.begin() + static_cast<std::ptrdiff_t>(at) + 1, step);
}

/// After the embedding, and in each layer beside the experts, where a call may be done again.
void Equip(Deployment &deployment, Memory memory) {
  deployment.code = &CodeWithSums();
  int64_t number = 0;
  const std::vector<FragmentDesc> &fragments = deployment.attention.fragments;
  for (size_t at = 0; at < deployment.attention.steps.size(); ++at) {
    const Instruction &step = deployment.attention.steps[at];
    const std::string name = step.op == Instruction::Op::kCall ? fragments[step.fragment].name : "";
    if (name == "embed" || name == "shared")
      Insert(deployment, at++, memory, number++);
  }
}

std::vector<Outcome> PlayAll(Deployment &deployment) {
  const absl::Status created = deployment.Create([](Address) { return true; });
  EXPECT_TRUE(created.ok()) << created;
  absl::StatusOr<std::vector<Outcome>> outcomes = deployment.Play(TestSequences());
  EXPECT_TRUE(outcomes.ok()) << outcomes.status() << " " << deployment.options.str();
  return outcomes.ok() ? *std::move(outcomes) : std::vector<Outcome>();
}

const std::vector<Outcome> &Expected() {
  static const std::vector<Outcome> expected = [] {
    Deployment deployment((Options()));
    Equip(deployment, Memory::kStates);
    return PlayAll(deployment);
  }();
  return expected;
}

class Sequences : public testing::TestWithParam<Memory> {};
INSTANTIATE_TEST_SUITE_P(, Sequences, testing::Values(Memory::kStates, Memory::kHistories),
                         [](const auto &info) { return info.param == Memory::kStates ? "States" : "Histories"; });

TEST(SequencesAlone, ChangeTheModel) {
  Deployment deployment((Options()));
  EXPECT_FALSE(Same(PlayAll(deployment), Expected()));
}

/// Several sequences in a step, chunks of every size, slots that are used again.
TEST_P(Sequences, SameBytesInAnyCompany) {
  for (int chunk : {64, 7, 1})
    for (int m : {1, 3}) {
      if (m == 1 && chunk == 1)
        continue; // a slot would be wanted twice
      Options options;
      options.m = m, options.n = 2, options.chunk = chunk;
      Deployment deployment(options);
      Equip(deployment, GetParam());
      EXPECT_TRUE(Same(PlayAll(deployment), Expected())) << options.str();
    }
}

/// Stopped anywhere and begun again, once or several times.
TEST_P(Sequences, AttemptsChangeNothing) {
  for (uint64_t seed = 0; seed < 6; ++seed)
    for (GateSide side : {GateSide::kExpert, GateSide::kAttention}) {
      Options options;
      options.m = 3, options.n = 3, options.nodes = 2, options.side = side, options.seed = seed;
      options.mail = Options::Mail::kStrict;
      Deployment deployment(options);
      Equip(deployment, GetParam());
      std::mt19937_64 random(seed);
      deployment.begun = [&](const StepDescriptor &step, const std::vector<std::vector<StepSequence>> &sequences) {
        for (uint64_t stops = random() % 4, attempt = 1; attempt <= stops; ++attempt) {
          for (uint64_t polls = random() % 80; polls > 0; --polls)
            deployment.Pump();
          ASSERT_TRUE(deployment.Retry(step, sequences, static_cast<uint16_t>(attempt), {}));
        }
      };
      EXPECT_TRUE(Same(PlayAll(deployment), Expected())) << options.str();
    }
}

/// A step of which nothing is used, finished by some instances and not by others, and the same rows in the next one.
TEST_P(Sequences, StepsThatWereGivenUpChangeNothing) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Options options;
    options.m = 2, options.n = 2, options.seed = seed, options.chunk = seed % 2 ? 7 : 64;
    options.mail = seed % 3 ? Options::Mail::kStrict : Options::Mail::kInproc;
    Deployment deployment(options);
    Equip(deployment, GetParam());
    std::mt19937_64 random(seed);
    deployment.begun = [&](const StepDescriptor &step, const std::vector<std::vector<StepSequence>> &sequences) {
      StepDescriptor again = step;
      for (uint64_t times = random() % 3; times > 0; --times) {
        for (uint64_t polls = random() % (random() % 2 ? 40 : 400); polls > 0; --polls)
          deployment.Pump();
        again.step = ++deployment.next_step;
        deployment.Begin(again, sequences);
      }
    };
    EXPECT_TRUE(Same(PlayAll(deployment), Expected())) << options.str();
  }
}

/// Rows from a position behind which no copy of the states stands.
TEST(SequencesAlone, StatesThatAreGone) {
  Deployment deployment((Options()));
  Equip(deployment, Memory::kStates);
  ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
  StepSequence sequence;
  sequence.tokens = {1, 2, 3, 4, 5};
  sequence.opens = true;
  sequence.pages = {0, 1, 2};
  StepDescriptor step;
  auto play = [&](int32_t begin) {
    step.step = deployment.next_step++;
    sequence.begin = begin;
    deployment.Begin(step, {{sequence}});
    sequence.opens = false;
    sequence.pages.clear();
    const auto results = deployment.Await(step.step, 1);
    return results.empty() ? "no result" : std::string(results[0].second.error.begin(), results[0].second.error.end());
  };
  EXPECT_EQ(play(0), "");
  EXPECT_EQ(play(5), "");
  EXPECT_EQ(play(5), "") << "the step before was given up";
  EXPECT_THAT(play(3), testing::HasSubstr("found rows from position 3, expected to continue where its states stand, "
                                          "behind"));
}

/// Programs of damaged artifacts.
TEST(SequencesAlone, RefusedPrograms) {
  auto refusal = [](Memory memory, auto damage) {
    Deployment deployment((Options()));
    Equip(deployment, memory);
    damage(deployment);
    return std::string(deployment.Create([](Address) { return true; }).message());
  };
  EXPECT_THAT(refusal(Memory::kStates, [](Deployment &d) { d.model.states.pop_back(); }),
              testing::HasSubstr("found states 2 to 2, expected some of 2"));
  EXPECT_THAT(refusal(Memory::kStates, [](Deployment &d) { d.model.states[0].elements = int64_t{1} << 31; }),
              testing::HasSubstr("expected at most 2147483648"));
  EXPECT_THAT(refusal(Memory::kHistories, [](Deployment &d) { d.model.histories.pop_back(); }),
              testing::HasSubstr("found histories 2 to 2, expected some of 2"));
  EXPECT_THAT(refusal(Memory::kHistories, [](Deployment &d) { d.model.histories[1].columns = 7; }),
              testing::HasSubstr("found 48 columns, expected 7 as history 1"));
  EXPECT_THAT(refusal(Memory::kHistories, [](Deployment &d) { d.model.context = int64_t{1} << 21; }),
              testing::HasSubstr("set --max-context"));
  EXPECT_THAT(refusal(Memory::kStates, [](Deployment &d) { d.attention.values.back().symbol = abi::kWanted; }),
              testing::HasSubstr("expected rows of the instance"));
}

TEST_P(Sequences, SteadyStepsAllocateNothing) {
  Deployment deployment((Options()));
  Equip(deployment, GetParam());
  ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
  int64_t allocations = 0;
  for (int32_t position = 0; position < 90; ++position) {
    StepDescriptor step;
    step.step = deployment.next_step++;
    std::vector<std::vector<StepSequence>> sequences(1);
    for (int32_t slot = 0; slot < 3; ++slot) {
      StepSequence &sequence = sequences[0].emplace_back();
      sequence.slot = slot;
      sequence.begin = position;
      sequence.tokens = {(position * 5 + slot) % static_cast<int32_t>(kVocab)};
      sequence.opens = position == 0;
      if (sequence.opens)
        sequence.pages = {slot * 3, slot * 3 + 1, slot * 3 + 2};
    }
    deployment.Begin(step, sequences);
    const int64_t before = CountAllocations();
    while (deployment.executor.Poll())
      continue;
    allocations += position < 20 ? 0 : CountAllocations() - before;
    EXPECT_EQ(deployment.Await(step.step, 1).size(), 1u);
  }
  EXPECT_EQ(allocations, 0);
}

/// What is planned is what is taken, states and buffers for histories included.
TEST_P(Sequences, MemoryAsPlanned) {
  Deployment deployment((Options()));
  Equip(deployment, GetParam());
  ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
  absl::StatusOr<InstanceMemory> plan = PlanMemory(deployment.Config({EndpointKind::kAttention, 0}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const InstanceMemory memory = deployment.executor.instances()[0]->memory();
  EXPECT_EQ(plan->buffers, memory.buffers);
  EXPECT_EQ(plan->kv, memory.kv);
}

} // namespace
} // namespace janus::hand
