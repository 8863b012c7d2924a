// A steady step allocates nothing and wakes no thread.
#include "test/unit/base/CountAllocations.h"
#include "test/unit/executor/Deployment.h"

#include "gtest/gtest.h"

namespace janus::hand {
namespace {

/// Allocations of the instances in `steps` steps.
int64_t Decode(Deployment &deployment, int steps, int32_t &position) {
  int64_t allocations = 0;
  for (int i = 0; i < steps; ++i, ++position) {
    StepDescriptor step;
    step.step = deployment.next_step++;
    step.scheme = deployment.options.scheme;
    std::vector<std::vector<StepSequence>> sequences(deployment.options.m);
    for (int s = 0; s < 3; ++s) {
      StepSequence sequence;
      sequence.slot = s / deployment.options.m;
      sequence.begin = position;
      sequence.tokens = {(position * 5 + s) % static_cast<int32_t>(kVocab)};
      sequence.opens = position == 0;
      if (sequence.opens)
        sequence.pages = {sequence.slot * 3, sequence.slot * 3 + 1, sequence.slot * 3 + 2};
      sequence.logits = StepSequence::Logits::kLast;
      sequence.sample = true;
      sequences[s % deployment.options.m].push_back(sequence);
    }
    deployment.Begin(step, sequences);
    const int64_t before = CountAllocations();
    while (deployment.executor.Poll())
      continue;
    allocations += CountAllocations() - before;
    for (const auto &[from, result] : deployment.Await(step.step, std::min(3, deployment.options.m)))
      EXPECT_EQ(result.error_code, 0);
  }
  return allocations;
}

TEST(Steady, NoAllocation) {
  for (GateSide side : {GateSide::kExpert, GateSide::kAttention})
    for (int scheme : {0, 1, 2}) {
      Options options;
      options.m = 2, options.n = 3, options.nodes = 2, options.scheme = scheme, options.side = side,
      options.threads = 2;
      Deployment deployment(options);
      ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
      int32_t position = 0;
      EXPECT_GT(Decode(deployment, 20, position), 0) << "first messages are allocated: the count works";
      EXPECT_EQ(Decode(deployment, 40, position), 0) << options.str();
    }
}

TEST(Steady, MemoryIsWhatWasPlanned) {
  for (const auto &[side, own] :
       {std::pair(GateSide::kExpert, false), {GateSide::kAttention, false}, {GateSide::kExpert, true}}) {
    Options options;
    options.m = 2, options.n = 3, options.side = side, options.own = own;
    Deployment deployment(options);
    ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
    for (int i = 0; i < 5; ++i) {
      const Address address = i < 2 ? Address{EndpointKind::kAttention, i} : Address{EndpointKind::kExpert, i - 2};
      absl::StatusOr<InstanceMemory> planned = PlanMemory(deployment.Config(address));
      ASSERT_TRUE(planned.ok()) << planned.status();
      const InstanceMemory measured = deployment.executor.instances()[i]->memory();
      EXPECT_EQ(planned->buffers, measured.buffers);
      EXPECT_EQ(planned->kv, measured.kv);
      EXPECT_EQ(planned->weights, measured.weights);
      EXPECT_EQ(planned->slots, measured.slots);
      EXPECT_GT(i < 2 ? measured.weights : measured.slots, 0);
      EXPECT_EQ(i < 2 ? measured.slots : measured.kv, 0);
    }
  }
}

} // namespace
} // namespace janus::hand
