// Stop sequences, and the tokens held back while they may begin one.
#include "runtime/engine/Sequence.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

namespace janus {
namespace {

using Ids = std::vector<int32_t>;
using testing::ElementsAre;
using testing::IsEmpty;

GenerateRequest Request(std::vector<Ids> stop, int64_t most = 100) {
  GenerateRequest request;
  request.prompt = {1, 2, 3};
  request.max_new_tokens = most;
  request.stop = std::move(stop);
  return request;
}

Ids Drain(Sequence &sequence) {
  Ids tokens;
  while (!sequence.events.empty())
    tokens.push_back(sequence.events.Pop().token);
  return tokens;
}

TEST(Sequence, TokensAreHeldWhileTheyMayBeginAStop) {
  Sequence sequence(1, Request({{7, 8, 9}}));
  EXPECT_FALSE(sequence.Append(5, {}));
  EXPECT_THAT(Drain(sequence), ElementsAre(5));
  EXPECT_FALSE(sequence.Append(7, {}));
  EXPECT_FALSE(sequence.Append(8, {}));
  EXPECT_THAT(Drain(sequence), IsEmpty());
  EXPECT_FALSE(sequence.Append(7, {})); // 7 8 are free, the new 7 is not
  EXPECT_THAT(Drain(sequence), ElementsAre(7, 8));
  EXPECT_FALSE(sequence.Append(8, {}));
  EXPECT_TRUE(sequence.Append(9, {}));
  EXPECT_THAT(Drain(sequence), IsEmpty());
  EXPECT_EQ(sequence.result.reason, FinishReason::kStop);
  EXPECT_EQ(sequence.result.new_tokens, 3);
  EXPECT_EQ(sequence.tokens.size(), 3u + 6u);
}

TEST(Sequence, LengthReleasesWhatIsHeld) {
  Sequence sequence(1, Request({{7, 8, 9}}, 2));
  EXPECT_FALSE(sequence.Append(7, {}));
  EXPECT_TRUE(sequence.Append(8, {}));
  EXPECT_THAT(Drain(sequence), ElementsAre(7, 8));
  EXPECT_EQ(sequence.result.reason, FinishReason::kLength);
  EXPECT_EQ(sequence.result.new_tokens, 2);
}

TEST(Sequence, StopAsTheLastTokenWins) {
  Sequence sequence(1, Request({{7}}, 1));
  EXPECT_TRUE(sequence.Append(7, {}));
  EXPECT_EQ(sequence.result.reason, FinishReason::kStop);
  EXPECT_EQ(sequence.result.new_tokens, 0);
}

/// A short stop sequence inside the beginning of a longer one was overlooked.
TEST(Sequence, StopInsideTheBeginningOfAnother) {
  for (const std::vector<Ids> &stop :
       {std::vector<Ids>{{1, 2, 3, 4}, {2, 3}}, std::vector<Ids>{{2, 3}, {1, 2, 3, 4}}}) {
    Sequence sequence(1, Request(stop));
    EXPECT_FALSE(sequence.Append(1, {}));
    EXPECT_FALSE(sequence.Append(2, {}));
    EXPECT_TRUE(sequence.Append(3, {}));
    EXPECT_THAT(Drain(sequence), ElementsAre(1));
    EXPECT_EQ(sequence.result.reason, FinishReason::kStop);
  }
}

/// Any tokens and stops give the text up to the first stop that ends; a search over the whole text says which. Seed 2.
TEST(Sequence, RandomStops) {
  std::mt19937 random(2);
  for (int run = 0; run < 3000; ++run) {
    std::vector<Ids> stops(1 + random() % 3);
    for (Ids &stop : stops)
      for (unsigned i = 0; i < 1 + random() % 4; ++i)
        stop.push_back(static_cast<int32_t>(random() % 2));
    Ids text;
    for (int i = 0; i < 12; ++i)
      text.push_back(static_cast<int32_t>(random() % 2));
    Ids expected = text;
    bool stopped = false;
    for (size_t end = 1; end <= text.size() && !stopped; ++end) {
      size_t longest = 0;
      for (const Ids &stop : stops)
        if (stop.size() <= end && std::equal(stop.begin(), stop.end(), text.begin() + end - stop.size()))
          longest = std::max(longest, stop.size());
      stopped = longest > 0;
      if (stopped)
        expected.resize(end - longest);
    }
    Sequence sequence(1, Request(stops, 12));
    Ids read;
    for (int32_t token : text) {
      const bool ended = sequence.Append(token, {});
      for (int32_t other : Drain(sequence))
        read.push_back(other);
      if (ended)
        break;
    }
    ASSERT_EQ(read, expected) << "run " << run;
    ASSERT_EQ(sequence.result.reason, stopped ? FinishReason::kStop : FinishReason::kLength);
  }
}

TEST(Sequence, LogitsStayWithTheirToken) {
  Sequence sequence(1, Request({{7, 8}}));
  sequence.Append(7, {0.5f});
  sequence.Append(5, {1.5f});
  EXPECT_THAT(sequence.events.Pop().logits, ElementsAre(0.5f));
  EXPECT_THAT(sequence.events.Pop().logits, ElementsAre(1.5f));
}

TEST(Sequence, PausesAtTheBoundOfItsQueue) {
  GenerateRequest request = Request({});
  request.queue = 2;
  Sequence sequence(1, request);
  sequence.Append(5, {});
  EXPECT_FALSE(sequence.paused());
  sequence.Append(6, {});
  EXPECT_TRUE(sequence.paused());
  sequence.events.Pop();
  EXPECT_FALSE(sequence.paused());
}

TEST(Sequence, ScoreIsTheNegativeLogLikelihoodOfTheNextTokens) {
  GenerateRequest request = Request({});
  request.score = true;
  Sequence sequence(1, request); // 1, 2, 3
  sequence.Score(0, {0, 0, 0, 0, 1, 2, 3, 5}, 4);
  sequence.Score(2, {9, 9, 9, 9}, 4); // nothing follows the last token
  const double first = std::log(4.0);
  const double second = std::log(std::exp(1) + std::exp(2) + std::exp(3) + std::exp(5)) - 5;
  EXPECT_NEAR(sequence.result.nll, first + second, 1e-12);
  EXPECT_EQ(sequence.result.scored_tokens, 2);
}

TEST(EventQueue, KeepsOrder) {
  EventQueue queue;
  std::mt19937 random(3);
  int32_t pushed = 0, popped = 0;
  for (int i = 0; i < 10000; ++i) {
    if (random() % 2 || queue.empty())
      queue.Push({pushed++, {}});
    else
      ASSERT_EQ(queue.Pop().token, popped++);
    ASSERT_EQ(queue.size(), static_cast<size_t>(pushed - popped));
    if (!queue.empty()) {
      ASSERT_EQ(queue[queue.size() - 1].token, pushed - 1);
    }
  }
}

} // namespace
} // namespace janus
