//===- Facts.h - what a recovered model consists of -------------*- C++ -*-===//
//
// Read from moe operations, wherever they stand: in the candidate of recovery,
// in @step, or in the fragments of a step function. `--check` and `--explain`
// say the same because both ask here.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_COMMUNICATION_FACTS_H
#define JANUS_COMMUNICATION_FACTS_H

#include "dialects/moe/IR/MoEOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nlohmann/json.hpp"

namespace janus {

/// The layers in order, as docs/check.md defines them: {"layer": N, "attention": {...}, "moe": {...}, "mlp": {...}};
/// what a layer does not have, or what is not recovered of it, is absent. A layer begins with its attention; where that
/// is not recovered, with its mixture of experts. "sequences": what stays a function of a sequence's rows.
nlohmann::json layerFacts(mlir::func::FuncOp step);

/// Numbers that a moe.sequence keeps of a sequence.
int64_t stateElements(moe::SequenceOp op);

/// Stored bytes of the weights by role, {"embedding": {"bytes": N, "side": "attention"}, ...}: as they lie in the
/// files, not packed; a weight that two operations read counts once, for the first. Without "side" where nothing is
/// partitioned.
nlohmann::json weightFacts(mlir::func::FuncOp step);

/// "attention" and "moe" of a layer, in words.
std::string attentionText(const nlohmann::json &attention);
std::string mixtureText(const nlohmann::json &moe);

/// Layers as text, a group of equal ones a paragraph: "layers 0, 2  attention ...". Lines start with `indent`.
std::string layersText(const nlohmann::json &layers, const std::string &indent);

/// "3", "0 to 3" or "0, 2 to 5" for ascending numbers.
std::string rangesText(const std::vector<int64_t> &numbers);
/// "512 B", "1.5 KiB", "3.1 MiB", "12.0 GiB".
std::string bytesText(int64_t bytes);

} // namespace janus

#endif // JANUS_COMMUNICATION_FACTS_H
