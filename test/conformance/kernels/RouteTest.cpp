// The router: chosen experts and their weights against the formulas in double, ties, and bytes across tables.
#include "test/conformance/kernels/Support.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <set>

namespace janus::conformance {
namespace {

struct Shape {
  int64_t rows, experts, k;
  abi::Score score;
  bool renormalize;
  float epsilon, scale;
  bool bias;
  int64_t groups = 1, kept_groups = 1;
  abi::GroupScore group_score = abi::GroupScore::kMax;
  float group_fill = -std::numeric_limits<float>::infinity();
  bool expert_scale = false;
};

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  int variant = 0;
  for (auto score :
       {abi::Score::kSoftmax, abi::Score::kSoftmaxSelected, abi::Score::kSigmoid, abi::Score::kSqrtSoftplus})
    for (int64_t experts : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 60, 128, 257, 512})
      for (int64_t k : std::set<int64_t>{1, std::min<int64_t>(2, experts), std::min<int64_t>(8, experts),
                                         std::min<int64_t>(17, experts), experts}) {
        ++variant;
        shapes.push_back({variant % 7, experts, k, score, variant % 2 == 0, variant % 3 ? 0.0f : 1e-2f,
                          variant % 5 ? 1.0f : 2.5f, variant % 4 < 2});
        shapes.back().expert_scale = variant % 3 == 1;
      }
  for (auto score : {abi::Score::kSoftmax, abi::Score::kSigmoid})
    for (auto group_score : {abi::GroupScore::kMax, abi::GroupScore::kTop2Sum})
      for (auto [experts, groups, kept, k] : {std::array<int64_t, 4>{16, 4, 2, 4},
                                              {8, 8, 3, 2},
                                              {256, 8, 4, 8},
                                              {6, 2, 1, 3},
                                              {160, 8, 8, 6},
                                              {9, 3, 1, 5}})
        for (float fill : {-std::numeric_limits<float>::infinity(), 0.0f}) {
          ++variant;
          Shape shape{5,    experts,          k,      score, variant % 2 == 0, 1e-20f,
                      2.5f, variant % 3 != 0, groups, kept,  group_score,      fill};
          if (k > experts / groups * kept && fill < 0) // the order of experts that are left out is not of interest
            continue;
          shapes.push_back(shape);
        }
  return shapes;
}

struct Routed {
  std::vector<int32_t> ids;
  Floats weights;
};

struct Case {
  Shape shape;
  Floats logits, bias, scales;

  /// Logits of a row are the steps of a ladder in random order, so that no two scores are close: whoever chooses
  /// another expert than the formula is wrong, not rounded differently.
  explicit Case(const Shape &shape) : shape(shape), logits(shape.rows * Stride(), NAN) {
    Random random(shape.experts * 131 + shape.k * 7 + static_cast<int64_t>(shape.score));
    std::vector<int64_t> ladder(shape.experts);
    for (int64_t row = 0; row < shape.rows; ++row) {
      std::iota(ladder.begin(), ladder.end(), -shape.experts / 2);
      for (int64_t e = shape.experts; e > 1; --e)
        std::swap(ladder[e - 1], ladder[random.Below(e)]);
      for (int64_t e = 0; e < shape.experts; ++e)
        logits[row * Stride() + e] = static_cast<float>(ladder[e]) * 0.013f;
    }
    // Biases keep the order of no two experts in doubt either: they are far apart, or zero.
    for (int64_t e = 0; e < shape.experts; ++e)
      bias.push_back(e % 3 == 0 ? 10.0f * static_cast<float>(1 + e % 6) : 0.0f);
    for (int64_t e = 0; e < shape.experts; ++e)
      scales.push_back(0.5f + static_cast<float>(e % 4));
  }
  int64_t Stride() const { return shape.experts + 3; }
  std::string Name(const abi::KernelTable &table) const {
    return absl::StrCat(table.name, ": route of ", shape.rows, " rows, ", shape.experts, " experts, k ", shape.k,
                        ", score ", static_cast<int64_t>(shape.score), ", renormalize ", shape.renormalize);
  }

