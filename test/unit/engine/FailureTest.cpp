// Instances fail at every phase of a step, dead or silent, one after the other, and come back; every request gives the
// bytes that it gives without failures. What has no capacity stalls and ends.
#include "test/unit/engine/HandRuntime.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstring>
#include <thread>

namespace janus::hand {
namespace {

using testing::HasSubstr;

struct Answer {
  std::vector<int32_t> tokens;
  std::vector<float> logits;
  absl::Status status;
  bool operator==(const Answer &other) const {
    return tokens == other.tokens && status == other.status && logits.size() == other.logits.size() &&
           std::memcmp(logits.data(), other.logits.data(), logits.size() * sizeof(float)) == 0;
  }
};

std::vector<GenerateRequest> Requests() {
  std::vector<GenerateRequest> requests = {Prompt({5, 9, 1}, 6), Prompt({40}, 7),
                                           Prompt({3, 3, 3, 8, 60, 2, 11, 30, 31, 7}, 4), Prompt({22, 23}, 5),
                                           Prompt({17, 18, 19}, 5)};
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].logits = true;
    requests[i].temperature = i % 2 ? 0.8f : 0.0f;
    requests[i].seed = i;
  }
  requests[2].score = requests[2].score_logits = true;
  requests[2].max_new_tokens = 0;
  requests[2].logits = false;
  return requests;
}

/// Steps to the end of all requests.
std::vector<Answer> Play(HandRuntime &runtime, const std::vector<GenerateRequest> &requests) {
  std::vector<RequestId> ids;
  for (const GenerateRequest &request : requests)
    ids.push_back(runtime.Submit(request));
  std::vector<Answer> answers(ids.size());
  size_t ended = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (ended < ids.size() && std::chrono::steady_clock::now() < end) {
    if (!runtime.Step())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (size_t i = 0; i < ids.size(); ++i) {
      for (TokenEvent event; runtime->Next(ids[i], event);) {
        answers[i].tokens.push_back(event.token);
        answers[i].logits.insert(answers[i].logits.end(), event.logits.begin(), event.logits.end());
      }
      RequestResult result;
      if (!runtime->Finish(ids[i], result))
        continue;
      ++ended;
      answers[i].status = result.status;
      answers[i].logits.insert(answers[i].logits.end(), result.logits.begin(), result.logits.end());
      if (requests[i].score)
        answers[i].logits.push_back(static_cast<float>(result.nll));
    }
  }
  EXPECT_EQ(ended, ids.size()) << "requests that did not end; stalled: " << runtime->stall().reason;
  return answers;
}

/// Three attention and four expert instances on three nodes, every expert on two.
RuntimeOptions Wide() {
  RuntimeOptions options;
  options.attention = 3;
  options.experts = 4;
  options.nodes = "a0,a1,e0@0;a2,e1,e2@1;e3@2";
  options.slots = 3;
  options.max_batch = 4;
  options.step_rows = 16;
  options.chunk = 4;
  options.scoring = true;
  options.failure_deadline_ms = 5;
  return options;
}

class Failure : public testing::TestWithParam<GateSide> {
protected:
  /// Plays with the options and compares with a run without failures.
  void Expect(const RuntimeOptions &options, const std::string &what) {
    static std::map<GateSide, std::vector<Answer>> expected;
    if (!expected.contains(GetParam())) {
      RuntimeOptions plain = Wide();
      plain.attention = plain.experts = 1;
      plain.nodes.clear();
      plain.slots = 0;
      HandRuntime runtime(plain, GetParam());
      expected[GetParam()] = Play(runtime, Requests());
    }
    HandRuntime runtime(options, GetParam());
    const std::vector<Answer> found = Play(runtime, Requests());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_TRUE(found[i] == expected[GetParam()][i])
          << what << ", request " << i << ": " << found[i].status << ", tokens "
          << testing::PrintToString(found[i].tokens) << ", expected "
          << testing::PrintToString(expected[GetParam()][i].tokens);
    report = runtime->report();
  }
  RunReport report;
};
INSTANTIATE_TEST_SUITE_P(, Failure, testing::Values(GateSide::kExpert, GateSide::kAttention),
                         [](const auto &info) { return info.param == GateSide::kExpert ? "egate" : "agate"; });

