//===- Explain.h - every choice of the compiler, as text or JSON -*- C++ -*-===//
//
// The report behind `janus-compile --explain` and the artifact's plan.json. It
// reads a module after the schedule stage, or the attribute that
// janus-record-plan left on a later one, and changes nothing.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_COMMUNICATION_EXPLAIN_H
#define JANUS_COMMUNICATION_EXPLAIN_H

#include "mlir/IR/BuiltinOps.h"
#include "nlohmann/json.hpp"

#include <optional>
#include <string>

namespace janus {

/// The module attribute with the report as JSON text (janus-record-plan).
inline constexpr const char *kPlanAttr = "janus.plan";

struct ExplainOptions {
  bool json = false; // JSON in place of text
  /// A parsed topology file (docs/topology.md): adds predicted messages, bytes, times, the scheme chosen by rows, and
  /// memory of each instance.
  std::optional<nlohmann::json> topology;
};

/// The report as JSON: "contract" and, for a language model, "model", "recovered", "steps" (fragments with origins,
/// transfers with schemes, memory, and the facts of Facts.h as "layers" and "stored") and, with a topology,
/// "prediction"; for a tensor program "operators". Sizes are bytes. Keys are sorted, so that equal modules give equal
/// bytes. A topology that docs/topology.md does not allow gives "prediction": {"error": "..."}; readTopology checks it
/// first.
nlohmann::json explainJson(mlir::ModuleOp module, const ExplainOptions &options);

/// The report as text for a reader, or as indented JSON.
std::string explain(mlir::ModuleOp module, const ExplainOptions &options);

/// Reads, parses and checks a topology file. Returns the empty string and sets `topology`, or returns what is wrong:
/// the file or field, what was found, what is expected.
std::string readTopology(const std::string &path, nlohmann::json &topology);

} // namespace janus

#endif // JANUS_COMMUNICATION_EXPLAIN_H
