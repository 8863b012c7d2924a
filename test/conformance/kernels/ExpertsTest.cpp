#include "kernels/common/Pack.h"
#include "test/conformance/kernels/Support.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <limits>

namespace janus::conformance {
namespace {

struct Shape {
  int64_t hidden, intermediate;
  bool gated;
  abi::Activation activation;
  float alpha = 1, beta = 0, limit = std::numeric_limits<float>::infinity();
  bool bias = false;
  std::vector<int32_t> group_rows;
  bool weigh_input = false;
};

std::vector<Shape> Shapes() {
  using A = abi::Activation;
  std::vector<Shape> shapes;
  const std::vector<int32_t> few = {1, 3, 2}, many = {40, 1, 13, 7, 12, 24}, each = {8, 4, 5, 6, 9, 10}, none = {};
  for (auto [hidden, intermediate] :
       {std::pair<int64_t, int64_t>{64, 32}, {97, 45}, {33, 16}, {40, 71}, {5, 3}, {1, 1}, {1, 40}, {40, 1}})
    for (A activation : {A::kSwiGlu, A::kSilu, A::kGelu, A::kGeluTanh, A::kRelu, A::kRelu2, A::kIdentity})
      for (bool gated : {true, false}) {
        const size_t variant = shapes.size();
        shapes.push_back({hidden, intermediate, gated, activation, 1, 0, std::numeric_limits<float>::infinity(),
                          variant % 2 == 0,
                          variant % 5 == 4   ? many
                          : variant % 5 == 2 ? each
                                             : few});
      }
  for (bool bias : {true, false}) {
    shapes.push_back({64, 48, true, A::kSwiGlu, 1.702f, 1.0f, 0.7f, bias, many});
    shapes.push_back({64, 48, false, A::kSwiGlu, 1.702f, 1.0f, 0.7f, bias, few});
  }
  shapes.push_back({64, 48, true, A::kSwiGlu, 1, 0, 1, false, none});
  for (bool gated : {true, false})
    for (A activation : {A::kSwiGlu, A::kRelu2})
      shapes.push_back({40, 37, gated, activation, 1, 0, std::numeric_limits<float>::infinity(), false, each, true});
  return shapes;
}

struct Case {
  static constexpr int64_t kSlots = 9, kRows = 50;
  Shape shape;
  Floats x, weights;
  std::vector<int32_t> slots, begins, rows;
  std::vector<Floats> up, down, up_bias, down_bias;
  std::vector<Floats> gate_rows, up_rows, down_rows; // [I, H], [I, H], [H, I], not packed

  explicit Case(const Shape &shape) : shape(shape) {
    const int64_t h = shape.hidden, i = shape.intermediate;
    Random random(h * 1009 + i * 17 + static_cast<int64_t>(shape.activation) * 2 + shape.gated);
    x = random.Values(kRows * XStride());
    begins.push_back(0);
    for (size_t g = 0; g < shape.group_rows.size(); ++g) {
      slots.push_back(static_cast<int32_t>(g + g / 2)); // some slots have no work
      begins.push_back(begins.back() + shape.group_rows[g]);
    }
    for (int32_t pair = 0; pair < begins.back(); ++pair)
      rows.push_back(static_cast<int32_t>(random.Below(kRows)));
    weights = random.Values(begins.back());
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      gate_rows.push_back(random.Values(i * h, 0.5f));
      up_rows.push_back(random.Values(i * h, 0.5f));
      down_rows.push_back(random.Values(h * i, 0.5f));
      up.emplace_back(shape.gated ? ExpertUpFloats(i, h) : PanelFloats(i, h));
      if (shape.gated)
        PackExpertUp(gate_rows.back().data(), up_rows.back().data(), h, i, h, up.back().data());
      else
        PackPanels(gate_rows.back().data(), h, i, h, up.back().data());
      down.emplace_back(PanelFloats(h, i));
      PackPanels(down_rows.back().data(), i, h, i, down.back().data());
      up_bias.push_back(random.Values(2 * i));
      down_bias.push_back(random.Values(h));
    }
  }
  int64_t XStride() const { return shape.hidden + 2; }
  std::string Name(const abi::KernelTable &table) const {
    return absl::StrCat(table.name, ": experts H ", shape.hidden, ", I ", shape.intermediate, ", gated ", shape.gated,
                        ", activation ", static_cast<int64_t>(shape.activation));
  }

