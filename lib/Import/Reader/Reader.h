//===- Reader.h - a bounded reader of ONNX files --------------------*- C++ -*-===//
// Turns untrusted bytes into a checked Model. LLVM-free; no global state, so calls may run in parallel. Memory grows
// with the number of nodes, not with the weights.
#pragma once
#include "lib/Import/Reader/Diagnostics.h"
#include "lib/Import/Reader/Model.h"
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace janus::onnx {

struct Limits {
  size_t fileBytes = size_t{1} << 32;  // protobuf itself ends at 2 GiB
  size_t graphBytes = size_t{1} << 30; // what is not weights
  size_t nodes = 2'000'000, values = 4'000'000, attributesPerNode = 256, valuesPerNode = 100'000;
  int depth = 64; // nested messages
};

/// IR and opset versions that are read. A newer ai.onnx opset is read as kMaxOpset, with a warning.
inline constexpr int64_t kMinIr = 3, kMaxIr = 14, kMinOpset = 13, kMaxOpset = 28;

/// Whether an operator, by domain and type, is known by itself: a model-local function of its name is then not used.
using NativeOperator = std::function<bool(const std::string &, const std::string &)>;
inline bool noNativeOperators(const std::string &, const std::string &) { return false; }

/// Reads the model at `path`, its functions inlined. Nothing when there are errors; `diagnostics` then says all that
/// could be found.
std::optional<Model> readModel(const std::string &path, Diagnostics &diagnostics,
                               const NativeOperator &native = noNativeOperators, const Limits &limits = {});

/// The same, but what could be read is returned beside errors: its names may be undefined, its order that of the file,
/// its tensors unusable. For whoever goes on only to find further errors. Nothing where the file as such is at fault.
std::optional<Model> readModelWithErrors(const std::string &path, Diagnostics &diagnostics,
                                         const NativeOperator &native = noNativeOperators, const Limits &limits = {});

/// As readModel for bytes in memory; `folder` is where external files are looked for, `file` the name given to
/// references into the bytes.
std::optional<Model> readModel(std::string_view bytes, const std::string &folder, const std::string &file,
                               Diagnostics &diagnostics, const Limits &limits = {},
                               const NativeOperator &native = noNativeOperators);

} // namespace janus::onnx
