//===- Tile.h - register tiles over packed panels ---------------*- C++ -*-===//
//
// The one inner loop of linear layers, experts and attention scores: M rows
// against 32 (or 2 x 32) columns of panels [K][32]. Every output is one chain of
// FMAs over k from +0, so its bits do not depend on M, on the number of columns
// taken at a time, or on the vector width.
//
// Registers: AVX-512 holds 12 x 2 vectors (all 32 columns); AVX2 6 x 2 (half of
// them, in two passes over a panel that is then in L2), or 3 x 4 for few rows.
// Roofline: with one row 0.5 flop per weight byte (DRAM), so a single row walks
// two panels at once and prefetches; with 12 rows the weights come from L2 at
// 6 flop per byte.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_CPU_TILE_H
#define JANUS_KERNELS_CPU_TILE_H

#include "janus/ABI/Kernels.h"
#include "kernels/common/Simd.h"

namespace janus::JANUS_ISA {

#if defined(__AVX512F__)
using Vec = F32x16;
inline constexpr int kMaxRows = 12;
#else
using Vec = F32x8;
inline constexpr int kMaxRows = 6;
#endif
inline constexpr int kLanes = Lanes<Vec>::kCount;
inline constexpr int kPanelVecs = 32 / kLanes;
/// Up to this many rows walk two panels at once: more streams for DRAM, and
/// enough chains to hide the latency of an FMA.
inline constexpr int kPairRows = kLanes == 16 ? 2 : 1;

/// How far ahead a panel is prefetched: 1 KiB.
inline constexpr int64_t kPrefetchFloats = 256;

inline Vec LoadVec(const float *from) { return Lanes<Vec>::Load(from); }
inline void StoreVec(float *to, Vec v) { Lanes<Vec>::Store(to, v); }
inline Vec SplatVec(float v) { return Lanes<Vec>::Splat(v); }

/// acc[m][n] goes on with the chain over k of x[m][k] * column vector n. `Panels` panels lie
/// k * 32 floats apart; of each the vectors at Offsets (floats) are taken.
template <int M, int Panels, int... Offsets>
[[gnu::always_inline]] inline void ContinueChains(const float *const (&x)[M], const float *w, int64_t k,
                                                  Vec (&acc)[M][Panels * sizeof...(Offsets)]) {
  constexpr int kVecs = sizeof...(Offsets);
  const float *second = w + k * 32;
#pragma GCC unroll 2
  for (int64_t i = 0; i < k; ++i) {
    Vec weight[Panels * kVecs];
    int n = 0;
    ((weight[n++] = LoadVec(w + i * 32 + Offsets)), ...);
    __builtin_prefetch(w + i * 32 + kPrefetchFloats);
    __builtin_prefetch(w + i * 32 + kPrefetchFloats + 16);
    if constexpr (Panels == 2) {
      ((weight[n++] = LoadVec(second + i * 32 + Offsets)), ...);
      __builtin_prefetch(second + i * 32 + kPrefetchFloats);
      __builtin_prefetch(second + i * 32 + kPrefetchFloats + 16);
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      const Vec value = SplatVec(x[m][i]);
#pragma GCC unroll 8
      for (int v = 0; v < Panels * kVecs; ++v)
        acc[m][v] = Fma(value, weight[v], acc[m][v]);
    }
  }
}

/// The same from +0.
template <int M, int Panels, int... Offsets>
[[gnu::always_inline]] inline void SumChains(const float *const (&x)[M], const float *w, int64_t k,
                                             Vec (&acc)[M][Panels * sizeof...(Offsets)]) {
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
    for (int n = 0; n < Panels * static_cast<int>(sizeof...(Offsets)); ++n)
      acc[m][n] = SplatVec(0.0f);
  ContinueChains<M, Panels, Offsets...>(x, w, k, acc);
}

/// Calls `body.template Run<M>(first)` for blocks of at most kMaxRows rows that
/// cover [0, rows), of nearly equal size.
template <int M, typename Body> [[gnu::always_inline]] inline void DispatchRows(int rows, int64_t first, Body &body) {
  if constexpr (M > 0) {
    if (rows == M)
      return body.template Run<M>(first);
    DispatchRows<M - 1>(rows, first, body);
  }
}

template <typename Body> inline void ForRowBlocks(int64_t rows, Body &body) {
  const int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t first = rows * b / blocks, last = rows * (b + 1) / blocks;
    DispatchRows<kMaxRows>(static_cast<int>(last - first), first, body);
  }
}

