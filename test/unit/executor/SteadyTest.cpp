// A steady step allocates nothing and wakes no thread.
#include "test/unit/executor/Deployment.h"

#include "gtest/gtest.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};

void *Allocate(size_t size) {
  if (counting.load(std::memory_order_relaxed))
    allocations.fetch_add(1, std::memory_order_relaxed);
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}

} // namespace

void *operator new(size_t size) { return Allocate(size); }
void *operator new[](size_t size) { return Allocate(size); }
// A sanitizer's own would be freed by the operators below.
void *operator new(size_t size, const std::nothrow_t &) noexcept { return Allocate(size); }
void *operator new[](size_t size, const std::nothrow_t &) noexcept { return Allocate(size); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, size_t) noexcept { std::free(memory); }

namespace janus::hand {
namespace {

void Decode(Deployment &deployment, int steps, int32_t &position) {
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
    counting = true;
    while (deployment.executor.Poll())
      continue;
    counting = false;
    for (const auto &[from, result] : deployment.Await(step.step, std::min(3, deployment.options.m)))
      EXPECT_EQ(result.error_code, 0);
  }
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
      Decode(deployment, 20, position);
      EXPECT_GT(allocations.load(), 0) << "first messages are allocated: the count works";
      allocations = 0;
      Decode(deployment, 40, position);
      EXPECT_EQ(allocations.load(), 0) << options.str();
    }
}

TEST(Steady, MemoryIsWhatWasPlanned) {
  for (GateSide side : {GateSide::kExpert, GateSide::kAttention}) {
    Options options;
    options.m = 2, options.n = 3, options.side = side;
    Deployment deployment(options);
    ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
    for (int i = 0; i < 5; ++i) {
      const Address address = i < 2 ? Address{EndpointKind::kAttention, i} : Address{EndpointKind::kExpert, i - 2};
      absl::StatusOr<InstanceMemory> planned = PlanMemory(deployment.Config(address));
      ASSERT_TRUE(planned.ok()) << planned.status();
      const InstanceMemory measured = deployment.executor.instances()[i]->memory();
      EXPECT_EQ(planned->buffers, measured.buffers);
      EXPECT_EQ(planned->kv, measured.kv);
      EXPECT_GT(i < 2 ? measured.weights : measured.slots, 0);
      EXPECT_EQ(i < 2 ? measured.slots : measured.kv, 0);
    }
  }
}

} // namespace
} // namespace janus::hand
