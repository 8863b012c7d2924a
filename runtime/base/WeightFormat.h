//===- WeightFormat.h - names of the formats of packed weights --*- C++ -*-===//
#ifndef JANUS_RUNTIME_BASE_WEIGHTFORMAT_H
#define JANUS_RUNTIME_BASE_WEIGHTFORMAT_H

#include "janus/ABI/Kernels.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <optional>
#include <string>
#include <string_view>

namespace janus {

/// What follows "panel32." or "expert-up32." in the name of a layout: "f32", "q4b32", "q8b64zi", "q2b16zf".
inline std::string WeightFormatName(const abi::WeightFormat &format) {
  if (format.bits == 0)
    return "f32";
  const auto zeros = static_cast<abi::ZeroPoints>(format.zeros);
  const char *suffix = zeros == abi::ZeroPoints::kIntegers ? "zi" : zeros == abi::ZeroPoints::kNumbers ? "zf" : "";
  return absl::StrCat("q", format.bits, "b", format.block, suffix);
}

/// The inverse; nothing for any other text.
inline std::optional<abi::WeightFormat> ParseWeightFormat(std::string_view name) {
  abi::WeightFormat format;
  if (name == "f32")
    return format;
  for (const abi::ZeroPoints zeros : {abi::ZeroPoints::kIntegers, abi::ZeroPoints::kNumbers}) {
    const std::string_view suffix = zeros == abi::ZeroPoints::kIntegers ? "zi" : "zf";
    if (name.size() > 2 && name.substr(name.size() - 2) == suffix) {
      format.zeros = static_cast<int64_t>(zeros);
      name.remove_suffix(2);
      break;
    }
  }
  if (name.size() < 4 || name[0] != 'q' || (name[1] != '2' && name[1] != '4' && name[1] != '8') || name[2] != 'b')
    return std::nullopt;
  format.bits = name[1] - '0';
  const std::string_view block = name.substr(3);
  if (!absl::SimpleAtoi(absl::string_view(block.data(), block.size()), &format.block) || format.block < 1 ||
      block != std::to_string(format.block))
    return std::nullopt;
  return format;
}

} // namespace janus

#endif // JANUS_RUNTIME_BASE_WEIGHTFORMAT_H
