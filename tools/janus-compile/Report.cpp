#include "tools/janus-compile/Report.h"

#include "tools/janus-compile/Causes.h"

#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

namespace janus {

Progress::Progress() : terminal(isatty(STDERR_FILENO)) {}

void Progress::show(const std::string &text) {
  if (!terminal)
    return;
  llvm::errs() << "\r\033[K" << text;
  llvm::errs().flush();
}

void Progress::clear() { show(""); }

void print(mlir::Diagnostic &diagnostic) {
  Causes causes;
  causes.add(diagnostic);
  causes.printNew();
}

} // namespace janus
