// janus-lsp-server: the MLIR language server with the dialects of every stage. An editor starts it and speaks the
// Language Server Protocol over stdin and stdout: diagnostics of the parser and the verifiers, definitions, uses,
// hover.
#include "janus/Pipelines/Register.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  janus::hideLibraryOptions();
  mlir::DialectRegistry registry;
  janus::registerAllDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
