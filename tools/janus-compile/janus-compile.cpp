//===- janus-compile.cpp - ONNX model in, artifact out --------------------===//
#include "janus/Import/ImportOnnx.h"
#include "janus/Pipelines/Register.h"
#include "janus/Target/Artifact.h"
#include "tools/janus-compile/Options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/ToolUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

#include <unistd.h>
#include <xxhash.h>

using namespace mlir;

namespace janus {
namespace {

/// One line on a terminal that is rewritten; nothing in a pipe.
class Progress {
public:
  void show(const std::string &text) {
    if (!terminal)
      return;
    llvm::errs() << "\r\033[K" << text;
    llvm::errs().flush();
  }
  ~Progress() {
    if (terminal)
      llvm::errs() << "\r\033[K";
  }

private:
  bool terminal = isatty(STDERR_FILENO);
};

absl::Status writeText(ModuleOp module, const std::string &path) {
  std::string message;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(path, &message);
  if (!file)
    return absl::PermissionDeniedError(message);
  module->print(file->os(), OpPrintingFlags().enableDebugInfo());
  file->os() << "\n";
  file->keep();
  return absl::OkStatus();
}

absl::StatusOr<std::string> hashFile(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", buffer.getError().message()));
  return absl::StrFormat("xxh3:%016x", XXH3_64bits((*buffer)->getBufferStart(), (*buffer)->getBufferSize()));
}

/// The module to start from; errors have been printed when it is null.
OwningOpRef<ModuleOp> load(const CompileOptions &options, MLIRContext &context) {
  if (options.from == Stage::kImport && !StringRef(options.input).ends_with(".mlir")) {
    onnx::Diagnostics diagnostics;
    OwningOpRef<ModuleOp> module = importOnnx(options.input, &context, diagnostics);
    llvm::errs() << diagnostics.str();
    return module;
  }
  return parseSourceFile<ModuleOp>(options.input, ParserConfig(&context));
}

absl::Status run(const CompileOptions &options) {
  Progress progress;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Remark && !options.explain)
      return success();
    return failure();
  });

  progress.show(absl::StrCat("reading ", options.input));
  absl::StatusOr<std::string> hash = hashFile(options.input);
  if (!hash.ok())
    return hash.status();
  OwningOpRef<ModuleOp> module = load(options, context);
  if (!module)
    return absl::InvalidArgumentError(absl::StrCat(options.input, " cannot be compiled"));

  if (!options.dumpStagesTo.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(options.dumpStagesTo))
      return absl::PermissionDeniedError(absl::StrCat("cannot create ", options.dumpStagesTo, ": ", error.message()));
  // A dump holds what is true after its stage, so that the next one is the first to run.
  bool dump = options.from != Stage::kImport;
  for (const StageInfo &info : allStages()) {
    if (info.stage < options.from || info.stage > options.to || info.stage == Stage::kTarget ||
        (dump && info.stage == options.from))
      continue;
    progress.show(info.name);
    PassManager manager(&context);
    buildStage(manager, info.stage, options.stages);
    if (failed(manager.run(*module)))
      return absl::InvalidArgumentError(absl::StrCat(options.input, ": stage ", info.name, " failed"));
    if (!options.dumpStagesTo.empty())
      if (absl::Status status = writeText(*module, absl::StrCat(options.dumpStagesTo, "/", info.name, ".mlir"));
          !status.ok())
        return status;
  }
  if (options.to != Stage::kTarget)
    return writeText(*module, options.output.empty() ? "-" : options.output);

  ArtifactOptions artifact;
  artifact.modelDirectory =
      options.modelDirectory.empty() ? llvm::sys::path::parent_path(options.input).str() : options.modelDirectory;
  artifact.modelHash = *hash;
  artifact.targets = options.targets;
  artifact.tokenizer = options.tokenizer;
  artifact.progress = [&](const std::string &what) { progress.show(absl::StrCat("writing ", what)); };
  return writeArtifact(*module, options.output, artifact);
}

} // namespace
} // namespace janus

int main(int argc, char **argv) {
  absl::StatusOr<janus::CompileOptions> options = janus::parseOptions(argc, argv);
  if (!options.ok()) {
    llvm::errs() << "janus-compile: " << std::string(options.status().message()) << "\n";
    return 2;
  }
  if (options->help) {
    llvm::outs() << janus::helpText();
    return 0;
  }
  absl::Status status = janus::run(*options);
  if (!status.ok()) {
    llvm::errs() << "janus-compile: " << std::string(status.message()) << "\n";
    return 1;
  }
  return 0;
}
