// Windows of steps and of rows, what is counted in them, and batches drawn from sequences and rows.
#include "runtime/placement/BatchSampler.h"
#include "runtime/placement/RowWindow.h"
#include "test/unit/base/CountAllocations.h"

#include "gtest/gtest.h"

#include <cmath>
#include <map>
#include <random>
#include <set>

namespace janus {
namespace {

TEST(ActivationWindow, ForgetsTheOldestStep) {
  ActivationWindow window(70, 3);
  EXPECT_EQ(window.steps(), 0);
  for (int64_t s = 0; s < 5; ++s) {
    window.Begin();
    window.Activate(s);
    window.Activate(69);
    EXPECT_EQ(window.steps(), std::min<int64_t>(s + 1, 3));
  }
  for (int64_t s = 0; s < 3; ++s)
    for (int64_t e = 0; e < 70; ++e)
      EXPECT_EQ(window.Active(s, e), e == s + 2 || e == 69) << s << ", " << e;
  window.Clear();
  window.Begin();
  EXPECT_EQ(window.steps(), 1);
  EXPECT_FALSE(window.Active(0, 69));
}

/// c(e) and a(e, f) as counted one by one; with a half-life, a step of age 10 counts half.
TEST(ActivationWindow, Counts) {
  std::mt19937_64 random(1);
  ActivationWindow window(67, 130);
  for (int s = 0; s < 200; ++s) {
    window.Begin();
    for (int i = 0; i < 12; ++i)
      window.Activate(static_cast<int64_t>(random() % 67));
  }
  const ActivationStatistics plain = Count(window), aged = Count(window, 10);
  EXPECT_EQ(plain.steps, 130);
  for (int64_t e = 0; e < 67; ++e)
    for (int64_t f = 0; f < 67; ++f) {
      double weight = 0;
      for (int64_t s = 0; s < 130; ++s)
        weight += window.Active(s, e) && window.Active(s, f) ? std::pow(2.0, (s - 129) / 10.0) : 0;
      EXPECT_EQ(plain.Both(e, f), window.Both(e, f));
      EXPECT_NEAR(aged.Both(e, f), weight, 1e-9);
    }
  EXPECT_EQ(plain.Frequency(5), window.Frequency(5));
}

TEST(BatchSampler, DifferentSequencesAtPositionsOfTheirOwn) {
  const std::vector<SequenceRange> sequences = {{0, 10}, {10, 1}, {20, 5}, {30, 100}};
  BatchSampler sampler(sequences, 5), same(sequences, 5);
  std::set<int64_t> seen;
  for (int i = 0; i < 2000; ++i) {
    const absl::Span<const int64_t> rows = sampler.Draw(3), again = same.Draw(3);
    EXPECT_EQ(std::vector<int64_t>(rows.begin(), rows.end()), std::vector<int64_t>(again.begin(), again.end()));
    ASSERT_EQ(rows.size(), 3u);
    std::set<size_t> of;
    for (int64_t row : rows) {
      size_t sequence = 0;
      while (row < sequences[sequence].start || row >= sequences[sequence].start + sequences[sequence].length)
        ASSERT_LT(++sequence, sequences.size()) << row;
      EXPECT_TRUE(of.insert(sequence).second);
      seen.insert(row);
    }
  }
  EXPECT_EQ(seen.size(), 116u) << "every position";
  EXPECT_EQ(sampler.Draw(9).size(), 4u);
}

TEST(RowWindow, KeepsTheLastRows) {
  RowWindow window(10, 2, 3);
  const std::vector<uint16_t> first = {0, 1, 2, 3}, second = {4, 5, 6, 7}, many = {1, 2, 3, 4, 5, 6, 7, 8};
  auto rows = [&] {
    std::vector<std::vector<uint16_t>> rows;
    for (int64_t age = 0; age < window.rows(); ++age)
      rows.emplace_back(window.row(age).begin(), window.row(age).end());
    return rows;
  };
  using Rows = std::vector<std::vector<uint16_t>>;
  window.Add(first);
  EXPECT_EQ(rows(), (Rows{{2, 3}, {0, 1}}));
  window.Add(second);
  EXPECT_EQ(rows(), (Rows{{6, 7}, {4, 5}, {2, 3}}));
  window.Add(many);
  EXPECT_EQ(rows(), (Rows{{7, 8}, {5, 6}, {3, 4}}));
  const int64_t before = CountAllocations();
  window.Add(first);
  const int64_t after = CountAllocations();
  EXPECT_EQ(after, before);
  EXPECT_EQ(rows(), (Rows{{2, 3}, {0, 1}, {7, 8}}));
  EXPECT_EQ(window.Tokens(), (std::vector<double>{1, 1, 1, 1, 0, 0, 0, 1, 1, 0}));
}

/// Batches are of different rows; padding activates nothing; young rows come as often as their half-life says.
TEST(RowWindow, Draws) {
  RowWindow window(65, 1, 64);
  for (uint16_t row = 0; row < 64; ++row) // the row of age a chose expert a
    window.Add(std::vector<uint16_t>{static_cast<uint16_t>(63 - row)});
  const ActivationWindow drawn = window.Draw(8, 20000, 3), again = window.Draw(8, 20000, 3);
  const ActivationWindow aged = window.Draw(1, 40000, 3, 8);
  for (int64_t s = 0; s < drawn.steps(); ++s) {
    int64_t active = 0;
    for (int64_t e = 0; e < 65; ++e) {
      active += drawn.Active(s, e);
      ASSERT_EQ(drawn.Active(s, e), again.Active(s, e));
    }
    ASSERT_EQ(active, 8);
  }
  for (int64_t e = 0; e < 64; ++e) {
    EXPECT_NEAR(static_cast<double>(drawn.Frequency(e)), 2500, 250) << e;
    const double share = std::exp2(-static_cast<double>(e) / 8) * (1 - std::exp2(-1.0 / 8)) / (1 - std::exp2(-8.0));
    EXPECT_NEAR(static_cast<double>(aged.Frequency(e)), 40000 * share, 6 * std::sqrt(40000 * share) + 5) << e;
  }
  window.Clear();
  EXPECT_EQ(window.Draw(8, 10, 3).Frequency(0), 0);
  window.Add(std::vector<uint16_t>{7, 65, 9});
  const ActivationWindow few = window.Draw(8, 10, 3);
  EXPECT_EQ(few.Frequency(7), 10) << "all rows when there are fewer than a batch";
  EXPECT_EQ(few.Frequency(9), 10);
}

} // namespace
} // namespace janus
