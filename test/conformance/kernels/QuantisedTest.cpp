// Kernels over quantised weights give the bits that they give over the same weights in f32.
#include "test/conformance/kernels/Quantised.h"
#include "kernels/common/Pack.h"
#include "kernels/common/Quantised.h"

#include "absl/strings/str_cat.h"

#include <limits>

namespace janus::conformance {
namespace {

struct LinearCase {
  int64_t rows;
  QuantisedMatrix matrix;
  Bytes packed;
  Floats x, panels, bias, residual;

  LinearCase(Random random, int64_t rows, int64_t n, int64_t k, const abi::WeightFormat &format)
      : rows(rows), matrix(random, n, k, format), packed(PackQuantised(matrix)), x(random.Values(rows * (k + 3))),
        panels(PanelFloats(n, k)), bias(random.Values(n)), residual(random.Values(rows * n)) {
    PackPanels(matrix.numbers.data(), k, n, k, panels.data());
  }
  Floats Result(const abi::KernelTable &table, bool quantised, Split split = Split::kWhole) const {
    Floats y(rows * (matrix.n + 5), -7.0f);
    abi::LinearArgs args = {};
    args.rows = rows, args.k = matrix.k, args.n = matrix.n;
    args.x = x.data(), args.x_stride = matrix.k + 3;
    args.weight = quantised ? static_cast<const void *>(packed.data()) : panels.data();
    args.bias = bias.data(), args.residual = residual.data(), args.residual_stride = matrix.n;
    args.y = y.data(), args.y_stride = matrix.n + 5;
    if (quantised)
      args.format = matrix.format;
    Run(table.linear, args, split);
    return y;
  }
};

TEST(QuantisedLinear, HasTheBitsOfUnpackedWeights) {
  for (int64_t rows : {1, 2, 13, 100, 201})
    for (auto [n, k] : {std::pair<int64_t, int64_t>{1, 1}, {31, 33}, {64, 64}, {97, 130}, {70, 300}})
      for (const abi::WeightFormat &format : Formats({1, 16, 32, 1000})) {
        if (rows > 13 && (k != 300 || format.block == 1))
          continue;
        const LinearCase test(Random(rows * 7919 + n * 31 + k), rows, n, k, format);
        for (const auto *table : AvailableKernels())
          ExpectSameBytes(test.Result(*table, true), test.Result(*table, false),
                          absl::StrCat(table->name, ": ", rows, " rows, N ", n, ", K ", k, ", ", Name(format)));
      }
}

TEST(QuantisedLinear, BytesDoNotDependOnSplit) {
  const LinearCase test(Random(5), 300, 161, 200, {4, 32, 1});
  for (const auto *table : AvailableKernels())
    for (Split split : kSplits)
      ExpectSameBytes(test.Result(*table, true, split), test.Result(*table, false), table->name);
}

/// Experts whose first and second projections may have different formats, one of them f32.
void CheckExperts(const abi::WeightFormat &up_format, const abi::WeightFormat &down_format, bool gated) {
  constexpr int64_t kHidden = 70, kInner = 45, kSlots = 3, kRows = 20;
  const abi::WeightFormat some = {8, 16, 0}; // of numbers that are then packed as f32
  Random random(up_format.bits * 100 + down_format.bits * 10 + gated);
  std::vector<Bytes> ups, downs;
  std::vector<Floats> plain_ups, plain_downs;
  std::vector<const void *> up, down, plain_up, plain_down;
  for (int64_t slot = 0; slot < kSlots; ++slot) {
    const abi::WeightFormat &first = up_format.bits ? up_format : some, &second = down_format.bits ? down_format : some;
    const QuantisedMatrix gate(random, kInner, kHidden, first), other(random, kInner, kHidden, first);
    const QuantisedMatrix last(random, kHidden, kInner, second);
    ups.push_back(gated ? PackQuantised(gate, other) : PackQuantised(gate));
    downs.push_back(PackQuantised(last));
    plain_ups.emplace_back(gated ? ExpertUpFloats(kInner, kHidden) : PanelFloats(kInner, kHidden));
    plain_downs.emplace_back(PanelFloats(kHidden, kInner));
    if (gated)
      PackExpertUp(gate.numbers.data(), other.numbers.data(), kHidden, kInner, kHidden, plain_ups.back().data());
    else
      PackPanels(gate.numbers.data(), kHidden, kInner, kHidden, plain_ups.back().data());
    PackPanels(last.numbers.data(), kInner, kHidden, kInner, plain_downs.back().data());
  }
  for (int64_t slot = 0; slot < kSlots; ++slot) {
    plain_up.push_back(plain_ups[slot].data()), plain_down.push_back(plain_downs[slot].data());
    up.push_back(up_format.bits ? static_cast<const void *>(ups[slot].data()) : plain_up.back());
    down.push_back(down_format.bits ? static_cast<const void *>(downs[slot].data()) : plain_down.back());
  }
  const std::vector<int32_t> slots = {0, 2}, begins = {0, 14, 17};
  std::vector<int32_t> rows;
  for (int32_t pair = 0; pair < begins.back(); ++pair)
    rows.push_back(static_cast<int32_t>(random.Below(kRows)));
  const Floats x = random.Values(kRows * kHidden), weights = random.Values(begins.back());
  const auto result = [&](const abi::KernelTable &table, bool quantised) {
    Floats h(begins.back() * 48), y(begins.back() * kHidden);
    abi::ExpertsArgs args = {};
    args.hidden = kHidden, args.intermediate = kInner, args.gated = gated;
    args.activation = static_cast<int64_t>(abi::Activation::kSilu);
    args.alpha = 1, args.limit = std::numeric_limits<float>::infinity();
    args.groups = 2, args.group_slot = slots.data(), args.group_begin = begins.data();
    args.pair_row = rows.data(), args.pair_weight = weights.data();
    args.x = x.data(), args.x_stride = kHidden;
    args.up = quantised ? up.data() : plain_up.data(), args.down = quantised ? down.data() : plain_down.data();
    args.h = h.data(), args.y = y.data();
    if (quantised)
      args.up_format = up_format, args.down_format = down_format;
    Run(table.experts_up, args);
    Run(table.experts_down, args);
    return y;
  };
  for (const auto *table : AvailableKernels())
    ExpectSameBytes(result(*table, true), result(*table, false),
                    absl::StrCat(table->name, ": up ", Name(up_format), "; down ", Name(down_format)));
}

TEST(QuantisedExperts, HaveTheBitsOfUnpackedWeights) {
  for (const abi::WeightFormat &format : Formats({16, 32, 1000}))
    for (bool gated : {true, false}) {
      CheckExperts(format, format, gated);
      CheckExperts(format, {4, 32, 0}, gated);
      CheckExperts(format, {}, gated);
      CheckExperts({}, format, gated);
    }
}

/// What packers write is what the kernel ABI says.
TEST(QuantisedPack, WritesThePanelsOfTheAbi) {
  for (const abi::WeightFormat &format : Formats({1, 16, 32, 1000})) {
    Random random(format.bits);
    const QuantisedMatrix matrix(random, 45, 50, format);
    const Bytes want = PackQuantised(matrix);
    const int64_t panel = abi::PanelBytes(format, matrix.k);
    ASSERT_EQ(static_cast<int64_t>(want.size()), 2 * panel) << Name(format);
    Bytes got(want.size());
    for (int64_t n = 0; n < matrix.n; ++n) {
      portable::PackQuantisedColumn(
          format, matrix.k, n % 32, [&](int64_t k, int64_t) { return matrix.integers[n * matrix.k + k]; },
          [&](int64_t b, int64_t) { return matrix.scales[n * matrix.blocks() + b]; },
          [&](int64_t b, int64_t) { return matrix.zeros[n * matrix.blocks() + b]; }, got.data() + n / 32 * panel);
      for (int64_t k = 0; k < matrix.k; ++k)
        ASSERT_EQ(portable::QuantisedElement(format, want.data() + n / 32 * panel, k, n % 32),
                  matrix.numbers[n * matrix.k + k])
            << Name(format);
    }
    EXPECT_EQ(got, want) << Name(format);
  }
}

} // namespace
} // namespace janus::conformance
