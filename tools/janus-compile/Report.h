//===- Report.h - what janus-compile tells its user -------------*- C++ -*-===//
#ifndef JANUS_TOOLS_COMPILE_REPORT_H
#define JANUS_TOOLS_COMPILE_REPORT_H

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace janus {

/// One line on a terminal that is rewritten; nothing in a pipe.
class Progress {
public:
  Progress();
  ~Progress() { clear(); }
  void show(const std::string &text);
  void clear();

private:
  bool terminal;
};

/// Prints a remark and its notes to stderr, as `model.onnx: node '/model/moe': remark: ...` where it comes from an ONNX
/// node and `file:line:column: remark: ...` elsewhere.
void print(mlir::Diagnostic &diagnostic);

} // namespace janus

#endif // JANUS_TOOLS_COMPILE_REPORT_H
