// What a request may ask for, and how it ends early: refusal, a full queue, cancellation, a deadline. The others go on.
#include "test/unit/engine/HandRuntime.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <functional>
#include <thread>

namespace janus::hand {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

RuntimeOptions Few(int64_t batch, int64_t queue = 100) {
  RuntimeOptions options;
  options.experts = 2;
  options.max_batch = batch;
  options.max_queue = queue;
  options.step_rows = 16;
  return options;
}

TEST(Request, WhatCannotBeIsRefused) {
  HandRuntime runtime(Few(2));
  struct Case {
    std::function<void(GenerateRequest &)> change;
    const char *message;
  };
  const Case cases[] = {
      {[](auto &r) { r.prompt.clear(); }, "empty prompt, expected at least one token"},
      {[](auto &r) { r.prompt = {1, 64}; }, "token id 64 at position 1, expected 0 to 63"},
      {[](auto &r) { r.prompt = {-1}; }, "token id -1 at position 0, expected 0 to 63"},
      {[](auto &r) { r.max_new_tokens = 0; }, "found 0 new tokens, expected at least 1"},
      {[](auto &r) { r.max_new_tokens = 96; }, "found 1 prompt tokens and 96 new ones, expected at most 96 positions"},
      {[](auto &r) { r.max_new_tokens = INT64_MAX; }, "expected at most 96 positions"},
      {[](auto &r) { r.prompt.resize(97); }, "found 97 prompt tokens"},
      {[](auto &r) { r.temperature = -1; }, "temperature -1"},
      {[](auto &r) { r.temperature = std::nanf(""); }, "temperature nan"},
      {[](auto &r) { r.top_k = -1; }, "top-k -1"},
      {[](auto &r) { r.top_p = 0; }, "top-p 0"},
      {[](auto &r) { r.top_p = 1.5f; }, "top-p 1.5"},
      {[](auto &r) { r.stop = {{1}, {}}; }, "empty stop sequence"},
      {[](auto &r) { r.queue = 0; }, "queue of 0 events"},
      {[](auto &r) { r.deadline_ms = -1; }, "deadline of -1 ms"},
      {[](auto &r) { r.deadline_ms = INT64_MAX; }, "deadline of 9223372036854775807 ms"},
      {[](auto &r) { r.score = true; }, "scoring"},
  };
  for (const Case &wrong : cases) {
    GenerateRequest request = Prompt({1}, 4);
    wrong.change(request);
    const absl::Status status = runtime->Submit(request).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong.message));
  }
  RequestResult result;
  EXPECT_EQ(runtime.Finish(runtime.Submit(Prompt({1}, 95)), result), Greedy({1}, 95));
}

