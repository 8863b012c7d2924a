//===- Causes.h - what is wrong with a model, each cause once ---*- C++ -*-===//
#ifndef JANUS_TOOLS_COMPILE_CAUSES_H
#define JANUS_TOOLS_COMPILE_CAUSES_H

#include "lib/Import/Reader/Diagnostics.h"
#include "mlir/IR/Diagnostics.h"
#include "nlohmann/json.hpp"

#include <map>
#include <string>
#include <vector>

namespace janus {

/// One cause, with the nodes that have it.
struct Cause {
  mlir::DiagnosticSeverity severity = mlir::DiagnosticSeverity::Error;
  std::string code;               // "JNS-ONNX-005", or empty
  std::string text, file;         // file: where the nodes are; "model.mlir:3:7" in a dump
  std::vector<std::string> nodes; // the first ones, in order of the file; none where the model as a whole is concerned
  int64_t count = 0;              // nodes in all
  std::string operation;          // "com.microsoft.MoE", where known
  std::vector<std::string> notes; // lines
  bool imported = false;          // found by the importer, which has a form of its own
};

/// Collects errors, warnings and remarks. However many nodes a file has, what is kept and printed is bounded: kMaxNodes
/// names of a cause, kMaxCauses causes, names of kMaxName bytes.
class Causes {
public:
  static constexpr size_t kMaxNodes = 10, kMaxCauses = 100, kMaxName = 400;

  void add(mlir::Diagnostic &diagnostic);
  void add(const onnx::Diagnostics &diagnostics);

  bool hasErrors() const { return errors_ > 0; }
  /// In order of the first node of each.
  const std::vector<Cause> &all() const { return all_; }
  int64_t left() const { return left_; } // diagnostics of causes that were not kept

  /// Those not yet printed, on stderr: `error[JNS-ONNX-001]: nodes 'a', 'b' and 7 more (DOMAIN.OP, opset V): ...` from
  /// the importer, `model.onnx: node 'a': error[JNS-ONNX-005]: ...` from passes.
  void printNew();

private:
  void merge(Cause cause);
  std::vector<Cause> all_;
  std::map<std::string, size_t> known_;
  size_t printed_ = 0;
  int64_t errors_ = 0, left_ = 0, leftPrinted_ = 0;
};

/// {"code", "severity", "text", "nodes", "count", "operator", "notes"}
nlohmann::json toJson(const Cause &cause);
/// The line for a reader, notes below it.
std::string toText(const Cause &cause);

} // namespace janus

#endif // JANUS_TOOLS_COMPILE_CAUSES_H
