// Continuous batching over the hand-written model: the tokens are the reference's whoever joins and leaves; order of
// rows, admission by pages, homes, slow readers, memory.
#include "test/unit/engine/HandRuntime.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace janus::hand {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

RuntimeOptions Split(int attention, int experts) {
  RuntimeOptions options;
  options.attention = attention;
  options.experts = experts;
  options.max_batch = 4;
  options.step_rows = 16;
  return options;
}

TEST(Engine, RequestsJoinAndLeaveBetweenSteps) {
  for (auto [m, n] : {std::pair(1, 1), std::pair(2, 3)}) {
    HandRuntime runtime(Split(m, n));
    const std::vector<std::vector<int32_t>> prompts = {
        {5, 9, 1}, {40}, {3, 3, 3, 8, 60, 2, 11, 30, 31, 7}, {63, 0}, {22, 23, 24}};
    const std::vector<int64_t> lengths = {12, 3, 6, 9, 1};
    std::vector<RequestId> ids;
    std::vector<std::vector<int32_t>> tokens(prompts.size());
    for (int step = 0; step < 60; ++step) {
      if (step % 2 == 0 && ids.size() < prompts.size()) // the fifth waits for a place
        ids.push_back(runtime.Submit(Prompt(prompts[ids.size()], lengths[ids.size()])));
      runtime.Step();
      for (size_t i = 0; i < ids.size(); ++i)
        for (int32_t token : runtime.Read(ids[i]))
          tokens[i].push_back(token);
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      RequestResult result;
      ASSERT_TRUE(runtime->Finish(ids[i], result)) << i;
      EXPECT_TRUE(result.status.ok()) << result.status;
      EXPECT_EQ(result.reason, FinishReason::kLength);
      EXPECT_EQ(result.prompt_tokens, static_cast<int64_t>(prompts[i].size()));
      EXPECT_EQ(result.new_tokens, lengths[i]);
      EXPECT_EQ(tokens[i], Greedy(prompts[i], lengths[i])) << "request " << i << " m " << m;
      EXPECT_FALSE(runtime->Finish(ids[i], result)) << "forgotten";
    }
    EXPECT_FALSE(runtime.Step());
  }
}

TEST(Engine, DecodeRowsFirstThenPromptChunksUpToStepRows) {
  RuntimeOptions options = Split(1, 2);
  options.step_rows = 8;
  HandRuntime runtime(options);
  const RequestId first = runtime.Submit(Prompt({1, 2}, 30));
  int64_t rows = 0;
  auto step = [&] {
    runtime.Step();
    const int64_t all = runtime->report().rows, now = all - rows;
    rows = all;
    return now;
  };
  EXPECT_EQ(step(), 2);
  EXPECT_EQ(step(), 1);
  EXPECT_THAT(runtime.Read(first), SizeIs(2));
  const RequestId second = runtime.Submit(Prompt(std::vector<int32_t>(16, 9), 5));
  for (int64_t expected : {8, 8, 3}) { // 1 decodes, 7 + 7 + 2 of the prompt
    EXPECT_EQ(step(), expected);
    EXPECT_THAT(runtime.Read(first), SizeIs(1)) << "a prompt never holds up who decodes";
  }
  EXPECT_THAT(runtime.Read(second), SizeIs(1));
  EXPECT_EQ(step(), 2);
}

/// Prompts of a model with states end their pieces at multiples of a page, whatever the chunk; a piece without room
/// waits one step, and who decodes waits at most one for it.
TEST(Engine, PiecesOfModelsWithStates) {
  RuntimeOptions options = Split(1, 1);
  options.step_rows = 33, options.chunk = 5;
  HandRuntime runtime(options, GateSide::kExpert, {{4}});
  std::vector<int32_t> long_prompt(40);
  for (int i = 0; i < 40; ++i)
    long_prompt[i] = (5 * i + i * i) % kVocab;
  const std::vector<std::vector<int32_t>> prompts = {{1, 2}, long_prompt, long_prompt};
  std::vector<RequestId> ids = {runtime.Submit(Prompt(prompts[0], 20))};
  std::vector<std::vector<int32_t>> tokens(3);
  int64_t rows = 0;
  auto step = [&] {
    runtime.Step();
    for (size_t i = 0; i < ids.size(); ++i)
      for (int32_t token : runtime.Read(ids[i]))
        tokens[i].push_back(token);
    const int64_t all = runtime->report().rows, now = all - rows;
    rows = all;
    return now;
  };
  EXPECT_EQ(step(), 2);
  ids.push_back(runtime.Submit(Prompt(prompts[1], 6)));
  ids.push_back(runtime.Submit(Prompt(prompts[2], 6)));
  EXPECT_EQ(step(), 33) << "a row that decodes, and a piece";
  EXPECT_EQ(step(), 33) << "the piece of the third that waited, and the row that decodes";
  EXPECT_EQ(step(), 17) << "a row and the ends of both prompts";
  EXPECT_EQ(step(), 3);
  for (int i = 0; i < 30; ++i)
    step();
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(tokens[i], Greedy(prompts[i], i == 0 ? 20 : 6)) << i;
}

