//===- Pack.h - packed weight layouts ---------------------------*- C++ -*-===//
//
// Writes the layouts of include/janus/ABI/Kernels.h one panel at a time, so that
// whoever packs a model holds one panel (K * 32 floats), never a matrix.
//
// Rows come from a callback: `row(n)` returns a pointer to the K floats of row n,
// valid until the next call.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_COMMON_PACK_H
#define JANUS_KERNELS_COMMON_PACK_H

#include "janus/ABI/Kernels.h"

#include <cstring>

namespace janus {

/// Panels of panel32.f32 of [n, k]; each holds k * abi::kPanel floats.
inline int64_t PanelCount(int64_t n) { return (n + abi::kPanel - 1) / abi::kPanel; }
inline int64_t PanelFloats(int64_t n, int64_t k) { return PanelCount(n) * k * abi::kPanel; }
/// Panels of expert-up32.f32 of gate and up [i, h].
inline int64_t ExpertUpPanelCount(int64_t i) { return (i + 15) / 16; }
inline int64_t ExpertUpFloats(int64_t i, int64_t h) { return ExpertUpPanelCount(i) * h * abi::kPanel; }

namespace pack_detail {
/// Rows [begin, begin + columns) into columns [first, first + columns) of a
/// zeroed panel [k][32], as far as they are below `rows`.
template <typename Row>
void FillColumns(int64_t begin, int64_t columns, int64_t rows, int64_t k, int64_t first, Row &&row, float *panel) {
  for (int64_t j = 0; j < columns && begin + j < rows; ++j) {
    const float *from = row(begin + j);
    float *to = panel + first + j;
    for (int64_t i = 0; i < k; ++i)
      to[i * abi::kPanel] = from[i];
  }
}
} // namespace pack_detail

/// Panel p of panel32.f32 of W[n, k].
template <typename Row> void PackPanel(int64_t p, int64_t n, int64_t k, Row &&row, float *panel) {
  std::memset(panel, 0, sizeof(float) * k * abi::kPanel);
  pack_detail::FillColumns(p * abi::kPanel, abi::kPanel, n, k, 0, row, panel);
}

/// Panel p of expert-up32.f32 of gate[i, h] and up[i, h].
template <typename GateRow, typename UpRow>
void PackExpertUpPanel(int64_t p, int64_t i, int64_t h, GateRow &&gate, UpRow &&up, float *panel) {
  std::memset(panel, 0, sizeof(float) * h * abi::kPanel);
  pack_detail::FillColumns(p * 16, 16, i, h, 0, gate, panel);
  pack_detail::FillColumns(p * 16, 16, i, h, 16, up, panel);
}

/// A whole matrix from plain rows with `stride`: to[PanelFloats(n, k)].
inline void PackPanels(const float *w, int64_t stride, int64_t n, int64_t k, float *to) {
  for (int64_t p = 0; p < PanelCount(n); ++p)
    PackPanel(p, n, k, [&](int64_t r) { return w + r * stride; }, to + p * k * abi::kPanel);
}

/// One expert from plain rows: to[ExpertUpFloats(i, h)].
inline void PackExpertUp(const float *gate, const float *up, int64_t stride, int64_t i, int64_t h, float *to) {
  for (int64_t p = 0; p < ExpertUpPanelCount(i); ++p)
    PackExpertUpPanel(
        p, i, h, [&](int64_t r) { return gate + r * stride; }, [&](int64_t r) { return up + r * stride; },
        to + p * h * abi::kPanel);
}

} // namespace janus

#endif // JANUS_KERNELS_COMMON_PACK_H
