//===- Unpack.h - quantised panels through the f32 tiles --------*- C++ -*-===//
//
// A panel of integers is turned into f32 a stretch of k at a time, into scratch
// that stays in L1, and the stretch runs through the same chains as an f32
// panel: the sums of a stretch start where those of the one before ended, so
// each output is still one chain of FMAs and has the bits of f32 weights.
//
// Roofline: at 4 bits and blocks of 32 a weight is 5 bits, so that DRAM gives
// 6.4 times as many of them a second as f32; turning 32 of them into f32 costs
// about as much as two rows' FMAs and is done once for all rows of a task.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_CPU_UNPACK_H
#define JANUS_KERNELS_CPU_UNPACK_H

#include "kernels/common/Quantised.h"
#include "kernels/cpu/Tile.h"

namespace janus::JANUS_ISA {

/// Rows of a stretch: 16 KiB of f32; and activation rows whose sums are kept (12 KiB).
inline constexpr int64_t kStretch = 128;
inline constexpr int64_t kSumRows = 96;

/// kLanes integers from column `column` on of a row of `Bits` bits.
template <int Bits> [[gnu::always_inline]] inline Vec Integers(const unsigned char *row, int column) {
  using Int = Lanes<Vec>::Int;
  typedef unsigned char Raw __attribute__((vector_size(kLanes)));
  constexpr int kBytes = Bits * 4;
  Raw raw;
  Int shift;
  if constexpr (kLanes <= kBytes) {
    __builtin_memcpy(&raw, row + column % kBytes, kLanes);
    shift = Int{} + column / kBytes * Bits;
  } else { // 16 lanes of 8 bytes: two fields of each
    __builtin_memcpy(&raw, row, kBytes);
    __builtin_memcpy(reinterpret_cast<unsigned char *>(&raw) + kBytes, row, kBytes);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i)
      shift[i] = (column + i) / kBytes * Bits;
  }
  return __builtin_convertvector(__builtin_convertvector(raw, Int) >> shift & ((1 << Bits) - 1), Vec);
}

/// Rows [begin, begin + count) of a panel as f32 [count][32].
template <int Bits>
inline void UnpackRows(const abi::WeightFormat &format, const unsigned char *panel, int64_t begin, int64_t count,
                       float *to) {
  const int64_t header = abi::BlockHeaderBytes(format);
  for (int64_t k = begin; k < begin + count;) {
    const int64_t b = k / format.block, next = (b + 1) * format.block;
    const int64_t end = next < begin + count ? next : begin + count;
    const unsigned char *block = panel + QuantisedBlockBegin(format, b);
    Vec scale[kPanelVecs], zero[kPanelVecs];
    float zeros[32];
    for (int j = 0; j < 32; ++j)
      zeros[j] = QuantisedZero(format, block, j);
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      scale[v] = LoadVec(reinterpret_cast<const float *>(block) + v * kLanes);
      zero[v] = LoadVec(zeros + v * kLanes);
    }
    const unsigned char *row = block + header + (k - b * format.block) * (Bits * 4);
    for (; k < end; ++k, row += Bits * 4, to += 32) {
      __builtin_prefetch(row + 1024);
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVecs; ++v)
        StoreVec(to + v * kLanes, (Integers<Bits>(row, v * kLanes) - zero[v]) * scale[v]);
    }
  }
}

inline void Unpack(const abi::WeightFormat &format, const unsigned char *panel, int64_t begin, int64_t count,
                   float *to) {
  switch (format.bits) {
  case 2:
    return UnpackRows<2>(format, panel, begin, count, to);
  case 4:
    return UnpackRows<4>(format, panel, begin, count, to);
  default:
    return UnpackRows<8>(format, panel, begin, count, to);
  }
}

/// One stretch of weights [count][32]: sums[r] += its chains over x.Row(r)[from ...].
template <typename Source> struct StretchBody {
  const Source &source;
  int64_t first, from, count;
  const float *w;
  float (*sums)[32];

  template <int M, int... Offsets> [[gnu::always_inline]] void Columns(const float *const (&x)[M], int64_t at) {
    constexpr int kVecs = sizeof...(Offsets);
    Vec acc[M][kVecs];
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      int n = 0;
      ((acc[m][n++] = LoadVec(sums[at + m] + Offsets)), ...);
    }
    ContinueChains<M, 1, Offsets...>(x, w, count, acc);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      int n = 0;
      (StoreVec(sums[at + m] + Offsets, acc[m][n++]), ...);
    }
  }

  template <int M> void Run(int64_t at) {
    const float *x[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
      x[m] = source.Row(first + at + m) + from;
    if constexpr (kLanes == 16) {
      Columns<M, 0, 16>(x, at);
    } else {
      Columns<M, 0, 8>(x, at);
      Columns<M, 16, 24>(x, at);
    }
  }
};

/// Rows [0, rows) of source against `panels` quantised panels at w; see RunPanels.
template <typename Source, typename Emit>
inline void RunQuantised(const Source &source, int64_t rows, const abi::WeightFormat &format, const unsigned char *w,
                         int64_t k, int64_t column, int panels, Emit &emit) {
  alignas(64) float stretch[kStretch * 32];
  alignas(64) float sums[kSumRows][32];
  for (int p = 0; p < panels; ++p, w += abi::PanelBytes(format, k), column += 32)
    for (int64_t first = 0; first < rows; first += kSumRows) {
      const int64_t some = rows - first < kSumRows ? rows - first : kSumRows;
      std::memset(sums, 0, sizeof(float) * 32 * some);
      for (int64_t from = 0; from < k; from += kStretch) {
        const int64_t count = k - from < kStretch ? k - from : kStretch;
        Unpack(format, w, from, count, stretch);
        StretchBody<Source> body{source, first, from, count, stretch, sums};
        ForRowBlocks(some, body);
      }
      for (int64_t r = 0; r < some; ++r)
        for (int j = 0; j < 16; j += kLanes)
          emit.Pair(first + r, column + j, LoadVec(sums[r] + j), LoadVec(sums[r] + 16 + j));
    }
}

/// Panels [panel, panel + panels) of a packed weight, in whatever format.
template <typename Source, typename Emit>
inline void RunWeight(const Source &source, int64_t rows, const abi::WeightFormat &format, const void *weight,
                      int64_t k, int64_t panel, int panels, Emit &emit) {
  const auto *w = static_cast<const unsigned char *>(weight) + panel * abi::PanelBytes(format, k);
  if (format.bits == 0)
    RunPanels(source, rows, reinterpret_cast<const float *>(w), k, panel * 32, panels, emit);
  else
    RunQuantised(source, rows, format, w, k, panel * 32, panels, emit);
}

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_CPU_UNPACK_H
