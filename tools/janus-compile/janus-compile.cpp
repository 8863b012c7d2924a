//===- janus-compile.cpp - ONNX model in, artifact out --------------------===//
#include "dialects/moe/IR/MoEOps.h"
#include "janus/Communication/Explain.h"
#include "janus/Import/ImportOnnx.h"
#include "janus/Pipelines/Register.h"
#include "janus/Target/Artifact.h"
#include "lib/Import/Reader/ModelFolder.h"
#include "lib/Import/Reader/Reader.h"
#include "runtime/base/Json.h"
#include "tools/janus-compile/Causes.h"
#include "tools/janus-compile/Check.h"
#include "tools/janus-compile/Options.h"
#include "tools/janus-compile/Report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/ToolUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

#include <csignal>
#include <optional>
#include <xxhash.h>

using namespace mlir;

namespace janus {
namespace {

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
OwningOpRef<ModuleOp> load(const CompileOptions &options, MLIRContext &context, Causes &causes) {
  if (options.from == Stage::kImport && !StringRef(options.input).ends_with(".mlir")) {
    onnx::Diagnostics diagnostics;
    OwningOpRef<ModuleOp> module = importOnnx(options.input, &context, diagnostics, options.import);
    causes.add(diagnostics);
    return module;
  }
  return parseSourceFile<ModuleOp>(options.input, ParserConfig(&context));
}

/// Whether the module goes on as a tensor program: asked for, or there is no recovered model in it. Call after recover.
absl::StatusOr<Contract> chooseContract(ModuleOp module, const CompileOptions &options) {
  auto model = module->getAttrOfType<DictionaryAttr>(moe::kModelAttr);
  if (!model || options.stages.contract == Contract::kTensor) {
    if (!options.tokenizer.empty())
      return absl::InvalidArgumentError(absl::StrCat(options.input, " is compiled as a tensor program, which has no "
                                                                    "tokenizer; leave --tokenizer out"));
    return Contract::kTensor;
  }
  auto vocab = model.getAs<IntegerAttr>("vocab");
  if (options.tokenizer == "bytes" && vocab && vocab.getInt() < 256)
    return absl::InvalidArgumentError(absl::StrCat("--tokenizer=bytes needs a vocabulary of at least 256 tokens, ",
                                                   options.input, " has ", vocab.getInt()));
  return options.stages.contract;
}

/// Runs the stages from..to up to lower; dumps each where that is asked for.
absl::Status runStages(ModuleOp module, const CompileOptions &options, Causes &causes, Progress &progress) {
  StageOptions stages = options.stages;
  stages.modelDirectory = modelDirectory(options);
  for (const StageInfo &info : allStages()) {
    if (info.stage < options.from || info.stage > options.to || info.stage == Stage::kTarget)
      continue;
    // A dump holds what is true after its stage, so that the next one is the first to run.
    if (info.stage != options.from || info.stage == Stage::kImport) {
      progress.show(info.name);
      PassManager manager(module.getContext());
      buildStage(manager, info.stage, stages);
      manager.enableVerifier(false); // after each of twenty passes it would take longer than they do
      bool done = succeeded(manager.run(module)) && succeeded(verify(module));
      progress.clear();
      causes.printNew();
      if (!done)
        return absl::InvalidArgumentError(absl::StrCat(options.input, ": stage ", info.name, " failed"));
      if (!options.dumpStagesTo.empty())
        if (absl::Status status = writeText(module, absl::StrCat(options.dumpStagesTo, "/", info.name, ".mlir"));
            !status.ok())
          return status;
    }
    if (info.stage >= Stage::kRecover && info.stage < Stage::kLower) {
      absl::StatusOr<Contract> contract = chooseContract(module, options);
      if (!contract.ok())
        return contract.status();
      stages.contract = *contract;
    }
  }
  return absl::OkStatus();
}

/// Prints the plan: to stdout, or to stderr where the IR goes to stdout.
void printPlan(ModuleOp module, const CompileOptions &options, std::optional<nlohmann::json> topology) {
  bool ir = options.to != Stage::kTarget && options.output.empty();
  ExplainOptions explainOptions;
  explainOptions.topology = std::move(topology);
  (ir ? llvm::errs() : llvm::outs()) << explain(module, explainOptions);
}

/// Of a folder, the file in it to compile. The two graphs of a pair have to be one model; the prompts' graph is it,
/// since its attention is recovered with a cache.
absl::Status enterFolder(CompileOptions &options) {
  absl::StatusOr<onnx::ModelFiles> files = onnx::findModel(options.input);
  if (!files.ok())
    return files.status();
  options.input = files->model;
  if (files->decode.empty())
    return absl::OkStatus();
  onnx::Diagnostics diagnostics;
  std::optional<onnx::Model> model = onnx::readModel(files->model, diagnostics);
  std::optional<onnx::Model> decode = model ? onnx::readModel(files->decode, diagnostics) : std::nullopt;
  if (!decode) {
    llvm::errs() << diagnostics.str();
    return absl::InvalidArgumentError(absl::StrCat(model ? files->decode : files->model, " cannot be compiled"));
  }
  return onnx::checkSameWeights(*model, *decode);
}

absl::Status run(CompileOptions options) {
  Progress progress;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false); // a module is no help to someone who has an ONNX file
  Causes causes;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Remark)
      causes.add(diagnostic);
    else if (options.explain)
      print(diagnostic);
    return success();
  });
  std::optional<nlohmann::json> topology;
  if (!options.topology.empty())
    if (std::string error = readTopology(options.topology, topology.emplace()); !error.empty())
      return absl::InvalidArgumentError(error);

  progress.show(absl::StrCat("reading ", options.input));
  if (absl::Status status = enterFolder(options); !status.ok())
    return status;
  absl::StatusOr<std::string> hash = hashFile(options.input);
  if (!hash.ok())
    return hash.status();
  OwningOpRef<ModuleOp> module = load(options, context, causes);
  progress.clear();
  causes.printNew();
  if (!module)
    return absl::InvalidArgumentError(absl::StrCat(options.input, " cannot be compiled"));
  if (!options.dumpStagesTo.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(options.dumpStagesTo))
      return absl::PermissionDeniedError(absl::StrCat("cannot create ", options.dumpStagesTo, ": ", error.message()));
  if (absl::Status status = runStages(*module, options, causes, progress); !status.ok())
    return status;
  if (options.explain && options.to >= Stage::kSchedule) {
    progress.clear();
    printPlan(*module, options, std::move(topology));
  }
  if (options.to != Stage::kTarget)
    return writeText(*module, options.output.empty() ? "-" : options.output);

  ArtifactOptions artifact;
  artifact.modelDirectory = modelDirectory(options);
  artifact.modelHash = *hash;
  artifact.targets = options.targets;
  artifact.tokenizer = options.tokenizer;
  artifact.plan = JsonText(explainJson(*module, {}), 1) + "\n";
  artifact.progress = [&](const std::string &what) { progress.show(absl::StrCat("writing ", what)); };
  absl::Status status = writeArtifact(*module, options.output, artifact);
  progress.clear();
  causes.printNew();
  return status;
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
  if (options->check) {
    janus::Verdict verdict;
    absl::Status entered = janus::enterFolder(*options);
    nlohmann::json report = janus::checkModel(*options, entered, verdict);
    llvm::outs() << (options->json ? janus::JsonText(report, 1) + "\n" : janus::checkText(report));
    return static_cast<int>(verdict);
  }
  std::signal(SIGXFSZ, SIG_IGN); // a file that is too large is an error of its write
  absl::Status status = janus::run(*options);
  if (!status.ok()) {
    llvm::errs() << "janus-compile: " << std::string(status.message()) << "\n";
    return 1;
  }
  return 0;
}
