#include "tools/janus-compile/Report.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace mlir;

namespace janus {
namespace {

/// The importer's locations hold an ONNX node's name around the file and the node's index; dumps have lines.
void printLocation(llvm::raw_ostream &out, Location location) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    auto file = dyn_cast<FileLineColLoc>(name.getChildLoc());
    if (file)
      out << file.getFilename().getValue() << ": ";
    if (!file || file.getLine()) // 0 is the graph as a whole
      out << "node '" << name.getName().getValue() << "': ";
  } else if (auto file = dyn_cast<FileLineColLoc>(location)) {
    out << file.getFilename().getValue();
    if (file.getLine())
      out << ":" << file.getLine() << ":" << file.getColumn();
    out << ": ";
  } else if (auto fused = dyn_cast<FusedLoc>(location); fused && !fused.getLocations().empty()) {
    printLocation(out, fused.getLocations().front());
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    printLocation(out, call.getCallee());
  }
}

const char *severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note: ";
  case DiagnosticSeverity::Warning:
    return "warning: ";
  case DiagnosticSeverity::Error:
    return "error: ";
  case DiagnosticSeverity::Remark:
    return "remark: ";
  }
  return "";
}

} // namespace

Progress::Progress() : terminal(isatty(STDERR_FILENO)) {}

void Progress::show(const std::string &text) {
  if (!terminal)
    return;
  llvm::errs() << "\r\033[K" << text;
  llvm::errs().flush();
}

void Progress::clear() { show(""); }

LogicalResult print(Diagnostic &diagnostic, bool remarks) {
  if (diagnostic.getSeverity() == DiagnosticSeverity::Remark && !remarks)
    return success();
  printLocation(llvm::errs(), diagnostic.getLocation());
  std::string text = diagnostic.str();
  StringRef message(text);
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error && message.starts_with("[JNS-ONNX-")) {
    auto [code, rest] = message.split("] "); // as the importer writes them
    llvm::errs() << "error" << code << "]: " << rest << "\n";
  } else {
    llvm::errs() << severityName(diagnostic.getSeverity()) << message << "\n";
  }
  for (Diagnostic &note : diagnostic.getNotes())
    (void)print(note, remarks);
  return success();
}

} // namespace janus
