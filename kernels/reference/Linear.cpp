#include "kernels/common/Quantised.h"
#include "kernels/reference/Reference.h"

#include <algorithm>
#include <cmath>

namespace janus::reference {
namespace {

/// Column j of panel `panel` of a packed weight times x.
double Dot(const float *x, const void *packed, const abi::WeightFormat &format, int64_t panel, int64_t j, int64_t k) {
  const auto *begin = static_cast<const unsigned char *>(packed) + panel * abi::PanelBytes(format, k);
  double sum = 0;
  for (int64_t i = 0; i < k; ++i)
    sum += static_cast<double>(x[i]) * (format.bits ? portable::QuantisedElement(format, begin, i, j)
                                                    : reinterpret_cast<const float *>(begin)[i * abi::kPanel + j]);
  return sum;
}

/// Row n of panel32 of [*, k] times x.
double Dot(const float *x, const void *packed, const abi::WeightFormat &format, int64_t n, int64_t k) {
  return Dot(x, packed, format, n / 32, n % 32, k);
}

/// Row i of the gate (half 0) or up (half 1) of expert-up32 of [*, k] times x.
double DotUp(const float *x, const void *packed, const abi::WeightFormat &format, int64_t i, int64_t half, int64_t k) {
  return Dot(x, packed, format, i / 16, half * 16 + i % 16, k);
}

double ActivateGate(abi::Activation kind, double g) {
  switch (kind) {
  case abi::Activation::kGelu:
    return 0.5 * g * (1 + std::erf(g / std::sqrt(2.0)));
  case abi::Activation::kGeluTanh:
    return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
  case abi::Activation::kRelu:
    return std::max(g, 0.0);
  case abi::Activation::kRelu2:
    return std::max(g, 0.0) * std::max(g, 0.0);
  case abi::Activation::kIdentity:
    return g;
  case abi::Activation::kSilu:
  case abi::Activation::kSwiGlu:
    break;
  }
  return g / (1 + std::exp(-g));
}

double Activate(const abi::ExpertsArgs &args, double g, double u) {
  const auto kind = static_cast<abi::Activation>(args.activation);
  if (kind == abi::Activation::kSwiGlu) {
    g = std::min<double>(g, args.limit);
    const double gate = g / (1 + std::exp(-args.alpha * g));
    return args.gated ? gate * (std::clamp<double>(u, -args.limit, args.limit) + args.beta) : gate;
  }
  return args.gated ? ActivateGate(kind, g) * u : ActivateGate(kind, g);
}

const abi::ExpertsArgs &Experts(const void *args) { return *static_cast<const abi::ExpertsArgs *>(args); }

int64_t SlotOf(const abi::ExpertsArgs &args, int64_t pair) {
  int64_t group = 0;
  while (args.group_begin[group + 1] <= pair)
    ++group;
  return args.group_slot[group];
}

int64_t HiddenStride(const abi::ExpertsArgs &args) { return (args.intermediate + 15) / 16 * 16; }

double Bias(const void *const *table, int64_t slot, int64_t i) {
  return table ? static_cast<const float *>(table[slot])[i] : 0.0;
}

} // namespace

int64_t CountLinear(const void *args) { return static_cast<const abi::LinearArgs *>(args)->rows; }

void RunLinear(const void *pointer, int64_t begin, int64_t end, uint32_t) {
  const auto &args = *static_cast<const abi::LinearArgs *>(pointer);
  for (int64_t r = begin; r < end; ++r)
    for (int64_t n = 0; n < args.n; ++n) {
      double sum = Dot(args.x + r * args.x_stride, args.weight, args.format, n, args.k);
      if (args.bias)
        sum += args.bias[n];
      if (args.residual)
        sum += args.residual[r * args.residual_stride + n];
      args.y[r * args.y_stride + n] = static_cast<float>(sum);
    }
}

int64_t CountExperts(const void *args) { return Experts(args).group_begin[Experts(args).groups]; }

void RunExpertsUp(const void *pointer, int64_t begin, int64_t end, uint32_t) {
  const abi::ExpertsArgs &args = Experts(pointer);
  const int64_t count = args.intermediate;
  for (int64_t pair = begin; pair < end; ++pair) {
    const int64_t slot = SlotOf(args, pair);
    const void *w = args.up[slot];
    const float *x = args.x + args.pair_row[pair] * args.x_stride;
    for (int64_t i = 0; i < count; ++i) {
      const abi::WeightFormat &format = args.up_format;
      double gate = args.gated ? DotUp(x, w, format, i, 0, args.hidden) : Dot(x, w, format, i, args.hidden);
      double up = args.gated ? DotUp(x, w, format, i, 1, args.hidden) : 0.0;
      gate += Bias(args.up_bias, slot, i);
      if (args.gated)
        up += Bias(args.up_bias, slot, count + i);
      if (args.weigh_input) {
        gate *= args.pair_weight[pair];
        up *= args.pair_weight[pair];
      }
      args.h[pair * HiddenStride(args) + i] = static_cast<float>(Activate(args, gate, up));
    }
  }
}

void RunExpertsDown(const void *pointer, int64_t begin, int64_t end, uint32_t) {
  const abi::ExpertsArgs &args = Experts(pointer);
  for (int64_t pair = begin; pair < end; ++pair) {
    const int64_t slot = SlotOf(args, pair);
    for (int64_t n = 0; n < args.hidden; ++n) {
      const double sum =
          Dot(args.h + pair * HiddenStride(args), args.down[slot], args.down_format, n, args.intermediate);
      args.y[pair * args.hidden + n] = static_cast<float>((args.weigh_input ? 1.0f : args.pair_weight[pair]) *
                                                          (sum + Bias(args.down_bias, slot, n)));
    }
  }
}

} // namespace janus::reference