  /// y of all pairs when only groups [first, last) run in this call.
  Floats Result(const abi::KernelTable &table, Split split, int64_t first, int64_t last, Floats y = {}) const {
    const auto pointers = [](const std::vector<Floats> &from) {
      std::vector<const void *> to;
      for (const Floats &each : from)
        to.push_back(each.data());
      return to;
    };
    const auto ups = pointers(up), downs = pointers(down), up_biases = pointers(up_bias),
               down_biases = pointers(down_bias);
    Floats h(begins.back() * ((shape.intermediate + 15) / 16 * 16), 9.0f);
    y.resize(begins.back() * shape.hidden, -7.0f);
    abi::ExpertsArgs args = {};
    args.hidden = shape.hidden;
    args.intermediate = shape.intermediate;
    args.gated = shape.gated;
    args.activation = static_cast<int64_t>(shape.activation);
    args.alpha = shape.alpha;
    args.beta = shape.beta;
    args.limit = shape.limit;
    args.weigh_input = shape.weigh_input;
    args.groups = last - first;
    args.group_slot = slots.data() + first;
    args.group_begin = begins.data() + first;
    args.pair_row = rows.data();
    args.pair_weight = weights.data();
    args.x = x.data();
    args.x_stride = XStride();
    args.up = ups.data();
    args.down = downs.data();
    args.up_bias = shape.bias ? up_biases.data() : nullptr;
    args.down_bias = shape.bias ? down_biases.data() : nullptr;
    args.h = h.data();
    args.y = y.data();
    Run(table.experts_up, args, split);
    Run(table.experts_down, args, split);
    return y;
  }
  Floats Result(const abi::KernelTable &table, Split split = Split::kWhole) const {
    return Result(table, split, 0, static_cast<int64_t>(slots.size()));
  }
};

/// The activation of Kernels.h, in double.
double Act(const Shape &shape, double g, double u) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  using A = abi::Activation;
  switch (shape.activation) {
  case A::kSwiGlu: {
    const double limit = shape.limit, top = std::min(g, limit);
    const double other = shape.gated ? std::clamp(u, -limit, limit) + shape.beta : 1.0;
    return top * sigmoid(shape.alpha * top) * other;
  }
  case A::kSilu:
    return g * sigmoid(g) * u;
  case A::kGelu:
    return 0.5 * g * (1 + std::erf(g / std::sqrt(2.0))) * u;
  case A::kGeluTanh:
    return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g))) * u;
  case A::kRelu:
    return std::max(g, 0.0) * u;
  case A::kRelu2:
    return std::max(g, 0.0) * std::max(g, 0.0) * u;
  case A::kIdentity:
    return g * u;
  }
  return NAN;
}

/// y[p] = weight[p] * (down . act(gate . x[row[p]] + b, up . x + b) + b), pair by pair, in double; with weigh_input the
/// weight multiplies x.
Floats Formula(const Case &test) {
  const Shape &shape = test.shape;
  const int64_t h = shape.hidden, width = shape.intermediate;
  Floats y(test.begins.back() * h);
  for (size_t g = 0; g < test.slots.size(); ++g)
    for (int32_t pair = test.begins[g]; pair < test.begins[g + 1]; ++pair) {
      const int32_t slot = test.slots[g];
      const float *x = test.x.data() + test.rows[pair] * test.XStride();
      std::vector<double> hidden(width);
      for (int64_t i = 0; i < width; ++i) {
        double gate = shape.bias ? test.up_bias[slot][i] : 0, up = shape.bias ? test.up_bias[slot][width + i] : 0;
        for (int64_t k = 0; k < h; ++k) {
          gate += static_cast<double>(x[k]) * test.gate_rows[slot][i * h + k];
          up += static_cast<double>(x[k]) * test.up_rows[slot][i * h + k];
        }
        if (shape.weigh_input) {
          gate *= test.weights[pair];
          up *= test.weights[pair];
        }
        hidden[i] = Act(shape, gate, shape.gated ? up : 1.0);
      }
      for (int64_t n = 0; n < h; ++n) {
        double sum = shape.bias ? test.down_bias[slot][n] : 0;
        for (int64_t i = 0; i < width; ++i)
          sum += hidden[i] * test.down_rows[slot][n * width + i];
        y[pair * h + n] = static_cast<float>(shape.weigh_input ? sum : test.weights[pair] * sum);
      }
    }
  return y;
}

TEST(Experts, EqualTheFormula) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    const Floats want = Formula(test);
    for (const auto *table : AvailableKernels())
      ExpectNear(test.Result(*table), want, 1e-5, test.Name(*table));
  }
}

TEST(Experts, EqualReference) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    const Floats want = test.Result(reference::kTable);
    for (const auto *table : Tested())
      ExpectNear(test.Result(*table), want, 1e-5, test.Name(*table));
  }
}

TEST(Experts, BytesDoNotDependOnTableOrSplit) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    if (Tested().empty())
      GTEST_SKIP() << "unavailable: this CPU runs the reference kernels only";
    const Floats want = test.Result(*Tested().front());
    for (const auto *table : Tested())
      for (Split split : kSplits)
        ExpectSameBytes(test.Result(*table, split), want, test.Name(*table));
  }
}

TEST(Experts, AGroupAloneEqualsTheGroupAmongOthers) {
  for (const Shape &shape : Shapes()) {
    const Case test(shape);
    for (const auto *table : Tested()) {
      Floats alone(test.begins.back() * shape.hidden, -7.0f);
      for (size_t g = 0; g < test.slots.size(); ++g)
        alone = test.Result(*table, Split::kWhole, g, g + 1, alone);
      ExpectSameBytes(alone, test.Result(*table), test.Name(*table));
    }
  }
}

/// A pair's bytes do not depend on the number of rows in its group.
TEST(Experts, APairAloneEqualsThePairInItsGroup) {
  Shape shape = {97, 45, true, abi::Activation::kSwiGlu, 1.702f, 1.0f, 7.0f, true, {40}};
  const Case test(shape);
  for (const auto *table : Tested()) {
    const Floats whole = test.Result(*table);
    for (int32_t pair = 0; pair < 40; ++pair) {
      Case one = test;
      one.begins = {pair, pair + 1};
      const Floats alone = one.Result(*table);
      for (int64_t n = 0; n < shape.hidden; ++n)
        ASSERT_EQ(alone[pair * shape.hidden + n], whole[pair * shape.hidden + n]) << test.Name(*table);
    }
  }
}

} // namespace
} // namespace janus::conformance