/// Rows of `source` (source.Row(r) is a pointer to k floats) against one panel
/// or two that follow each other. `emit.Pair(r, column, low, high)` receives the
/// sums of columns `column` + [0, kLanes) and `column` + 16 + [0, kLanes), counted
/// from the first panel's first column.
template <typename Source, typename Emit> struct PanelBody {
  const Source &source;
  Emit &emit;
  const float *w;
  int64_t k;
  int64_t column;
  bool two;

  template <int M> [[gnu::always_inline]] void Rows(const float *(&x)[M], int64_t first) const {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
      x[m] = source.Row(first + m);
  }

  template <int M, int N> [[gnu::always_inline]] void Emit2(Vec (&acc)[M][N], int64_t first, int64_t at) {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int n = 0; n < N / 2; ++n)
        emit.Pair(first + m, at + n / (kPanelVecs / 2) * 32 + n % (kPanelVecs / 2) * kLanes, acc[m][2 * n],
                  acc[m][2 * n + 1]);
  }

  template <int M, int Panels> [[gnu::always_inline]] void Whole(int64_t first) {
    const float *x[M];
    Rows(x, first);
    Vec acc[M][Panels * kPanelVecs];
    if constexpr (kLanes == 16)
      SumChains<M, Panels, 0, 16>(x, w, k, acc);
    else
      SumChains<M, Panels, 0, 16, 8, 24>(x, w, k, acc);
    Emit2(acc, first, column);
  }

  template <int M> void Run(int64_t first) {
    if constexpr (M <= kPairRows)
      if (two)
        return Whole<M, 2>(first);
    if constexpr (M * kPanelVecs <= kMaxRows * 2) {
      Whole<M, 1>(first);
    } else {
      const float *x[M];
      Rows(x, first);
      Vec acc[M][2];
      SumChains<M, 1, 0, 16>(x, w, k, acc);
      Emit2(acc, first, column);
      SumChains<M, 1, 8, 24>(x, w, k, acc);
      Emit2(acc, first, column + 8);
    }
  }
};

/// Rows [0, rows) of source against `panels` (1 or 2) panels at w.
template <typename Source, typename Emit>
inline void RunPanels(const Source &source, int64_t rows, const float *w, int64_t k, int64_t column, int panels,
                      Emit &emit) {
  PanelBody<Source, Emit> body{source, emit, w, k, column, panels == 2};
  if (panels == 2 && rows <= kPairRows)
    return ForRowBlocks(rows, body);
  body.two = false;
  for (int p = 0; p < panels; ++p) {
    ForRowBlocks(rows, body);
    body.w += k * 32;
    body.column += 32;
  }
}

/// `count` (1 .. kLanes) floats at `from`, the other lanes zero; and back.
inline Vec LoadSome(const float *from, int64_t count) {
  if (count >= kLanes)
    return LoadVec(from);
  float lanes[kLanes] = {};
  for (int64_t j = 0; j < count; ++j)
    lanes[j] = from[j];
  return LoadVec(lanes);
}
inline void StoreSome(float *to, Vec v, int64_t count) {
  if (count >= kLanes)
    return StoreVec(to, v);
  float lanes[kLanes];
  StoreVec(lanes, v);
  for (int64_t j = 0; j < count; ++j)
    to[j] = lanes[j];
}

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_CPU_TILE_H
