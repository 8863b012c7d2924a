//===- Quantised.h - quantised weights for kernel tests ---------*- C++ -*-===//
#ifndef JANUS_TEST_CONFORMANCE_KERNELS_QUANTISED_H
#define JANUS_TEST_CONFORMANCE_KERNELS_QUANTISED_H

#include "test/conformance/kernels/Support.h"

namespace janus::conformance {

/// Integers [n, k] with scales and zero points [n, blocks], and the numbers that they stand for.
struct QuantisedMatrix {
  int64_t n, k;
  abi::WeightFormat format;
  std::vector<uint8_t> integers;
  Floats scales, zeros, numbers;

  QuantisedMatrix(Random &random, int64_t n, int64_t k, abi::WeightFormat format);
  int64_t blocks() const { return (k + format.block - 1) / format.block; }
};

using Bytes = std::vector<uint8_t>;

/// Columns of a panel: row n of a matrix, or nothing (null).
using Columns = std::vector<std::pair<const QuantisedMatrix *, int64_t>>;

/// Panels of 32 columns each, written from the description in the kernel ABI.
Bytes PackQuantised(const Columns &columns, const abi::WeightFormat &format, int64_t k);
/// panelQ of a matrix; expert-up of gate and up.
Bytes PackQuantised(const QuantisedMatrix &matrix);
Bytes PackQuantised(const QuantisedMatrix &gate, const QuantisedMatrix &up);

/// Every format that kernels take, with blocks of these sizes.
std::vector<abi::WeightFormat> Formats(const std::vector<int64_t> &blocks);
std::string Name(const abi::WeightFormat &format);

} // namespace janus::conformance

#endif // JANUS_TEST_CONFORMANCE_KERNELS_QUANTISED_H