  Routed Result(const abi::KernelTable &table, Split split = Split::kWhole) const {
    Routed routed = {std::vector<int32_t>(shape.rows * shape.k + 8, -9), Floats(shape.rows * shape.k + 8, -7.0f)};
    abi::RouteArgs args = {};
    args.rows = shape.rows;
    args.experts = shape.experts;
    args.k = shape.k;
    args.score = static_cast<int64_t>(shape.score);
    args.renormalize = shape.renormalize;
    args.epsilon = shape.epsilon;
    args.scale = shape.scale;
    args.logits = logits.data();
    args.logits_stride = Stride();
    args.select_bias = shape.bias ? bias.data() : nullptr;
    args.expert_scale = shape.expert_scale ? scales.data() : nullptr;
    args.groups = shape.groups;
    args.kept_groups = shape.kept_groups;
    args.group_score = static_cast<int64_t>(shape.group_score);
    args.group_fill = shape.group_fill;
    args.ids = routed.ids.data();
    args.weights = routed.weights.data();
    Run(table.route, args, split);
    for (size_t i = shape.rows * shape.k; i < routed.ids.size(); ++i) {
      EXPECT_EQ(routed.ids[i], -9) << Name(table) << " writes beyond its rows";
      EXPECT_EQ(routed.weights[i], -7.0f) << Name(table) << " writes beyond its rows";
    }
    return routed;
  }

  /// Counts the groups that are better, for each group.
  void KeepGroups(std::vector<double> &select) const {
    const int64_t size = shape.experts / shape.groups;
    std::vector<double> score;
    for (int64_t g = 0; g < shape.groups; ++g) {
      std::multiset<double> members(select.begin() + g * size, select.begin() + (g + 1) * size);
      const double first = *members.rbegin();
      score.push_back(shape.group_score == abi::GroupScore::kTop2Sum && size > 1 ? first + *std::next(members.rbegin())
                                                                                 : first);
    }
    for (int64_t g = 0; g < shape.groups; ++g) {
      int64_t better = 0;
      for (int64_t other = 0; other < shape.groups; ++other)
        better += score[other] > score[g] || (score[other] == score[g] && other < g);
      if (better >= shape.kept_groups)
        std::fill_n(select.begin() + g * size, size, shape.group_fill);
    }
  }

  Routed Formula() const {
    Routed routed;
    for (int64_t row = 0; row < shape.rows; ++row) {
      const float *x = logits.data() + row * Stride();
      std::vector<double> score(shape.experts);
      double all = 0;
      for (int64_t e = 0; e < shape.experts; ++e)
        all += std::exp(static_cast<double>(x[e]));
      for (int64_t e = 0; e < shape.experts; ++e)
        score[e] = shape.score == abi::Score::kSoftmax   ? std::exp(static_cast<double>(x[e])) / all
                   : shape.score == abi::Score::kSigmoid ? 1 / (1 + std::exp(-static_cast<double>(x[e])))
                   : shape.score == abi::Score::kSqrtSoftplus
                       ? std::sqrt(std::log(1 + std::exp(static_cast<double>(x[e]))))
                       : x[e];
      std::vector<double> select(score);
      for (int64_t e = 0; e < shape.experts; ++e)
        select[e] += shape.bias ? bias[e] : 0.0;
      if (shape.groups > 1)
        KeepGroups(select);
      const auto selection = [&](int64_t e) { return select[e]; };
      std::set<int32_t> taken;
      double sum = 0;
      std::vector<double> weights;
      for (int64_t rank = 0; rank < shape.k; ++rank) { // the largest that is left, ties to the lower id
        int32_t best = -1;
        for (int32_t e = 0; e < shape.experts; ++e)
          if (!taken.contains(e) && (best < 0 || selection(e) > selection(best)))
            best = e;
        taken.insert(best);
        routed.ids.push_back(best);
        weights.push_back(score[best]);
      }
      if (shape.score == abi::Score::kSoftmaxSelected) {
        double chosen = 0;
        for (double &weight : weights)
          chosen += weight = std::exp(weight);
        for (double &weight : weights)
          weight /= chosen;
      }
      for (int64_t rank = 0; shape.expert_scale && rank < shape.k; ++rank)
        weights[rank] *= scales[routed.ids[row * shape.k + rank]];
      for (double weight : weights)
        sum += weight;
      for (double weight : weights)
        routed.weights.push_back(
            static_cast<float>(weight / (shape.renormalize ? sum + shape.epsilon : 1.0) * shape.scale));
    }
    return routed;
  }
};

TEST(Route, EqualsTheFormulas) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    const Routed want = test.Formula();
    for (const auto *table : AvailableKernels()) {
      const Routed got = test.Result(*table);
      for (size_t i = 0; i < want.ids.size(); ++i) {
        ASSERT_EQ(got.ids[i], want.ids[i]) << test.Name(*table) << ", element " << i;
        ASSERT_NEAR(got.weights[i], want.weights[i], 3e-6 * want.weights[i]) << test.Name(*table) << ", element " << i;
      }
    }
  }
}

