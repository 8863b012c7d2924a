//===- Functions.h - model-local functions --------------------------*- C++ -*-===//
#pragma once
#include "lib/Import/Reader/Diagnostics.h"
#include "lib/Import/Reader/Reader.h"

namespace janus::onnx {

/// A function that the model brings along: a body for an operator that a node calls by domain, type and overload.
struct Function {
  std::string domain, name, overload;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> attributes; // those without a default
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
};

/// Replaces calls of functions by their bodies, in the graphs inside nodes too, until none is left. A call of an
/// operator that `native` knows stays: its own meaning counts. Reports functions that call themselves, calls nested
/// deeper than limits.depth, and models that grow beyond limits.nodes or limits.graphBytes; false when there are any.
bool inlineFunctions(Model &model, const std::vector<Function> &functions, const NativeOperator &native,
                     Diagnostics &diagnostics, const Limits &limits);

} // namespace janus::onnx
