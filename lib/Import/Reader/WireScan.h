//===- WireScan.h - finds raw tensor bytes in a protobuf -----------*- C++ -*-===//
#pragma once
#include "absl/status/statusor.h"
#include <string>
#include <string_view>

namespace janus::onnx {

/// In the stripped message, a tensor's raw_data is replaced by two fields that the schema does not have: where the
/// bytes lie in the original. The numbers are dropped from what the file itself contains, so they can be trusted.
inline constexpr int kRawOffsetField = 100001, kRawLengthField = 100002;

/// Copies a serialized ModelProto without the raw_data of its tensors (initializers and constants of the main graph and
/// of model-local functions), so that parsing costs memory by nodes, not by weights. Checks the wire format of
/// everything it walks. Fails with the byte position on truncated or malformed input, or when the rest is larger than
/// `maxBytes`.
absl::StatusOr<std::string> stripRawData(std::string_view model, size_t maxBytes);

} // namespace janus::onnx
