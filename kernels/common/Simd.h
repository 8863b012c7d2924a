//===- Simd.h - one source for 1, 8 and 16 lanes ----------------*- C++ -*-===//
//
// Kernel sources are templates over a vector type V: float, F32x8 or F32x16
// (compiler vector types: + - * / compare and ?: work lane by lane and round as
// on scalars). What is missing is added here by overloads. A lane computes the
// same bits in every V.
//
// These headers are compiled with different -m flags in different files, and
// the linker merges inline functions of one name: so everything here lives in a
// namespace named after the instruction set, JANUS_ISA, that each such file is
// compiled with. Elsewhere it is `portable`.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_COMMON_SIMD_H
#define JANUS_KERNELS_COMMON_SIMD_H

#include <cstdint>
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#ifndef JANUS_ISA
#define JANUS_ISA portable
#endif

namespace janus::JANUS_ISA {

/// Lanes of V, its integer twin, and how to get one from memory or a scalar.
template <typename V> struct Lanes;

template <> struct Lanes<float> {
  static constexpr int kCount = 1;
  using Int = int32_t;
  static float Load(const float *from) { return *from; }
  static void Store(float *to, float v) { *to = v; }
  static float Splat(float v) { return v; }
};
inline float Fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

#if defined(__AVX2__) && defined(__FMA__)
typedef float F32x8 __attribute__((vector_size(32)));
typedef int32_t I32x8 __attribute__((vector_size(32)));
template <> struct Lanes<F32x8> {
  static constexpr int kCount = 8;
  using Int = I32x8;
  static F32x8 Load(const float *from) { return (F32x8)_mm256_loadu_ps(from); }
  static void Store(float *to, F32x8 v) { _mm256_storeu_ps(to, (__m256)v); }
  static F32x8 Splat(float v) { return (F32x8)_mm256_set1_ps(v); }
};
inline F32x8 Fma(F32x8 a, F32x8 b, F32x8 c) { return (F32x8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#endif

#if defined(__AVX512F__)
typedef float F32x16 __attribute__((vector_size(64)));
typedef int32_t I32x16 __attribute__((vector_size(64)));
template <> struct Lanes<F32x16> {
  static constexpr int kCount = 16;
  using Int = I32x16;
  static F32x16 Load(const float *from) { return (F32x16)_mm512_loadu_ps(from); }
  static void Store(float *to, F32x16 v) { _mm512_storeu_ps(to, (__m512)v); }
  static F32x16 Splat(float v) { return (F32x16)_mm512_set1_ps(v); }
};
inline F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) { return (F32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#endif

/// a where a > b, else b (so NaN in a gives b, NaN in b gives NaN).
template <typename V> inline V Max(V a, V b) { return a > b ? a : b; }
template <typename V> inline V Min(V a, V b) { return a < b ? a : b; }

/// The sum of 16 virtual lanes by halving: 8, 4, 2, 1.
inline float SumLanes(const float *lanes) {
  float sum[8];
  for (int j = 0; j < 8; ++j)
    sum[j] = lanes[j] + lanes[j + 8];
  for (int width = 4; width > 0; width /= 2)
    for (int j = 0; j < width; ++j)
      sum[j] = sum[j] + sum[j + width];
  return sum[0];
}

/// The sum of `count` floats in 16 virtual lanes: lane j adds elements j,
/// j + 16, ... in order, from +0.
inline float SumOf(const float *values, int64_t count) {
  float lanes[16] = {};
  for (int64_t i = 0; i < count; ++i)
    lanes[i % 16] = lanes[i % 16] + values[i];
  return SumLanes(lanes);
}

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_COMMON_SIMD_H
