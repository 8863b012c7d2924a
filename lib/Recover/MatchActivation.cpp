// An activation is known by its values, not by how it is written.
#include "lib/Recover/MatchExperts.h"
#include "lib/Recover/Meaning/Evaluate.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

namespace {

double gateValue(moe::ActivationKind kind, double g) {
  switch (kind) {
  case moe::ActivationKind::gelu:
    return 0.5 * g * (1 + std::erf(g / std::sqrt(2.0)));
  case moe::ActivationKind::gelu_tanh:
    return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
  case moe::ActivationKind::relu:
    return std::max(g, 0.0);
  case moe::ActivationKind::relu2:
    return std::max(g, 0.0) * std::max(g, 0.0);
  case moe::ActivationKind::identity:
    return g;
  case moe::ActivationKind::silu:
  case moe::ActivationKind::swiglu:
    break;
  }
  return g / (1 + std::exp(-g));
}

double valueOf(const Activation &activation, double g, double u) {
  if (activation.kind != moe::ActivationKind::swiglu)
    return gateValue(activation.kind, g) * (activation.gated ? u : 1);
  double limit = activation.limit;
  g = std::min(g, limit);
  return g / (1 + std::exp(-activation.alpha * g)) * (std::clamp(u, -limit, limit) + activation.beta);
}

struct Point {
  double gate, up, value;
};

/// The factor between the points' values and the activation's; nothing when they are not proportional.
std::optional<double> factorOf(const Activation &activation, ArrayRef<Point> points) {
  const Point *largest = &points.front();
  double top = 0;
  for (const Point &point : points)
    if (double value = std::fabs(valueOf(activation, point.gate, point.up)); value > top)
      largest = &point, top = value;
  double factor = top > 0 ? largest->value / valueOf(activation, largest->gate, largest->up) : 1;
  if (std::fabs(factor - 1) < 2e-6)
    factor = 1;
  for (const Point &point : points) {
    double value = factor * valueOf(activation, point.gate, point.up);
    if (std::fabs(value - point.value) > 2e-6 * (1 + std::fabs(point.value)))
      return std::nullopt;
  }
  return factor == 0 ? std::nullopt : std::optional(factor);
}

} // namespace

std::optional<ScaledActivation> matchActivation(llvm::function_ref<double(double, double)> f, bool gated,
                                                ArrayRef<double> constants) {
  Samples samples(1);
  SmallVector<Point> points;
  for (int i = 0; i < 96; ++i) { // near zero, where curves differ, and far, where limits bind
    double range = i < 64 ? 4 : 40;
    double g = samples.between(-range, range), u = samples.between(-range, range);
    points.push_back({g, u, f(g, u)});
  }
  if (llvm::any_of(points, [](const Point &point) { return !std::isfinite(point.value); }))
    return std::nullopt;
  using Kind = moe::ActivationKind;
  for (Kind kind : {Kind::swiglu, Kind::silu, Kind::gelu, Kind::gelu_tanh, Kind::relu, Kind::relu2, Kind::identity}) {
    Activation activation;
    activation.kind = kind, activation.gated = gated;
    if (kind != Kind::swiglu || gated)
      if (auto factor = factorOf(activation, points))
        return ScaledActivation{activation, *factor};
  }
  if (!gated)
    return std::nullopt;
  SmallVector<float> alphas{1}, betas{0}, limits{std::numeric_limits<float>::infinity()};
  for (double constant : constants) {
    alphas.push_back(static_cast<float>(constant));
    betas.push_back(static_cast<float>(constant));
    if (constant > 0)
      limits.push_back(static_cast<float>(constant));
  }
  for (float alpha : alphas)
    for (float beta : betas)
      for (float limit : limits) {
        Activation activation{Kind::swiglu, alpha, beta, limit, true};
        if (auto factor = factorOf(activation, points))
          return ScaledActivation{activation, *factor};
      }
  return std::nullopt;
}

} // namespace janus::recover
