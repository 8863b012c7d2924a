#include "dialects/onnx/IR/SymExpr.h"
#include <gtest/gtest.h>
#include <random>

namespace janus::onnx {
namespace {

SymExpr parse(const std::string &text) {
  auto expr = SymExpr::parse(text);
  EXPECT_TRUE(expr.has_value()) << text;
  return expr.value_or(SymExpr(0));
}

TEST(SymExpr, CanonicalText) {
  EXPECT_EQ(parse("past + S").str(), "S+past");
  EXPECT_EQ(parse("S*2 - 1 + S").str(), "3*S-1");
  EXPECT_EQ(parse("(a+b)*(a-b)").str(), "a*a-b*b");
  EXPECT_EQ(parse("S - S").str(), "0");
  EXPECT_EQ(parse("-S").str(), "-S");
  EXPECT_EQ(parse("floordiv(S+1, 2)").str(), "floordiv(S+1,2)");
  for (const char *text : {"S+past", "3*S-1", "a*a-b*b", "ceildiv(S,3)*b+mod(S,2)", "max(S,7)", "-2*S*past+4"})
    EXPECT_EQ(parse(parse(text).str()).str(), parse(text).str());
}

TEST(SymExpr, Malformed) {
  for (const char *text : {"", "S+", "(S", "f(S,1)", "2S", "S T", "floordiv(S)", "99999999999999999999", "S//2"})
    EXPECT_FALSE(SymExpr::parse(text).has_value()) << text;
  EXPECT_FALSE(SymExpr::parse(std::string(10000, '(')).has_value());
}

TEST(SymExpr, DimensionNamesOfModels) {
  EXPECT_EQ(SymExpr::fromDimParam("16").constant(), 16);
  EXPECT_EQ(SymExpr::fromDimParam("past_sequence_length + sequence_length").str(),
            "past_sequence_length+sequence_length");
  EXPECT_EQ(SymExpr::fromDimParam("batch size").str(), "batch_size");
  EXPECT_EQ(SymExpr::fromDimParam("2nd").str(), "_2nd");
}

TEST(SymExpr, Simplification) {
  SymExpr s = SymExpr::symbol("S"), b = SymExpr::symbol("B");
  EXPECT_EQ(SymExpr::floordiv(s * b * SymExpr(64), s * SymExpr(16)).str(), "4*B");
  EXPECT_EQ(SymExpr::divideExactly(s * SymExpr(2) + b * SymExpr(4), SymExpr(2))->str(), "2*B+S");
  EXPECT_FALSE(SymExpr::divideExactly(s + SymExpr(1), SymExpr(2)).has_value());
  EXPECT_EQ(SymExpr::min(s, s + SymExpr(1)), s);
  const SymExpr cut = SymExpr::min(SymExpr(256), s), t = SymExpr::symbol("T");
  EXPECT_EQ(SymExpr::min(cut, s), cut);
  EXPECT_EQ(SymExpr::min(SymExpr(256), cut), cut);
  EXPECT_EQ(SymExpr::min(SymExpr::min(s, t), SymExpr(8)), SymExpr::min(SymExpr::min(SymExpr(8), t), s));
  EXPECT_EQ(SymExpr::max(SymExpr::max(s, t), s), SymExpr::max(t, s));
  EXPECT_EQ(SymExpr::parse(SymExpr::min(SymExpr::min(s, t), SymExpr(8)).str()),
            SymExpr::min(s, SymExpr::min(t, SymExpr(8))));
  EXPECT_EQ(SymExpr::max(SymExpr(0), s), s);
  EXPECT_EQ(SymExpr::max(s, b).str(), "max(B,S)");
  EXPECT_EQ(SymExpr::mod(s * SymExpr(4), SymExpr(2)).str(), "0");
}

TEST(SymExpr, ExtremesDoNotTrap) {
  SymExpr least(INT64_MIN), minus(-1);
  SymExpr::floordiv(least, minus);
  SymExpr::ceildiv(least, minus);
  SymExpr::mod(least, minus);
  SymExpr::divideExactly(least, minus);
  (void)(least * minus);
  EXPECT_FALSE(SymExpr::floordiv(SymExpr(1), SymExpr(0)).constant().has_value());
  EXPECT_FALSE(parse("S*S").evaluate({{"S", int64_t{1} << 40}}).has_value());
}

// Arithmetic on expressions, then evaluation, equals evaluation, then arithmetic.
TEST(SymExpr, RandomExpressionsAgreeWithIntegers) {
  std::mt19937 random(7);
  std::map<std::string, int64_t> values{{"a", 3}, {"b", 11}, {"c", 1}};
  auto floorOf = [](int64_t x, int64_t y) { return x / y - (x % y != 0 && (x < 0) != (y < 0)); };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::pair<SymExpr, int64_t>> pool{{SymExpr::symbol("a"), 3},
                                                  {SymExpr::symbol("b"), 11},
                                                  {SymExpr::symbol("c"), 1},
                                                  {SymExpr(2), 2},
                                                  {SymExpr(5), 5}};
    for (int step = 0; step < 6; ++step) {
      auto [x, i] = pool[random() % pool.size()];
      auto [y, j] = pool[random() % pool.size()];
      switch (random() % 7) {
      case 0:
        pool.push_back({x + y, i + j});
        break;
      case 1:
        pool.push_back({x * y, i * j});
        break;
      case 2:
        pool.push_back({x - y, i - j});
        break;
      case 3:
        if (i >= 0 && j >= 0)
          pool.push_back({SymExpr::max(x, y), std::max(i, j)});
        break;
      case 4:
        if (i >= 0 && j >= 0)
          pool.push_back({SymExpr::min(x, y), std::min(i, j)});
        break;
      case 5:
        if (j > 0)
          pool.push_back({SymExpr::floordiv(x, y), floorOf(i, j)});
        break;
      default:
        if (j > 0)
          pool.push_back({SymExpr::mod(x, y), i - floorOf(i, j) * j});
        break;
      }
      auto [expr, number] = pool.back();
      ASSERT_EQ(expr.evaluate(values), number) << expr.str();
      ASSERT_EQ(parse(expr.str()), expr) << expr.str();
      ASSERT_EQ(expr.substitute({{"a", SymExpr(3)}, {"b", SymExpr(11)}, {"c", SymExpr(1)}}).constant(), number)
          << expr.str();
    }
  }
}
} // namespace
} // namespace janus::onnx
