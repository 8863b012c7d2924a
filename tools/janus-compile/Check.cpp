#include "tools/janus-compile/Check.h"

#include "absl/strings/match.h"
#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Communication/Facts.h"
#include "janus/Import/ImportOnnx.h"
#include "janus/Partition/MeshAnalysis.h"
#include "janus/Pipelines/Register.h"
#include "janus/Recover/Missed.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "tools/janus-compile/Causes.h"

#include <set>

using namespace mlir;
using nlohmann::json;

namespace janus {
namespace {

/// Sees the candidate of recovery before each pass: what was recovered of a model that is given up in the end.
class CandidateWatch : public PassInstrumentation {
public:
  explicit CandidateWatch(json &layers) : layers_(layers) {}
  void runBeforePass(Pass *, Operation *op) override {
    auto module = dyn_cast<ModuleOp>(op);
    if (auto step = module ? module.lookupSymbol<func::FuncOp>(moe::kStepFunction) : func::FuncOp())
      layers_ = layerFacts(step);
  }

private:
  json &layers_;
};

json fileJson(const FileFacts &facts) {
  json opsets = json::object();
  for (const auto &[domain, version] : facts.opsets)
    opsets[domain.empty() ? "ai.onnx" : domain] = version;
  return {{"producer", facts.producer}, {"exporter", facts.exporter}, {"ir_version", facts.irVersion},
          {"opsets", opsets},           {"nodes", facts.nodes},       {"operators", facts.operators}};
}

/// Bytes of files that the graph refers to: what it would read.
int64_t storedBytes(ModuleOp module) {
  std::set<std::pair<StringRef, int64_t>> seen;
  int64_t bytes = 0;
  for (auto initializer : module.getOps<onnx::InitializerOp>())
    if (auto range = dyn_cast<onnx::RangeAttr>(initializer.getData()))
      if (seen.insert({range.getFile(), range.getOffset()}).second)
        bytes += range.getLength();
  return bytes;
}

json modelJson(ModuleOp module) {
  json result = json::object();
  if (auto model = module->getAttrOfType<DictionaryAttr>(moe::kModelAttr))
    for (NamedAttribute entry : model)
      if (auto number = dyn_cast<IntegerAttr>(entry.getValue()))
        result[entry.getName().str()] = number.getInt();
  return result;
}

int64_t countOf(const json &layers, const char *part) {
  return llvm::count_if(layers, [&](const json &layer) { return layer.contains(part); });
}

/// Choices among experts that were not recovered: each is a layer.
int64_t missedLayers(const Causes &causes) {
  int64_t missed = 0;
  for (const Cause &cause : causes.all())
    if (StringRef(cause.text).starts_with(recover::kMissedChoice))
      missed += std::max<int64_t>(cause.count, 1);
  return missed;
}

bool run(ModuleOp module, Stage stage, const CompileOptions &options, json *candidate) {
  PassManager manager(module.getContext());
  StageOptions stages = options.stages;
  stages.modelDirectory = modelDirectory(options);
  buildStage(manager, stage, stages);
  if (candidate)
    manager.addInstrumentation(std::make_unique<CandidateWatch>(*candidate));
  manager.enableVerifier(false); // as janus-compile does: once, at the end
  return succeeded(manager.run(module)) && succeeded(verify(module));
}

/// Fills the report of a module; returns the verdict.
Verdict look(ModuleOp module, const CompileOptions &options, const Causes &causes, json &report) {
  json candidate = json::array();
  if (!run(module, Stage::kImport, options, nullptr))
    return Verdict::kRefused;
  report["stored_bytes"] = storedBytes(module);
  bool recovered = run(module, Stage::kRecover, options, &candidate);
  report["layers"] = candidate;
  if (!recovered)
    return Verdict::kRefused;
  report["model"] = modelJson(module);
  if (module->hasAttr(moe::kModelAttr)) {
    if (!run(module, Stage::kPartition, options, nullptr))
      return Verdict::kRefused;
    func::FuncOp step = stepsOf(module).front(); // both gate sides have the same layers
    report["layers"] = layerFacts(step);
    report["weights"] = weightFacts(step);
    return Verdict::kDisaggregated;
  }
  bool any = countOf(candidate, "moe") || countOf(candidate, "attention") || missedLayers(causes);
  return any ? Verdict::kPartlyRecovered : Verdict::kTensorProgram;
}

const char *nameOf(Verdict verdict) {
  switch (verdict) {
  case Verdict::kDisaggregated:
    return "disaggregated";
  case Verdict::kRefused:
    return "refused";
  case Verdict::kPartlyRecovered:
    return "partly recovered";
  case Verdict::kTensorProgram:
    return "tensor program";
  }
  return "";
}

} // namespace

json checkModel(const CompileOptions &options, const absl::Status &entered, Verdict &verdict) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  Causes causes;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    std::string text = diagnostic.str();
    if (diagnostic.getSeverity() != DiagnosticSeverity::Remark || absl::StartsWith(text, recover::kNotRecovered.str()))
      causes.add(diagnostic);
    return success();
  });
  json report = {{"format", 1}, {"file", options.input}, {"layers", json::array()}};
  verdict = Verdict::kRefused;
  FileFacts facts;
  onnx::Diagnostics diagnostics;
  OwningOpRef<ModuleOp> module =
      entered.ok() ? importOnnx(options.input, &context, diagnostics, options.import, &facts) : OwningOpRef<ModuleOp>();
  causes.add(diagnostics);
  if (!entered.ok())
    emitError(UnknownLoc::get(&context)) << std::string(entered.message());
  report["source"] = fileJson(facts);
  if (module)
    verdict = look(*module, options, causes, report);

  json problems = json::array();
  for (const Cause &cause : causes.all()) {
    // Of a model that was recovered in the end it does not matter what did not match on the way.
    if (verdict == Verdict::kDisaggregated && cause.severity == DiagnosticSeverity::Remark)
      continue;
    problems.push_back(toJson(cause));
    problems.back()["line"] = toText(cause);
  }
  report["problems"] = problems;
  report["problems_left_out"] = causes.left();
  int64_t layers = countOf(report["layers"], "moe"), fused = 0;
  for (const char *name : {"com.microsoft.MoE", "com.microsoft.QMoE"})
    if (auto found = facts.operators.find(name); found != facts.operators.end())
      fused += found->second;
  report["moe_layers"] = {{"recovered", layers}, {"found", std::max(layers + missedLayers(causes), fused)}};
  report["verdict"] = nameOf(verdict);
  report["exit_code"] = static_cast<int>(verdict);
  return report;
}

} // namespace janus
