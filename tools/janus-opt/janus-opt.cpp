// janus-opt: runs any pass of any stage on MLIR text, or on an ONNX model with --import-onnx=FILE in place of the
// input.
#include "janus/Pipelines/Register.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#if JANUS_HAS_IMPORT
#include "janus/Import/ImportOnnx.h"
#endif

namespace {
/// The input as MLIR: a file of MLIR, or the import of an ONNX model.
std::unique_ptr<llvm::MemoryBuffer> openInput(llvm::StringRef model, llvm::StringRef input) {
#if JANUS_HAS_IMPORT
  if (!model.empty()) {
    std::string text;
    if (!janus::importOnnxAsText(model, text, llvm::errs()))
      return nullptr;
    return llvm::MemoryBuffer::getMemBufferCopy(text, model);
  }
#endif
  std::string error;
  auto buffer = mlir::openInputFile(input, &error);
  if (!buffer)
    llvm::errs() << error << "\n";
  return buffer;
}
} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  janus::hideLibraryOptions();
  // Taken out before LLVM's options are parsed, so that no option is global.
  std::string model;
  int kept = 0;
  for (int i = 0; i < argc; ++i) {
    llvm::StringRef argument(argv[i]);
    if (argument.consume_front("--import-onnx="))
      model = argument.str();
    else
      argv[kept++] = argv[i];
  }
  argc = kept;
  mlir::DialectRegistry registry;
  janus::registerAllDialects(registry);
  janus::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv,
      "runs passes of any stage, in the order given, over MLIR text from a file or from stdin, and prints the "
      "result\n\n"
      "  janus-opt model.mlir --janus-partition=gate-side=auto --janus-communicate   whole stages\n"
      "  janus-opt dumps/recover.mlir --janus-drop-unused-weights                    one pass, on a dump of "
      "janus-compile\n"
      "  janus-opt --import-onnx=FILE --janus-import                                 an ONNX model in place of MLIR\n\n"
      "Passes and stages are the options --janus-...; what each does: `ninja -C build janus-docs`, "
      "build/docs/passes-*.md.\n",
      registry);
  auto buffer = openInput(model, input);
  if (!buffer)
    return 1;
  std::string error;
  auto file = mlir::openOutputFile(output, &error);
  if (!file) {
    llvm::errs() << error << "\n";
    return 1;
  }
  if (mlir::failed(
          mlir::MlirOptMain(file->os(), std::move(buffer), registry, mlir::MlirOptMainConfig::createFromCLOptions())))
    return 1;
  file->keep();
  return 0;
}