/// As many pieces as chunk and step have room for.
TEST(Engine, SeveralPiecesInAStep) {
  RuntimeOptions options = Split(1, 1);
  options.step_rows = 80;
  HandRuntime runtime(options, GateSide::kExpert, {{4}});
  std::vector<int32_t> prompt(90, 3);
  prompt[7] = 9;
  const RequestId id = runtime.Submit(Prompt(prompt, 4));
  int64_t rows = 0;
  for (int64_t expected : {64, 26, 1, 1, 1}) {
    runtime.Step();
    EXPECT_EQ(runtime->report().rows - rows, expected);
    rows = runtime->report().rows;
  }
  EXPECT_EQ(runtime.Read(id), Greedy(prompt, 4));
}

TEST(Engine, StepsWithoutRoomForAPiece) {
  RuntimeOptions options = Split(1, 1);
  options.step_rows = 31;
  HandRuntime runtime(Split(1, 1));
  EXPECT_TRUE(runtime.Create(options).ok());
  options.step_rows = 32;
  HandRuntime with_states(options, GateSide::kExpert, {{4}});
  options.step_rows = 31;
  EXPECT_THAT(std::string(with_states.Create(options).status().message()),
              testing::HasSubstr("--step-rows: found 31, expected at least 32"));
}

TEST(Engine, ChunkBoundsTheRowsOfOnePrompt) {
  RuntimeOptions options = Split(1, 1);
  options.chunk = 3;
  HandRuntime runtime(options);
  RequestResult result;
  const std::vector<int32_t> prompt = {4, 8, 15, 16, 23, 42, 7, 7};
  EXPECT_EQ(runtime.Finish(runtime.Submit(Prompt(prompt, 4)), result), Greedy(prompt, 4));
  EXPECT_EQ(runtime->report().steps, 3 + 3); // 3 + 3 + 2 rows, then one each
}

TEST(Engine, AdmissionReservesPagesForPromptAndNewTokens) {
  RuntimeOptions options = Split(1, 1);
  options.kv_memory = 3 * PageBytes(); // of 32 tokens
  HandRuntime runtime(options);
  const RequestId a = runtime.Submit(Prompt({1, 2, 3}, 40)); // 2 pages
  const RequestId b = runtime.Submit(Prompt({4, 5, 6}, 30)); // 2 pages: waits for a
  const RequestId c = runtime.Submit(Prompt({7}, 2));        // 1 page, and does not overtake b
  for (int i = 0; i < 39; ++i)
    runtime.Step();
  EXPECT_THAT(runtime.Read(b), IsEmpty());
  EXPECT_THAT(runtime.Read(c), IsEmpty());
  RequestResult result;
  EXPECT_EQ(runtime.Finish(a, result), Greedy({1, 2, 3}, 40));
  runtime.Step();
  EXPECT_EQ(runtime.Finish(b, result), Greedy({4, 5, 6}, 30)) << "pages that another one used before";
  EXPECT_EQ(runtime.Finish(c, result), Greedy({7}, 2));
}

TEST(Engine, MoreThanAnInstanceEverHas) {
  RuntimeOptions options = Split(2, 1);
  options.kv_memory = 4 * PageBytes(); // 2 pages each
  HandRuntime runtime(options);
  const absl::Status status = runtime->Submit(Prompt({1}, 64)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("raise --kv-memory"));
  RequestResult result;
  EXPECT_EQ(runtime.Finish(runtime.Submit(Prompt({1}, 63)), result), Greedy({1}, 63));
}

/// Rows go where pages are free: of four requests two to each instance, and the next where most is left.
TEST(Engine, HomeIsTheInstanceWithMostFreePages) {
  RuntimeOptions options = Split(2, 1);
  options.kv_memory = 12 * PageBytes(); // 6 each
  options.record_routing = testing::TempDir() + "/janus-homes";
  HandRuntime runtime(options);
  for (int64_t tokens : {90, 20, 20, 20}) // 3 pages on 0; 1, 1 and 1 on 1
    runtime.Submit(Prompt({1}, tokens - 1));
  runtime.Step();
  runtime.Submit(Prompt({1, 2, 3, 4, 5}, 10)); // 3 free on both: on 0
  runtime.Step();
  ASSERT_TRUE(runtime->Close().ok());
  std::string text(4096, '\0');
  FILE *file = std::fopen((options.record_routing + "/steps.tsv").c_str(), "r");
  ASSERT_NE(file, nullptr);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  EXPECT_THAT(text, testing::HasSubstr("1\tdirect\t1,3\n"));
}