TEST(Route, BytesDoNotDependOnTableOrSplit) {
  if (Tested().empty())
    GTEST_SKIP() << "unavailable: this CPU runs the reference kernels only";
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    const Routed want = test.Result(*Tested().front());
    for (const auto *table : Tested())
      for (Split split : kSplits) {
        const Routed got = test.Result(*table, split);
        ASSERT_EQ(got.ids, want.ids) << test.Name(*table);
        ExpectSameBytes(got.weights, want.weights, test.Name(*table));
      }
  }
}

/// The sparse mixer: each round's winner and its softmax over the logits near it, by hand for two rounds.
TEST(Route, SparseMixer) {
  const float jitter = 0.01f;
  const Floats logits = {1.0f, 0.99f, -2.0f, 0.985f, 0.5f, 2.0f, 1.97f, 1.95f, -3.0f, 1.0f};
  // Row 0: 1 against .99 (near: .01/1), .985 (.015/1); then .99 against .985. Row 1: 2 against 1.97 (.03/2), 1.95
  // (.025); the latter is too far; then 1.97 against 1.95 (.02/1.97).
  const std::vector<int32_t> ids = {0, 1, 0, 1};
  const auto share = [](double of, std::initializer_list<double> all) {
    double sum = 0;
    for (double each : all)
      sum += std::exp(each - of);
    return 1 / sum;
  };
  const double want[] = {share(1, {1, .99, .985}), share(.99, {.99, .985}), share(2, {2, 1.97}),
                         share(1.97, {1.97, 1.95})};
  for (const auto *table : AvailableKernels())
    for (Split split : kSplits) {
      Routed got = {std::vector<int32_t>(4), Floats(4)};
      abi::RouteArgs args = {};
      args.rows = 2;
      args.experts = 5;
      args.k = 2;
      args.score = static_cast<int64_t>(abi::Score::kSparseMixer);
      args.scale = 1;
      args.jitter = jitter;
      args.groups = 1;
      args.logits = logits.data();
      args.logits_stride = 5;
      args.ids = got.ids.data();
      args.weights = got.weights.data();
      conformance::Run(table->route, args, split);
      EXPECT_EQ(got.ids, ids) << table->name;
      for (int i = 0; i < 4; ++i)
        EXPECT_NEAR(got.weights[i], want[i], 2e-6) << table->name << ", element " << i;
    }
}

/// Equal scores go to the lower id, wherever they stand.
TEST(Route, TiesGoToTheLowerId) {
  for (auto score : {abi::Score::kSoftmax, abi::Score::kSoftmaxSelected, abi::Score::kSigmoid})
    for (int64_t experts : {2, 9, 40}) {
      Case test({2, experts, std::min<int64_t>(experts, 5), score, true, 0, 1, false});
      for (int64_t e = 0; e < experts; ++e) {
        test.logits[e] = 0.25f;
        test.logits[test.Stride() + e] = static_cast<float>(e % 2);
      }
      const Routed want = test.Formula();
      for (const auto *table : AvailableKernels()) {
        const Routed got = test.Result(*table);
        for (size_t i = 0; i < want.ids.size(); ++i)
          ASSERT_EQ(got.ids[i], want.ids[i]) << test.Name(*table) << ", element " << i;
        for (int64_t i = 0; i < test.shape.k; ++i)
          ASSERT_EQ(got.ids[i], i) << test.Name(*table);
      }
    }
}

/// Logits that no model should give: the ids stay distinct experts, so that a schedule can be made of them, and finite
/// logits give finite weights.
TEST(Route, ExtremeLogits) {
  const float inf = std::numeric_limits<float>::infinity();
  for (auto score : {abi::Score::kSoftmax, abi::Score::kSoftmaxSelected, abi::Score::kSigmoid})
    for (const Floats &values : {Floats{1e4f, -1e4f, 3e38f}, {-3e38f, -3e38f, 0}, {NAN, 1, 2}, {inf, -inf, NAN}}) {
      Case test({4, 21, 6, score, true, 1e-20f, 1, false});
      for (int64_t i = 0; i < 4 * test.Stride(); ++i)
        test.logits[i] = values[i % 5 % 3];
      for (const auto *table : AvailableKernels()) {
        const Routed got = test.Result(*table);
        for (int64_t row = 0; row < 4; ++row) {
          std::set<int32_t> ids(got.ids.begin() + row * 6, got.ids.begin() + row * 6 + 6);
          ASSERT_EQ(ids.size(), 6u) << test.Name(*table);
          ASSERT_TRUE(*ids.begin() >= 0 && *ids.rbegin() < 21) << test.Name(*table);
        }
        if (std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
          for (int64_t i = 0; i < 24; ++i)
            ASSERT_TRUE(std::isfinite(got.weights[i])) << test.Name(*table) << ", values from " << values[0];
        }
      }
    }
}

} // namespace
} // namespace janus::conformance