/// The phases in which instances of a kind have messages.
std::vector<std::string> Phases(bool attention, int scheme, GateSide side) {
  std::vector<std::string> phases = {"step"};
  if (attention && side == GateSide::kAttention)
    phases.push_back("exchange");
  if (scheme == 0)
    phases.insert(phases.end(), {"direct", "return"});
  else if (attention)
    phases.insert(phases.end(), {"gather", "node", "return-node", "scatter"});
  else
    phases.insert(phases.end(), {"node", "relay", "fanout", "return-gather", "return-node"});
  if (attention)
    phases.push_back("result");
  return phases;
}

constexpr const char *kSchemes[] = {"direct", "case1", "case2"};

TEST_P(Failure, OfAnyInstanceAtAnyPhase) {
  int64_t runs = 0, attempts = 0, again = 0;
  for (int scheme : {0, 1, 2})
    for (int instance = 0; instance < 7; ++instance)
      for (const std::string &phase : Phases(instance < 3, scheme, GetParam()))
        for (int layer : {0, 1})
          for (int after : {0, 1}) {
            if (layer == 1 && (phase == "step" || phase == "result"))
              continue;
            const bool silent = runs % 3 == 1; // waits for a deadline
            RuntimeOptions options = Wide();
            options.scheme = kSchemes[scheme];
            const std::string fault = absl::StrCat(
                instance < 3 ? "attention:" : "expert:", instance < 3 ? instance : instance - 3, "@step=", 1 + runs % 3,
                ",phase=", phase, ",layer=", layer, ",after=", after, ",how=", silent ? "silent" : "dead");
            options.fail = {fault};
            Expect(options, absl::StrCat(fault, " scheme ", scheme));
            if (HasFailure())
              return;
            ++runs;
            EXPECT_EQ(report.failures.lost_attention + report.failures.lost_experts, 1) << fault;
            EXPECT_EQ(report.failures.steps_given_up, 0) << fault;
            attempts += report.failures.attempts;
            for (const LayerReport &of : report.layers)
              again += of.retries;
          }
  EXPECT_GE(attempts, runs);
  EXPECT_GT(again, runs / 2) << "layers were done again";
}

/// Layers are done again, whole steps are not: what is computed before the fault stays.
TEST_P(Failure, OnlyTheLayerIsDoneAgain) {
  RuntimeOptions options = Wide();
  options.scheme = "direct";
  options.fail = {"expert:1@step=2,layer=1,phase=return"};
  Expect(options, options.fail[0]);
  EXPECT_EQ(report.layers[0].retries, 0);
  EXPECT_EQ(report.layers[1].retries, 1);
}

/// Some attention instances have the results of a layer when its last sender fails, others do not.
TEST_P(Failure, OneInstanceIsALayerAhead) {
  for (int scheme : {0, 1, 2})
    for (int after : {1, 2}) {
      RuntimeOptions options = Wide();
      options.scheme = kSchemes[scheme];
      options.fail = {
          absl::StrCat("expert:3@step=2,layer=0,phase=", scheme ? "return-node" : "return", ",after=", after)};
      Expect(options, options.fail[0]);
      EXPECT_EQ(report.failures.lost_experts, 1);
      if (scheme == 0 || after == 1) {
        EXPECT_EQ(report.layers[0].retries, 1) << options.fail[0];
        EXPECT_EQ(report.layers[1].retries, 1) << options.fail[0] << ": of who was ahead";
      }
    }
}

TEST_P(Failure, SeveralOneAfterTheOther) {
  for (int scheme : {0, 1, 2})
    for (const char *how : {"dead", "silent"}) {
      RuntimeOptions options = Wide();
      options.scheme = kSchemes[scheme];
      options.slots = 6; // every expert everywhere
      const std::string end = absl::StrCat(",how=", how);
      options.fail = {"expert:0@step=1,layer=1" + end, "attention:2@step=2,layer=1" + end,
                      "expert:3@step=2,layer=0" + end, "attention:0@step=4" + end, "expert:1@step=5,phase=step" + end};
      Expect(options, how);
      EXPECT_EQ(report.failures.lost_experts, 3);
      EXPECT_EQ(report.failures.lost_attention, 2);
      EXPECT_GT(report.failures.requests_again, 0);
    }
}

/// At the same moment, and while the others are asked where they are.
TEST_P(Failure, SeveralAtOnce) {
  for (const char *second : {"expert:2@step=2,layer=1,phase=direct", "expert:2@step=2,phase=result",
                             "attention:1@step=2,phase=result", "attention:0@step=2,layer=1"}) {
    RuntimeOptions options = Wide();
    options.scheme = "direct";
    options.slots = 6;
    options.fail = {"expert:1@step=2,layer=1,phase=direct", second};
    Expect(options, second);
    EXPECT_EQ(report.failures.lost_experts + report.failures.lost_attention, 2) << second;
  }
}

