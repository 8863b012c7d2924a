// A steady step of the whole engine allocates nothing: planning, messages, instances, sampling, events.
#include "test/unit/engine/HandRuntime.h"

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

TEST(Steady, AStepOfTheEngineAllocatesNothing) {
  RuntimeOptions options;
  options.attention = 2;
  options.experts = 3;
  options.threads = 2;
  options.max_batch = 4;
  options.step_rows = 16;
  HandRuntime runtime(options);
  std::vector<RequestId> ids;
  for (int32_t i = 0; i < 4; ++i) {
    GenerateRequest request = Prompt({i, i + 1}, 80);
    request.temperature = i % 2 ? 0.8f : 0.0f; // greedy and sampled
    request.top_p = 0.9f;
    request.seed = i;
    request.stop = {{200, 201}}; // never
    ids.push_back(runtime.Submit(request));
  }
  int64_t tokens = 0;
  auto steps = [&](int count) {
    counting = true;
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(*runtime->Step());
      for (RequestId id : ids)
        for (TokenEvent event; runtime->Next(id, event);)
          ++tokens;
    }
    counting = false;
  };
  steps(20);
  EXPECT_GT(allocations.load(), 0) << "first steps allocate: the count works";
  allocations = 0;
  tokens = 0;
  steps(40);
  EXPECT_EQ(allocations.load(), 0);
  EXPECT_EQ(tokens, 4 * 40);
}

} // namespace
} // namespace janus::hand
