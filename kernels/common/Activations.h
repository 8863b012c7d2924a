//===- Activations.h - what happens between up and down ---------*- C++ -*-===//
#ifndef JANUS_KERNELS_COMMON_ACTIVATIONS_H
#define JANUS_KERNELS_COMMON_ACTIVATIONS_H

#include "janus/ABI/Kernels.h"
#include "kernels/common/Math.h"

namespace janus::JANUS_ISA {

/// The gate's part: abi::Activation of g. `kind` is not kSwiGlu.
template <typename V> inline V ActivateGate(abi::Activation kind, V g) {
  const V zero = Splat<V>(0.0f), one = Splat<V>(1.0f), half = Splat<V>(0.5f);
  switch (kind) {
  case abi::Activation::kGelu:
    return half * g * (one + Erf(g * Splat<V>(0x1.6a09e6p-1f)));
  case abi::Activation::kGeluTanh: {
    const V inner = Splat<V>(0x1.988454p-1f) * (g + Splat<V>(0.044715f) * g * g * g);
    return half * g * (one + Tanh(inner));
  }
  case abi::Activation::kRelu:
    return g > zero ? g : zero;
  case abi::Activation::kRelu2: {
    const V positive = g > zero ? g : zero;
    return positive * positive;
  }
  case abi::Activation::kIdentity:
    return g;
  default:
    return g * Sigmoid(g);
  }
}

/// The hidden value of one pair; `u` is ignored when `args.gated` is 0. SwiGLU
/// without an up half is alpha-scaled SiLU of the limited gate.
template <typename V> inline V Activate(const abi::ExpertsArgs &args, V g, V u) {
  const auto kind = static_cast<abi::Activation>(args.activation);
  if (kind != abi::Activation::kSwiGlu)
    return args.gated ? ActivateGate(kind, g) * u : ActivateGate(kind, g);
  const V limit = Splat<V>(args.limit);
  g = g > limit ? limit : g;
  const V gate = g * Sigmoid(Splat<V>(args.alpha) * g);
  if (!args.gated)
    return gate;
  u = u > limit ? limit : u;
  u = u < -limit ? -limit : u;
  return gate * (u + Splat<V>(args.beta));
}

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_COMMON_ACTIVATIONS_H