/// Six experts on four instances with two slots: those of a lost one are loaded where replicas or nothing lay.
TEST_P(Failure, ExpertsThatLivedOnlyThereAreLoaded) {
  int64_t loaded = 0;
  for (int scheme : {0, 1, 2})
    for (int instance : {0, 1, 2, 3})
      for (const char *placement : {"even", "random:5"}) {
        RuntimeOptions options = Wide();
        options.scheme = kSchemes[scheme];
        options.slots = 2;
        options.placement = placement;
        options.fail = {absl::StrCat("expert:", instance, "@step=2,layer=1"),
                        absl::StrCat("expert:", instance, "@step=8")};
        options.restore = {absl::StrCat("expert:", instance, "@step=5")};
        Expect(options, absl::StrCat(options.fail[0], " scheme ", scheme, " ", placement));
        EXPECT_EQ(report.failures.lost_experts, 2);
        EXPECT_EQ(report.failures.joined, 1);
        EXPECT_EQ(report.failures.steps_given_up, 0);
        loaded += report.failures.experts_loaded;
        if (HasFailure())
          return;
      }
  EXPECT_GT(loaded, 24);
}

/// While experts are being loaded and the new placement is announced.
TEST_P(Failure, DuringTheRepair) {
  for (const char *how : {"dead", "silent"})
    for (const char *second :
         {"expert:2@step=2,phase=load", "expert:3@step=2,phase=loaded", "expert:0@step=2,phase=epoch",
          "expert:2@step=2,phase=ready", "attention:1@step=2,phase=epoch", "attention:2@step=2,phase=ready"}) {
      RuntimeOptions options = Wide();
      options.scheme = "case2";
      options.fail = {absl::StrCat("expert:1@step=2,layer=1,how=", how), absl::StrCat(second, ",how=", how)};
      options.placement = "random:3";
      Expect(options, options.fail[1]);
      if (HasFailure())
        return;
      // Where nothing was to be loaded there is no such message.
      const bool loads = absl::StrContains(second, "load");
      EXPECT_EQ(report.failures.lost_experts + report.failures.lost_attention, loads ? report.failures.lost_experts : 2)
          << options.fail[1];
    }
}

TEST_P(Failure, OverALateAndReorderingTransport) {
  int seed = 0;
  for (int scheme : {0, 1, 2})
    for (const char *fault : {"expert:0@step=2,layer=1", "expert:3@step=1,phase=return-node,how=silent",
                              "attention:0@step=3,layer=0,how=silent", "attention:2@step=2,phase=result"}) {
      RuntimeOptions options = Wide();
      options.scheme = kSchemes[scheme];
      options.transport = absl::StrCat("strict:", ++seed);
      options.failure_deadline_ms = 20;
      options.fail = {fault};
      Expect(options, absl::StrCat(fault, " seed ", seed));
      EXPECT_EQ(report.failures.lost_attention + report.failures.lost_experts, 1) << fault;
    }
}

TEST_P(Failure, ThenRestored) {
  for (const char *instance : {"expert:0", "expert:3", "attention:0", "attention:2"})
    for (const char *how : {"dead", "silent"}) {
      RuntimeOptions options = Wide();
      options.fail = {absl::StrCat(instance, "@step=2,layer=1,how=", how), absl::StrCat(instance, "@step=6")};
      options.restore = {absl::StrCat(instance, "@step=4")};
      Expect(options, instance);
      EXPECT_EQ(report.failures.lost_attention + report.failures.lost_experts, 2) << "lost again";
      EXPECT_EQ(report.failures.joined, 1);
    }
}

/// Every expert on one instance only: without it nothing can run, with it everything goes on.
TEST_P(Failure, StallsUntilItIsRestored) {
  for (const char *instance : {"expert:1", "attention:0"}) {
    RuntimeOptions options = Wide();
    options.attention = 1;
    options.experts = 3;
    options.nodes.clear();
    options.slots = 2;
    options.fail = {absl::StrCat(instance, "@step=3,layer=1")};
    options.restore = {absl::StrCat(instance, "@step=5")};
    Expect(options, instance);
    EXPECT_EQ(report.failures.joined, 1);
    EXPECT_EQ(report.failures.steps_given_up, 1);
    EXPECT_GT(report.failures.stalled_s, 0.04);
  }
}