TEST(Engine, ASlowReaderStallsOnlyItself) {
  HandRuntime runtime(Split(2, 2));
  GenerateRequest slow = Prompt({11, 12}, 10);
  slow.queue = 2;
  const RequestId a = runtime.Submit(slow), b = runtime.Submit(Prompt({13}, 12));
  for (int i = 0; i < 20; ++i)
    runtime.Step();
  EXPECT_FALSE(runtime.Step()) << "one has ended, one waits for its reader";
  EXPECT_EQ(runtime.Read(b), Greedy({13}, 12));
  const std::vector<int32_t> expected = Greedy({11, 12}, 10);
  EXPECT_EQ(runtime.Read(a), std::vector<int32_t>(expected.begin(), expected.begin() + 2));
  RequestResult result;
  EXPECT_EQ(runtime.Finish(a, result), std::vector<int32_t>(expected.begin() + 2, expected.end()));
  EXPECT_EQ(result.new_tokens, 10);
}

TEST(Engine, StopSequencesEndARequest) {
  const std::vector<int32_t> text = Greedy({17, 18}, 12);
  HandRuntime runtime(Split(1, 2));
  GenerateRequest request = Prompt({17, 18}, 12);
  request.stop = {{text[5], text[6]}};
  size_t first = 0;
  while (text[first] != text[5] || text[first + 1] != text[6])
    ++first;
  RequestResult result;
  EXPECT_EQ(runtime.Finish(runtime.Submit(request), result), std::vector<int32_t>(text.begin(), text.begin() + first));
  EXPECT_EQ(result.reason, FinishReason::kStop);
  EXPECT_TRUE(result.status.ok());
}

TEST(Engine, ScoreIsTheReferencesLikelihood) {
  RuntimeOptions options = Split(2, 2);
  options.scoring = true;
  options.chunk = 4;
  HandRuntime runtime(options);
  GenerateRequest request = Prompt({1, 20, 40, 60, 2, 22, 42, 62, 3, 23}, 0);
  request.score = request.score_logits = true;
  const RequestId id = runtime.Submit(request);
  RequestResult result;
  EXPECT_THAT(runtime.Finish(id, result), IsEmpty());
  EXPECT_EQ(result.reason, FinishReason::kScored);
  const std::vector<double> logits = Reference(MakeNumbers(7), request.prompt);
  double nll = 0;
  for (size_t row = 0; row + 1 < request.prompt.size(); ++row) {
    double sum = 0;
    for (int64_t i = 0; i < kVocab; ++i)
      sum += std::exp(logits[row * kVocab + i]);
    nll += std::log(sum) - logits[row * kVocab + request.prompt[row + 1]];
  }
  EXPECT_NEAR(result.nll, nll, 1e-4 * nll);
  EXPECT_EQ(result.scored_tokens, 9);
  EXPECT_THAT(result.logits, SizeIs(10 * kVocab));
}

/// The same seed gives the same tokens alone and in company.
TEST(Engine, SamplingDoesNotDependOnTheBatch) {
  GenerateRequest request = Prompt({30, 31}, 16);
  request.temperature = 1.5f;
  request.top_k = 20;
  request.seed = 12;
  RequestResult result;
  HandRuntime alone(Split(1, 1)), company(Split(2, 3));
  const std::vector<int32_t> expected = alone.Finish(alone.Submit(request), result);
  for (int i = 0; i < 3; ++i) {
    GenerateRequest other = request;
    other.seed = i;
    company.Submit(other);
    company.Step();
  }
  EXPECT_EQ(company.Finish(company.Submit(request), result), expected);
  EXPECT_NE(expected, Greedy({30, 31}, 16));
}

TEST(Engine, MeasuredMemoryIsThePlannedOne) {
  for (auto [m, n] : {std::pair(1, 1), std::pair(3, 2)}) {
    HandRuntime runtime(Split(m, n));
    const std::vector<InstanceReport> reports = runtime->instances();
    ASSERT_THAT(reports, SizeIs(m + n));
    for (const InstanceReport &report : reports) {
      EXPECT_EQ(report.weights, report.planned_weights) << report.name;
      EXPECT_EQ(report.slots, report.planned_slots) << report.name;
      EXPECT_EQ(report.kv, report.planned_kv) << report.name;
      EXPECT_EQ(report.buffers, report.planned_buffers) << report.name;
      EXPECT_GT(report.buffers, 0);
    }
  }
}

} // namespace
} // namespace janus::hand
