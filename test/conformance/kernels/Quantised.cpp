#include "test/conformance/kernels/Quantised.h"

#include "absl/strings/str_cat.h"

namespace janus::conformance {

QuantisedMatrix::QuantisedMatrix(Random &random, int64_t n, int64_t k, abi::WeightFormat format)
    : n(n), k(k), format(format) {
  const int64_t count = int64_t{1} << format.bits;
  const auto kind = static_cast<abi::ZeroPoints>(format.zeros);
  for (int64_t i = 0; i < n * blocks(); ++i) {
    scales.push_back(random.Value() * 0.1f);
    zeros.push_back(kind == abi::ZeroPoints::kMiddle     ? static_cast<float>(count / 2)
                    : kind == abi::ZeroPoints::kIntegers ? static_cast<float>(random.Below(count))
                                                         : random.Value() * static_cast<float>(count));
  }
  for (int64_t i = 0; i < n * k; ++i) {
    integers.push_back(static_cast<uint8_t>(random.Below(count)));
    const int64_t block = i / k * blocks() + i % k / format.block;
    const float difference = static_cast<float>(integers.back()) - zeros[block];
    numbers.push_back(difference * scales[block]);
  }
}

Bytes PackQuantised(const Columns &columns, const abi::WeightFormat &format, int64_t k) {
  Bytes bytes;
  const auto put = [&](const void *from, size_t count) {
    const auto *begin = static_cast<const uint8_t *>(from);
    bytes.insert(bytes.end(), begin, begin + count);
  };
  for (size_t panel = 0; panel < columns.size(); panel += 32)
    for (int64_t first = 0; first < k; first += format.block) {
      const int64_t block = first / format.block;
      for (bool zero : {false, true})
        for (size_t j = panel; j < panel + 32; ++j) {
          const auto &[matrix, n] = columns[j];
          if (!zero) {
            const float scale = matrix ? matrix->scales[n * matrix->blocks() + block] : 0.0f;
            put(&scale, 4);
            continue;
          }
          const float number = matrix ? matrix->zeros[n * matrix->blocks() + block] : 0.0f;
          const auto integer = static_cast<uint8_t>(number);
          if (format.zeros == static_cast<int64_t>(abi::ZeroPoints::kIntegers))
            put(&integer, 1);
          else if (format.zeros == static_cast<int64_t>(abi::ZeroPoints::kNumbers))
            put(&number, 4);
        }
      for (int64_t i = first; i < std::min(k, first + format.block); ++i) {
        uint8_t row[32] = {};
        for (int64_t j = 0; j < 32; ++j)
          if (const auto &[matrix, n] = columns[panel + j]; matrix)
            row[j % (format.bits * 4)] |= matrix->integers[n * k + i] << (j / (format.bits * 4) * format.bits);
        put(row, format.bits * 4);
      }
    }
  return bytes;
}

Bytes PackQuantised(const QuantisedMatrix &matrix) {
  Columns columns((matrix.n + 31) / 32 * 32);
  for (int64_t n = 0; n < matrix.n; ++n)
    columns[n] = {&matrix, n};
  return PackQuantised(columns, matrix.format, matrix.k);
}

Bytes PackQuantised(const QuantisedMatrix &gate, const QuantisedMatrix &up) {
  Columns columns((gate.n + 15) / 16 * 32);
  for (int64_t n = 0; n < gate.n; ++n) {
    columns[n / 16 * 32 + n % 16] = {&gate, n};
    columns[n / 16 * 32 + 16 + n % 16] = {&up, n};
  }
  return PackQuantised(columns, gate.format, gate.k);
}

std::vector<abi::WeightFormat> Formats(const std::vector<int64_t> &blocks) {
  std::vector<abi::WeightFormat> formats;
  for (int64_t bits : {2, 4, 8})
    for (int64_t block : blocks)
      for (abi::ZeroPoints zeros : {abi::ZeroPoints::kMiddle, abi::ZeroPoints::kIntegers, abi::ZeroPoints::kNumbers})
        formats.push_back({bits, block, static_cast<int64_t>(zeros)});
  return formats;
}

std::string Name(const abi::WeightFormat &format) {
  return absl::StrCat(format.bits, " bits, blocks of ", format.block, ", zeros ", format.zeros);
}

} // namespace janus::conformance
