//===- Quantised.h - panels of integers with block scales -------*- C++ -*-===//
//
// Reading and writing the quantised layouts of include/janus/ABI/Kernels.h, one
// panel at a time. What a panel holds comes from callbacks:
//   integer(k, j), scale(block, j), zero(block, j) of column j of the panel,
// where zero is an integer or an f32 as the format says, and unused without.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_COMMON_QUANTISED_H
#define JANUS_KERNELS_COMMON_QUANTISED_H

#include "janus/ABI/Kernels.h"
#include "kernels/common/Simd.h"

#include <cstring>

namespace janus::JANUS_ISA {

/// Where block `block` of a panel begins, in bytes.
inline int64_t QuantisedBlockBegin(const abi::WeightFormat &format, int64_t block) {
  return block * (abi::BlockHeaderBytes(format) + format.block * abi::PanelRowBytes(format));
}

/// The integer of column j in a row of a panel.
inline int QuantisedInteger(const abi::WeightFormat &format, const unsigned char *row, int64_t j) {
  const int64_t bytes = abi::PanelRowBytes(format);
  return row[j % bytes] >> (j / bytes * format.bits) & ((1 << format.bits) - 1);
}

/// Zero point of column j of the block that begins at `block`.
inline float QuantisedZero(const abi::WeightFormat &format, const unsigned char *block, int64_t j) {
  switch (static_cast<abi::ZeroPoints>(format.zeros)) {
  case abi::ZeroPoints::kIntegers:
    return static_cast<float>(block[abi::kPanel * 4 + j]);
  case abi::ZeroPoints::kNumbers: {
    float zero;
    std::memcpy(&zero, block + (abi::kPanel + j) * 4, 4);
    return zero;
  }
  case abi::ZeroPoints::kMiddle:
    break;
  }
  return static_cast<float>(1 << (format.bits - 1));
}

/// The weight at row k of column j of a panel: (q - z) * s in f32.
inline float QuantisedElement(const abi::WeightFormat &format, const void *panel, int64_t k, int64_t j) {
  const auto *block = static_cast<const unsigned char *>(panel) + QuantisedBlockBegin(format, k / format.block);
  const auto *row = block + abi::BlockHeaderBytes(format) + k % format.block * abi::PanelRowBytes(format);
  float scale;
  std::memcpy(&scale, block + j * 4, 4);
  const float difference = static_cast<float>(QuantisedInteger(format, row, j)) - QuantisedZero(format, block, j);
  return difference * scale;
}

/// Column j of a panel of k rows into `panel`, abi::PanelBytes(format, k) bytes that were zero. A column that the
/// weight does not have stays away: its scales of zero make it zeros.
template <typename Integer, typename Scale, typename Zero>
void PackQuantisedColumn(const abi::WeightFormat &format, int64_t k, int64_t j, Integer &&integer, Scale &&scale,
                         Zero &&zero, unsigned char *panel) {
  const int64_t bytes = abi::PanelRowBytes(format), shift = j / bytes * format.bits;
  for (int64_t b = 0; b * format.block < k; ++b) {
    unsigned char *block = panel + QuantisedBlockBegin(format, b);
    const float factor = scale(b, j);
    std::memcpy(block + j * 4, &factor, 4);
    if (format.zeros == static_cast<int64_t>(abi::ZeroPoints::kIntegers)) {
      block[abi::kPanel * 4 + j] = static_cast<unsigned char>(zero(b, j));
    } else if (format.zeros == static_cast<int64_t>(abi::ZeroPoints::kNumbers)) {
      const auto number = static_cast<float>(zero(b, j));
      std::memcpy(block + (abi::kPanel + j) * 4, &number, 4);
    }
    unsigned char *row = block + abi::BlockHeaderBytes(format) + j % bytes;
    const int64_t end = k < (b + 1) * format.block ? k : (b + 1) * format.block;
    for (int64_t i = b * format.block; i < end; ++i, row += bytes)
      *row = static_cast<unsigned char>(*row | integer(i, j) << shift);
  }
}

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_COMMON_QUANTISED_H
