// docs/sampling.md and the code say the same. Runs in the root of the repository; sampling_vectors.py checks the
// document's numbers with NumPy.
#include "runtime/engine/Sampler.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>

namespace janus {
namespace {

using Row = std::vector<std::string>;

/// The cells of the table rows below each heading, without the head.
std::map<std::string, std::vector<Row>> Tables() {
  std::map<std::string, std::vector<Row>> tables;
  std::ifstream file("docs/sampling.md");
  std::string heading, line;
  for (int row = 0; std::getline(file, line);) {
    if (absl::StartsWith(line, "#"))
      heading = line.substr(line.find(' ') + 1);
    row = absl::StartsWith(line, "|") ? row + 1 : 0;
    if (row <= 2)
      continue;
    Row cells;
    for (absl::string_view cell : absl::StrSplit(line.substr(1, line.rfind('|') - 1), '|'))
      cells.emplace_back(absl::StripPrefix(absl::StripSuffix(absl::StripAsciiWhitespace(cell), "`"), "`"));
    tables[heading].push_back(std::move(cells));
  }
  return tables;
}

template <typename Array> Array Words(const std::string &text) {
  Array words{};
  size_t i = 0;
  for (absl::string_view word : absl::StrSplit(text, ' '))
    EXPECT_TRUE(absl::SimpleHexAtoi(word, &words.at(i++)));
  EXPECT_EQ(i, words.size());
  return words;
}

template <typename T> T Number(const std::string &text) {
  T value{};
  if constexpr (std::is_integral_v<T>)
    EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << text;
  else
    EXPECT_TRUE(absl::SimpleAtod(text, &value)) << text;
  return value;
}

std::vector<float> Logits(const std::string &text) {
  std::vector<float> logits;
  if (text == "hash(256)")
    for (int i = 0; i < 256; ++i)
      logits.push_back(static_cast<float>((37 * i) % 101) / 16.0f - 3.0f);
  else
    for (absl::string_view part : absl::StrSplit(text, ' '))
      logits.push_back(static_cast<float>(Number<double>(std::string(part))));
  return logits;
}

TEST(SamplingDocument, Philox) {
  const std::vector<Row> rows = Tables()["Philox 4x32-10"];
  ASSERT_GE(rows.size(), 7u);
  for (const Row &row : rows)
    EXPECT_EQ(Philox(Words<std::array<uint32_t, 4>>(row.at(0)), Words<std::array<uint32_t, 2>>(row.at(1))),
              (Words<std::array<uint32_t, 4>>(row.at(2))))
        << row[0];
}

TEST(SamplingDocument, Uniform) {
  const std::vector<Row> rows = Tables()["The number of a token"];
  ASSERT_GE(rows.size(), 9u);
  for (const Row &row : rows)
    EXPECT_EQ(SamplingUniform(Number<uint64_t>(row.at(0)), Number<int64_t>(row.at(1))), Number<double>(row.at(2)));
}

TEST(SamplingDocument, Tokens) {
  const std::vector<Row> rows = Tables()["Tokens"];
  ASSERT_GE(rows.size(), 30u);
  TokenSampler sampler;
  for (const Row &row : rows) {
    const std::vector<float> logits = Logits(row.at(0));
    SamplingParams params;
    params.temperature = static_cast<float>(Number<double>(row.at(1)));
    params.top_k = Number<int32_t>(row.at(2));
    params.top_p = static_cast<float>(Number<double>(row.at(3)));
    params.seed = Number<uint64_t>(row.at(4));
    EXPECT_EQ(sampler(logits.data(), static_cast<int64_t>(logits.size()), params, Number<int64_t>(row.at(5))),
              Number<int32_t>(row.at(6)))
        << absl::StrJoin(row, " | ");
  }
}

TEST(Sampler, ArgMaxTakesTheFirstOfEqualOnesAndNeverANaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {nan, -1, 3, nan, 3};
  EXPECT_EQ(ArgMax(logits.data(), 5), 2);
  EXPECT_EQ(ArgMax(logits.data(), 1), 0);
}

/// Frequencies of many draws are the probabilities: chi-squared below its 0.1 % quantile (24.3 for 7 degrees).
TEST(Sampler, DrawsFollowTheProbabilities) {
  const std::vector<float> logits = {0, 0.5f, -1, 2, 1, -0.5f, 0.25f, 1.5f};
  std::vector<double> expected;
  double sum = 0;
  for (float logit : logits)
    sum += expected.emplace_back(std::exp(logit / 0.7));
  SamplingParams params;
  params.temperature = 0.7f;
  TokenSampler sampler;
  constexpr int kDraws = 20000;
  std::vector<int> found(8);
  for (int i = 0; i < kDraws; ++i) {
    params.seed = i % 100;
    ++found[sampler(logits.data(), 8, params, i / 100)];
  }
  double chi = 0;
  for (int i = 0; i < 8; ++i) {
    const double mean = expected[i] / sum * kDraws;
    chi += (found[i] - mean) * (found[i] - mean) / mean;
  }
  EXPECT_LT(chi, 24.3);
}

/// top-k before top-p: with k = 2 of weights 4 : 3 : 2 : 1, 0.5 of what is left is reached by the first alone.
TEST(Sampler, TopPOfWhatTopKLeft) {
  const std::vector<float> logits = {std::log(4.0f), std::log(3.0f), std::log(2.0f), std::log(1.0f)};
  SamplingParams params;
  params.temperature = 1;
  params.top_p = 0.5f;
  TokenSampler sampler;
  std::vector<int> all(4), cut(4);
  for (int i = 0; i < 500; ++i) {
    params.top_k = 0;
    ++all[sampler(logits.data(), 4, params, i)]; // 4 of 10 do not reach 0.5, 7 of 10 do
    params.top_k = 2;
    ++cut[sampler(logits.data(), 4, params, i)]; // 4 of 7 do
  }
  EXPECT_EQ(cut[0], 500);
  EXPECT_GT(all[1], 100);
  EXPECT_EQ(all[2] + all[3], 0);
}

} // namespace
} // namespace janus
