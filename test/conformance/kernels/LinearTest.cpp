#include "kernels/common/Pack.h"
#include "test/conformance/kernels/Support.h"

#include "absl/strings/str_cat.h"

namespace janus::conformance {
namespace {

struct Shape {
  int64_t rows, k, n;
  bool bias, residual, in_place;
};

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  int variant = 0;
  for (int64_t rows : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 24, 25, 37, 70, 200, 400})
    for (auto [k, n] : {std::pair<int64_t, int64_t>{1, 1},
                        {1, 70},
                        {50, 1},
                        {3, 31},
                        {7, 33},
                        {64, 32},
                        {97, 64},
                        {130, 95},
                        {31, 161}}) {
      if (rows > 70 && k != 97 && k != 7)
        continue;
      ++variant;
      shapes.push_back({rows, k, n, variant % 2 == 0, variant % 3 != 0, variant % 3 == 2});
    }
  return shapes;
}

/// Inputs with strides above the widths, so that nobody may ignore them.
struct Case {
  Shape shape;
  Floats x, w, packed, bias, residual;

  explicit Case(const Shape &shape) : shape(shape) {
    Random random(shape.rows * 1000003 + shape.k * 1009 + shape.n);
    x = random.Values(shape.rows * XStride());
    w = random.Values(shape.n * shape.k);
    packed.resize(PanelFloats(shape.n, shape.k));
    PackPanels(w.data(), shape.k, shape.n, shape.k, packed.data());
    bias = random.Values(shape.n);
    residual = random.Values(shape.rows * ResidualStride());
  }
  int64_t XStride() const { return shape.k + 3; }
  int64_t YStride() const { return shape.n + 5; }
  /// Another than y's, unless the residual is y.
  int64_t ResidualStride() const { return shape.in_place ? YStride() : shape.n + 2; }

  Floats Result(const abi::KernelTable &table, Split split, int64_t first, int64_t rows) const {
    Floats y = shape.in_place ? residual : Floats(shape.rows * YStride(), -7.0f);
    abi::LinearArgs args = {rows,
                            shape.k,
                            shape.n,
                            x.data() + first * XStride(),
                            XStride(),
                            packed.data(),
                            shape.bias ? bias.data() : nullptr,
                            shape.residual ? (shape.in_place ? y.data() : residual.data()) + first * ResidualStride()
                                           : nullptr,
                            ResidualStride(),
                            y.data() + first * YStride(),
                            YStride(),
                            {}};
    Run(table.linear, args, split);
    return y;
  }
  Floats Result(const abi::KernelTable &table, Split split = Split::kWhole) const {
    return Result(table, split, 0, shape.rows);
  }
  std::string Name(const abi::KernelTable &table) const {
    return absl::StrCat(table.name, ": linear of ", shape.rows, " rows, K ", shape.k, ", N ", shape.n);
  }
};

TEST(Linear, EqualsReferenceAndWritesNothingElse) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    const Floats want = test.Result(reference::kTable);
    for (const auto *table : Tested()) {
      const Floats got = test.Result(*table);
      ExpectNear(got, want, 2e-6, test.Name(*table));
      for (int64_t r = 0; r < shape.rows; ++r) // the gap between rows
        for (int64_t n = shape.n; n < test.YStride(); ++n)
          ASSERT_EQ(got[r * test.YStride() + n], want[r * test.YStride() + n]) << test.Name(*table);
    }
  }
}

/// The contract itself: one FMA chain over k from +0, then bias, then residual.
TEST(Linear, EveryOutputIsOneFmaChain) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    Floats want = shape.in_place ? test.residual : Floats(shape.rows * test.YStride(), -7.0f);
    for (int64_t r = 0; r < shape.rows; ++r)
      for (int64_t n = 0; n < shape.n; ++n) {
        float sum = 0;
        for (int64_t k = 0; k < shape.k; ++k)
          sum = std::fma(test.x[r * test.XStride() + k], test.w[n * shape.k + k], sum);
        if (shape.bias)
          sum += test.bias[n];
        if (shape.residual)
          sum += test.residual[r * test.ResidualStride() + n];
        want[r * test.YStride() + n] = sum;
      }
    for (const auto *table : Tested())
      for (Split split : kSplits)
        ExpectSameBytes(test.Result(*table, split), want, test.Name(*table));
  }
}

TEST(Linear, ARowAloneEqualsTheRowInABatch) {
  for (const Shape &shape : {Shape{70, 97, 95, true, true, false}, Shape{13, 64, 33, false, false, false}}) {
    const Case test(shape);
    for (const auto *table : Tested()) {
      const Floats batch = test.Result(*table);
      for (int64_t r = 0; r < shape.rows; ++r) {
        const Floats alone = test.Result(*table, Split::kWhole, r, 1);
        for (int64_t n = 0; n < shape.n; ++n)
          ASSERT_EQ(alone[r * test.YStride() + n], batch[r * test.YStride() + n]) << test.Name(*table);
      }
    }
  }
}

} // namespace
} // namespace janus::conformance
