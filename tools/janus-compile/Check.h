//===- Check.h - janus-compile --check --------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_COMPILE_CHECK_H
#define JANUS_TOOLS_COMPILE_CHECK_H

#include "nlohmann/json.hpp"
#include "tools/janus-compile/Options.h"

#include <string>

namespace janus {

/// Numbers are exit codes.
enum class Verdict { kDisaggregated = 0, kRefused = 1, kPartlyRecovered = 3, kTensorProgram = 4 };

/// Imports, recovers and partitions the model, no more; reads no weights. The report is that of docs/check.md. With
/// `entered` an error (a folder that holds no model), the model is refused for it.
nlohmann::json checkModel(const CompileOptions &options, const absl::Status &entered, Verdict &verdict);

/// The report for a reader: 110 columns at most, but for long names.
std::string checkText(const nlohmann::json &report);

} // namespace janus

#endif // JANUS_TOOLS_COMPILE_CHECK_H
