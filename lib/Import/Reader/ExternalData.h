//===- ExternalData.h - checked locations of external tensors ------*- C++ -*-===//
#pragma once
#include "absl/status/status.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace janus::onnx {

/// The files beside a model. A location must stay inside the model's folder: relative, without "..", and not through a
/// symbolic link that leaves it.
class ExternalData {
public:
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}

  /// The file's size in bytes, or why the location is refused. Looks at each file once.
  absl::Status size(const std::string &location, uint64_t &bytes);

private:
  struct File {
    absl::Status status;
    uint64_t bytes = 0;
  };
  File look(const std::string &location) const;
  std::string folder_;
  std::map<std::string, File> files_;
};

/// A decimal number without sign, as external data writes offsets.
bool parseDecimal(std::string_view text, uint64_t &value);

} // namespace janus::onnx
