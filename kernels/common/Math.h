//===- Math.h - our own exp, log, tanh, erf, sigmoid ------------*- C++ -*-===//
//
// Polynomials over any vector type of Simd.h, with the same bits in every lane
// count: only add, mul, FMA, divide, compare, select and integer operations.
// Coefficients are least-squares fits (Lawson's reweighting, f64) to the
// functions on the given intervals, rounded to f32.
//
// Largest errors against f64, over all f32 inputs of the range (tested):
//   Exp      1.1 ulp    all x; below -103.97 it is 0, above 88.73 infinity
//   Log      1.1 ulp    all x > 0; Log(0) = -inf, Log(x < 0) = NaN
//   Tanh     2.0 ulp    all x
//   Erf      2.0 ulp    all x
//   Sigmoid  3.0 ulp    x >= -88; below it loses accuracy and reaches 0
// NaN gives NaN.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_COMMON_MATH_H
#define JANUS_KERNELS_COMMON_MATH_H

#include "kernels/common/Simd.h"

#include <limits>

namespace janus::JANUS_ISA {

template <typename V> inline typename Lanes<V>::Int BitsOf(V v) {
  return __builtin_bit_cast(typename Lanes<V>::Int, v);
}
template <typename V, typename I> inline V FromBits(I bits) { return __builtin_bit_cast(V, bits); }
template <typename V> inline V Splat(float v) { return Lanes<V>::Splat(v); }
template <typename V> inline V Abs(V x) { return FromBits<V>(BitsOf(x) & 0x7fffffff); }
/// |magnitude| with the sign of x.
template <typename V> inline V WithSign(V magnitude, V x) {
  return FromBits<V>((BitsOf(magnitude) & 0x7fffffff) | (BitsOf(x) & static_cast<int32_t>(0x80000000)));
}

/// x = n ln2 + r, |r| <= ln2 / 2; 1 + r + r^2 P(r); scaled by 2^n in two steps,
/// so that subnormal results are rounded once and overflow gives infinity.
template <typename V> inline V Exp(V x) {
  const V low = Splat<V>(-105.0f), high = Splat<V>(90.0f);
  V clamped = x < low ? low : x;
  clamped = clamped > high ? high : clamped;
  const V magic = Splat<V>(0x1.8p23f); // adding it rounds to an integer
  const V shifted = Fma(clamped, Splat<V>(0x1.715476p+0f), magic);
  const V n = shifted - magic;
  V r = Fma(n, Splat<V>(-0x1.62e4p-1f), clamped);
  r = Fma(n, Splat<V>(-0x1.7f7d1cp-20f), r);
  V p = Splat<V>(0x1.6db4e4p-10f);
  p = Fma(p, r, Splat<V>(0x1.123be0p-7f));
  p = Fma(p, r, Splat<V>(0x1.55545ep-5f));
  p = Fma(p, r, Splat<V>(0x1.55548ep-3f));
  p = Fma(p, r, Splat<V>(0.5f));
  p = Fma(p, r * r, r);
  p = p + Splat<V>(1.0f);
  const auto exponent = BitsOf(shifted) - 0x4b400000;
  const auto half = exponent >> 1;
  const V first = FromBits<V>((half + 127) << 23), second = FromBits<V>((exponent - half + 127) << 23);
  const V result = p * first * second;
  return x == x ? result : x;
}

/// x = m 2^e, m in [sqrt(1/2), sqrt(2)), f = m - 1; f - f^2/2 + f^3 P(f) + e ln2.
template <typename V> inline V Log(V x) {
  const auto subnormal = x < Splat<V>(0x1p-126f);
  const V normal = subnormal ? x * Splat<V>(0x1p23f) : x;
  const auto bits = BitsOf(normal) - 0x3f3504f3; // sqrt(1/2)
  const V m = FromBits<V>((bits & 0x007fffff) + 0x3f3504f3);
  // The arithmetic shift's integer becomes a float exactly: |e| < 2^22.
  const V e =
      FromBits<V>((bits >> 23) + 0x4b400000) - Splat<V>(0x1.8p23f) - (subnormal ? Splat<V>(23.0f) : Splat<V>(0.0f));
  const V f = m - Splat<V>(1.0f);
  V p = Splat<V>(0x1.1b3e98p-4f);
  p = Fma(p, f, Splat<V>(-0x1.e2e7d0p-4f));
  p = Fma(p, f, Splat<V>(0x1.e65188p-4f));
  p = Fma(p, f, Splat<V>(-0x1.fb438cp-4f));
  p = Fma(p, f, Splat<V>(0x1.2332b6p-3f));
  p = Fma(p, f, Splat<V>(-0x1.5562e0p-3f));
  p = Fma(p, f, Splat<V>(0x1.99a546p-3f));
  p = Fma(p, f, Splat<V>(-0x1.ffffeep-3f));
  p = Fma(p, f, Splat<V>(0x1.555546p-2f));
  const V square = f * f;
  V tail = Fma(p * f, square, e * Splat<V>(0x1.7f7d1cp-20f));
  tail = Fma(Splat<V>(-0.5f), square, tail);
  V result = Fma(e, Splat<V>(0x1.62e4p-1f), f + tail);
  const float infinity = std::numeric_limits<float>::infinity();
  result = x == Splat<V>(infinity) ? x : result;
  result = x == Splat<V>(0.0f) ? Splat<V>(-infinity) : result;
  return x >= Splat<V>(0.0f) ? result : Splat<V>(std::numeric_limits<float>::quiet_NaN());
}

/// |x| < 0.65: x + x^3 P(x^2); else 1 - 2 / (exp(2|x|) + 1).
template <typename V> inline V Tanh(V x) {
  const V a = Abs(x), z = x * x;
  V p = Splat<V>(-0x1.6a52eep-8f);
  p = Fma(p, z, Splat<V>(0x1.4f9936p-6f));
  p = Fma(p, z, Splat<V>(-0x1.b7da4ep-5f));
  p = Fma(p, z, Splat<V>(0x1.11044ep-3f));
  p = Fma(p, z, Splat<V>(-0x1.555526p-2f));
  const V small = Fma(p * z, x, x);
  const V one = Splat<V>(1.0f);
  const V large = one - Splat<V>(2.0f) / (Exp(a + a) + one);
  return a < Splat<V>(0.65f) ? small : WithSign(large, x);
}

/// |x| < 0.95: x P(x^2); else 1 - exp(Q(|x|)), Q fitted to log(erfc).
template <typename V> inline V Erf(V x) {
  const V a = Abs(x), z = x * x;
  V p = Splat<V>(0x1.496a28p-14f);
  p = Fma(p, z, Splat<V>(-0x1.a3f6fcp-11f));
  p = Fma(p, z, Splat<V>(0x1.5405b2p-8f));
  p = Fma(p, z, Splat<V>(-0x1.b7f90cp-6f));
  p = Fma(p, z, Splat<V>(0x1.ce2cf8p-4f));
  p = Fma(p, z, Splat<V>(-0x1.81273ep-2f));
  p = Fma(p, z, Splat<V>(0x1.06eba8p-3f)); // 2 / sqrt(pi) = 1 + this
  const V small = Fma(p, x, x);
  const V b = a < Splat<V>(4.0f) ? a : Splat<V>(4.0f);
  V q = Splat<V>(-0x1.63d9a6p-21f);
  q = Fma(q, b, Splat<V>(-0x1.9db8b4p-17f));
  q = Fma(q, b, Splat<V>(0x1.9379e4p-12f));
  q = Fma(q, b, Splat<V>(-0x1.070596p-8f));
  q = Fma(q, b, Splat<V>(0x1.968864p-6f));
  q = Fma(q, b, Splat<V>(-0x1.b9fb54p-4f));
  q = Fma(q, b, Splat<V>(-0x1.446accp-1f));
  q = Fma(q, b, Splat<V>(-0x1.21202ap+0f));
  q = Fma(q, b, Splat<V>(0x1.41aa6ap-13f));
  const V large = WithSign(Splat<V>(1.0f) - Exp(q), x);
  const V result = a < Splat<V>(0.95f) ? small : large;
  return x == x ? result : x;
}

/// 1 / (1 + exp(-x)).
template <typename V> inline V Sigmoid(V x) {
  const V one = Splat<V>(1.0f);
  return one / (one + Exp(-x));
}

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_COMMON_MATH_H
