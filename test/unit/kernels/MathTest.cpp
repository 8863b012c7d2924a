#include "kernels/common/Math.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <limits>

namespace janus {
namespace {

/// |got - want| in units of the last place of `want` as f32.
double UlpError(float got, double want) {
  if (std::isnan(want))
    return std::isnan(got) ? 0 : 1e30;
  if (std::fabs(want) > std::numeric_limits<float>::max() * (1 + 0x1p-25))
    return got == std::copysign(INFINITY, want) ? 0 : 1e30;
  int exponent = std::max(std::ilogb(want), -126);
  return std::fabs(static_cast<double>(got) - want) / std::ldexp(1.0, exponent - 23);
}

/// The largest error of `ours` over f32 inputs in [low, high], every
/// `stride`-th bit pattern of both signs.
template <typename Ours, typename Exact>
double Worst(Ours ours, Exact exact, float low, float high, uint32_t stride = 997) {
  double worst = 0;
  float at = 0;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += stride) {
    float x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!(x >= low && x <= high))
      continue;
    double error = UlpError(ours(x), exact(static_cast<double>(x)));
    if (error > worst) {
      worst = error;
      at = x;
    }
  }
  std::printf("largest error %.3f ulp at %a\n", worst, at);
  return worst;
}

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Math, Exp) {
  EXPECT_LE(Worst([](float x) { return portable::Exp(x); }, [](double x) { return std::exp(x); }, -kInf, kInf), 1.1);
  EXPECT_EQ(portable::Exp(0.0f), 1.0f); // attention relies on it
  EXPECT_EQ(portable::Exp(-kInf), 0.0f);
  EXPECT_EQ(portable::Exp(kInf), kInf);
  EXPECT_TRUE(std::isnan(portable::Exp(NAN)));
}

TEST(Math, Log) {
  EXPECT_LE(Worst([](float x) { return portable::Log(x); }, [](double x) { return std::log(x); }, 0x1p-149f, kInf),
            1.1);
  EXPECT_LE(Worst([](float x) { return portable::Log(x); }, [](double x) { return std::log(x); }, 0.5f, 2.0f, 3), 1.1);
  EXPECT_EQ(portable::Log(0.0f), -kInf);
  EXPECT_EQ(portable::Log(kInf), kInf);
  EXPECT_TRUE(std::isnan(portable::Log(-1.0f)));
  EXPECT_TRUE(std::isnan(portable::Log(NAN)));
}

TEST(Math, Tanh) {
  EXPECT_LE(Worst([](float x) { return portable::Tanh(x); }, [](double x) { return std::tanh(x); }, -kInf, kInf), 2.0);
  EXPECT_TRUE(std::isnan(portable::Tanh(NAN)));
}

TEST(Math, Erf) {
  EXPECT_LE(Worst([](float x) { return portable::Erf(x); }, [](double x) { return std::erf(x); }, -kInf, kInf), 2.0);
  EXPECT_TRUE(std::isnan(portable::Erf(NAN)));
}

TEST(Math, Sigmoid) {
  EXPECT_LE(Worst([](float x) { return portable::Sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }, -87.0f,
                  kInf),
            3.0);
  EXPECT_EQ(portable::Sigmoid(-kInf), 0.0f);
  EXPECT_EQ(portable::Sigmoid(kInf), 1.0f);
}

TEST(Math, VirtualLanesAreAddedByHalving) {
  float values[40];
  for (int i = 0; i < 40; ++i)
    values[i] = i == 3 ? 0x1p24f : 1.0f;
  // Lane 3 = 2^24 + 1 + 1 stays 2^24; lanes 0-7 have three ones, 8-15 two.
  // 8: lane 3 gets 2 (2^24 + 2), others 5; 4: lane 3 + 7; 2: 3 + 1; 1: 0 + 1.
  EXPECT_EQ(portable::SumOf(values, 40), ((0x1p24f + 2 + 5) + 10) + 20.0f);
}

} // namespace
} // namespace janus
