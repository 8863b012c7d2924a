// A steady step of the whole engine allocates nothing: planning, messages, instances, sampling, events.
#include "test/unit/base/CountAllocations.h"
#include "test/unit/engine/HandRuntime.h"

#include "gtest/gtest.h"

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
    const int64_t before = CountAllocations();
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(*runtime->Step());
      for (RequestId id : ids)
        for (TokenEvent event; runtime->Next(id, event);)
          ++tokens;
    }
    return CountAllocations() - before;
  };
  EXPECT_GT(steps(20), 0) << "first steps allocate: the count works";
  tokens = 0;
  EXPECT_EQ(steps(40), 0);
  EXPECT_EQ(tokens, 4 * 40);
}

} // namespace
} // namespace janus::hand