TEST(Stall, EndsAtItsTimeoutAndAtDeadlines) {
  RuntimeOptions options = Wide();
  options.attention = 1;
  options.experts = 3;
  options.nodes.clear();
  options.slots = 2;
  options.fail = {"expert:1@step=4"};
  options.stall_timeout_s = 0.2;
  HandRuntime runtime(options);
  GenerateRequest hurried = Prompt({7, 8}, 20);
  hurried.deadline_ms = 60;
  const RequestId stalls = runtime.Submit(Prompt({5, 9, 1}, 20)), late = runtime.Submit(hurried),
                  cancelled = runtime.Submit(Prompt({1}, 20));
  while (runtime->stall().requests == 0)
    runtime.Step();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(runtime->stall().requests, 3);
  EXPECT_EQ(runtime->stall().reason,
            "layer 0: found 2 expert instances with 2 slots, expected room for 6 experts; 2 have none");
  EXPECT_EQ(*runtime->State(stalls), RequestState::kStalled);
  EXPECT_TRUE(runtime->Cancel(cancelled).ok());
  EXPECT_EQ(*runtime->State(cancelled), RequestState::kEnded);
  const RequestId joins = runtime.Submit(Prompt({2}, 20));
  RequestResult result;
  std::map<RequestId, RequestResult> results;
  while (results.size() < 4 && std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
    EXPECT_FALSE(runtime.Step());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (RequestId id : {stalls, late, cancelled, joins}) {
      runtime.Read(id);
      if (runtime->Finish(id, result))
        results[id] = result;
    }
  }
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[cancelled].reason, FinishReason::kCancelled);
  EXPECT_EQ(results[late].status.code(), absl::StatusCode::kDeadlineExceeded);
  for (RequestId id : {stalls, joins}) {
    EXPECT_EQ(results[id].status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(results[id].status.message()), HasSubstr("stalled for 0.2 s"));
  }
  EXPECT_EQ(results[stalls].new_tokens, 3);
  EXPECT_EQ(runtime->stall().requests, 0);
  EXPECT_EQ(runtime->State(stalls).status().code(), absl::StatusCode::kNotFound);
}

/// Sequences of a lost instance wait for memory of the others, in their order, and give what they would have given.
TEST(Loss, SequencesThatDoNotFitQueue) {
  RuntimeOptions options = Wide();
  options.attention = 2;
  options.experts = 1;
  options.nodes.clear();
  options.slots = 0;
  options.kv_memory = 4 * PageBytes(); // two pages each
  options.fail = {"attention:1@step=5,layer=1"};
  HandRuntime runtime(options);
  const std::vector<GenerateRequest> requests = {Prompt({1}, 40), Prompt({2}, 40), Prompt({3}, 10)};
  std::vector<RequestId> ids;
  for (const GenerateRequest &request : requests)
    ids.push_back(runtime.Submit(request));
  for (int i = 0; i < 6; ++i)
    runtime.Step();
  EXPECT_EQ(*runtime->State(ids[0]), RequestState::kRunning);
  EXPECT_EQ(*runtime->State(ids[1]), RequestState::kQueued) << "it was on the lost one";
  EXPECT_EQ(runtime->stall().requests, 0);
  RequestResult result;
  for (size_t i : {0, 1, 2}) {
    EXPECT_EQ(runtime.Finish(ids[i], result), Greedy(requests[i].prompt, requests[i].max_new_tokens)) << i;
    EXPECT_TRUE(result.status.ok()) << result.status;
  }
  EXPECT_EQ(runtime->report().failures.requests_again, 1);
}

/// A step that hangs though everybody answers is an error, not a failure of an instance.
TEST(Loss, NobodyIsLostForNothing) {
  RuntimeOptions options = Wide();
  options.fail = {"expert:3@step=900"};
  HandRuntime runtime(options);
  std::vector<Answer> answers = Play(runtime, Requests());
  for (const Answer &answer : answers)
    EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(runtime->report().failures.attempts, 0);
}

TEST(Deployment, FaultsThatCannotBe) {
  HandRuntime runtime;
  for (auto [fail, restore, message] : {std::tuple("expert:1@step=x", "", "--fail expert:1@step=x: found step 'x'"),
                                        {"expert:1@step=1", "", "found expert 1, expected an id below 1"},
                                        {"expert:0@step=2", "expert:0@step=2", "does not fail before step 2"},
                                        {"expert:0@step=2", "expert:0", "expected step=N after '@'"}}) {
    RuntimeOptions options;
    options.fail = {fail};
    if (*restore)
      options.restore = {restore};
    EXPECT_THAT(std::string(runtime.Create(options).status().message()), HasSubstr(message));
  }
}

} // namespace
} // namespace janus::hand