TEST(Request, AFullQueueIsResourceExhausted) {
  HandRuntime runtime(Few(1, 2));
  runtime.Submit(Prompt({1}, 5));
  const RequestId second = runtime.Submit(Prompt({2}, 5));
  const absl::Status status = runtime->Submit(Prompt({3}, 5)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 requests are waiting already"));
  runtime.Step(); // admits the first
  runtime.Submit(Prompt({3}, 5));
  EXPECT_EQ(runtime->Submit(Prompt({4}, 5)).status().code(), absl::StatusCode::kResourceExhausted);
  RequestResult result;
  EXPECT_EQ(runtime.Finish(second, result), Greedy({2}, 5));
}

TEST(Request, Cancellation) {
  HandRuntime runtime(Few(2));
  const RequestId a = runtime.Submit(Prompt({1, 2}, 20)), b = runtime.Submit(Prompt({3, 4}, 20)),
                  waiting = runtime.Submit(Prompt({5, 6}, 20)), last = runtime.Submit(Prompt({7, 8}, 3));
  for (int i = 0; i < 4; ++i)
    runtime.Step();
  ASSERT_TRUE(runtime->Cancel(a).ok());
  ASSERT_TRUE(runtime->Cancel(waiting).ok());
  RequestResult result;
  EXPECT_FALSE(runtime->Finish(a, result)) << "there are events to read";
  EXPECT_THAT(runtime.Read(a), SizeIs(4));
  ASSERT_TRUE(runtime->Finish(a, result));
  EXPECT_EQ(result.reason, FinishReason::kCancelled);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(result.new_tokens, 4);
  ASSERT_TRUE(runtime->Finish(waiting, result));
  EXPECT_EQ(result.reason, FinishReason::kCancelled);
  EXPECT_EQ(runtime->Cancel(waiting).code(), absl::StatusCode::kNotFound);
  runtime.Step();
  EXPECT_THAT(runtime.Read(last), SizeIs(1)) << "the place of a is free";
  EXPECT_EQ(runtime.Finish(b, result), Greedy({3, 4}, 20));
  EXPECT_TRUE(runtime->Cancel(last).ok());
  EXPECT_TRUE(runtime->Cancel(last).ok()) << "ended already";
}

TEST(Request, Deadline) {
  HandRuntime runtime(Few(1));
  GenerateRequest late = Prompt({1, 2}, 90);
  late.deadline_ms = 30;
  const RequestId running = runtime.Submit(late), queued = runtime.Submit(late),
                  patient = runtime.Submit(Prompt({9}, 6));
  runtime.Step();
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  runtime.Step();
  EXPECT_THAT(runtime.Read(patient), SizeIs(1)) << "it took the place at once";
  const std::vector<int32_t> expected = Greedy({1, 2}, 1);
  EXPECT_EQ(runtime.Read(running), expected);
  RequestResult result;
  for (RequestId id : {running, queued}) {
    ASSERT_TRUE(runtime->Finish(id, result));
    EXPECT_EQ(result.reason, FinishReason::kError);
    EXPECT_EQ(result.status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(std::string(result.status.message()), HasSubstr("its deadline of 30 ms passed"));
  }
  EXPECT_THAT(runtime.Finish(patient, result), SizeIs(5));
  EXPECT_TRUE(result.status.ok());
}

TEST(Deployment, OptionsThatCannotBe) {
  HandRuntime runtime(Few(1));
  struct Case {
    std::function<void(RuntimeOptions &)> change;
    const char *message;
  };
  const Case cases[] = {
      {[](auto &o) { o.attention = 0; }, "--attention: found 0, expected 1"},
      {[](auto &o) { o.experts = 0; }, "--experts: found 0, expected 1"},
      {[](auto &o) { o.step_rows = 0; }, "--step-rows: found 0"},
      {[](auto &o) { o.max_batch = 0; }, "--max-batch: found 0"},
      {[](auto &o) { o.max_queue = 0; }, "max_queue: found 0, expected 1"},
      {[](auto &o) { o.max_context = 97; }, "--max-context: found 97, expected 0 to 96"},
      {[](auto &o) { o.slots = 2; }, "2 slots"},
      {[](auto &o) { o.placement = "odd"; }, "--placement: cannot read 'odd'"},
      {[](auto &o) { o.placement = "random:x"; }, "--placement: found 'random:x', expected a number"},
      {[](auto &o) { o.scheme = "case9"; }, "--scheme: found 'case9'"},
      {[](auto &o) { o.gate_side = "left"; }, "--gate-side: found 'left'"},
      {[](auto &o) { o.gate_side = "attention"; }, "no programs for the attention side"},
      {[](auto &o) { o.kernels = "gpu"; }, "gpu"},
      {[](auto &o) { o.transport = "pigeon"; }, "--transport: found 'pigeon'"},
      {[](auto &o) { o.nodes = "a0@0"; }, "--nodes"},
      {[](auto &o) { o.kv_memory = 100; }, "--kv-memory: 100 bytes over 1 attention instances hold no page"},
      {[](auto &o) { o.kv_memory = int64_t{1} << 49; }, "--kv-memory: found"},
  };
  for (const Case &wrong : cases) {
    RuntimeOptions options = Few(1);
    wrong.change(options);
    EXPECT_THAT(std::string(runtime.Create(options).status().message()), HasSubstr(wrong.message));
  }
}

} // namespace
} // namespace janus::hand
