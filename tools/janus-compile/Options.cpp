#include "tools/janus-compile/Options.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "janus/Target/Artifact.h"
#include "llvm/Support/Path.h"

#include <optional>

namespace janus {
namespace {

absl::Status oneOf(absl::string_view option, const std::string &found, const std::vector<std::string> &known) {
  for (const std::string &name : known)
    if (found == name)
      return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": found \"", found, "\", expected ", absl::StrJoin(known, ", ")));
}

absl::Status setStage(absl::string_view option, const std::string &text, Stage &stage) {
  std::optional<Stage> parsed = parseStage(text);
  if (!parsed)
    return absl::InvalidArgumentError(absl::StrCat(option, ": found \"", text, "\", expected ", stageNames()));
  stage = *parsed;
  return absl::OkStatus();
}

/// Applies `name` with its value; NotFound when there is no such option.
absl::Status apply(CompileOptions &options, const std::string &name, const std::string &value) {
  if (name == "--topology")
    options.topology = value;
  else if (name == "--model-dir")
    options.modelDirectory = value;
  else if (name == "--dump-stages-to")
    options.dumpStagesTo = value;
  else if (name == "--gate-side") {
    options.stages.gateSide = value;
    return oneOf(name, value, {"expert", "attention", "auto"});
  } else if (name == "--target-cpu")
    return parseTargets(value, options.targets);
  else if (name == "--tokenizer") {
    options.tokenizer = value;
    return oneOf(name, value, {"bytes"});
  } else if (name == "--contract") {
    options.stages.contract = value == "tensor" ? Contract::kTensor : Contract::kAuto;
    return oneOf(name, value, {"auto", "tensor"});
  } else if (name == "--qmoe-layout") {
    options.import.rawQMoE = value == "raw";
    return oneOf(name, value, {"raw"});
  } else if (name == "--moe-weight-layout") {
    using Layout = ImportOptions::ExpertLayout;
    options.import.expertLayout = value == "rows" ? Layout::kRows : Layout::kColumns;
    return oneOf(name, value, {"rows", "columns"});
  } else if (name == "--from")
    return setStage(name, value, options.from);
  else if (name == "--to")
    return setStage(name, value, options.to);
  else if (name == "-o" || name == "--output")
    options.output = value;
  else
    return absl::NotFoundError(name);
  return absl::OkStatus();
}

/// The member of an option without a value; null for others.
bool CompileOptions::*flagOf(const std::string &name) {
  if (name == "--explain")
    return &CompileOptions::explain;
  if (name == "--check")
    return &CompileOptions::check;
  if (name == "--json")
    return &CompileOptions::json;
  if (name == "--require-moe")
    return &CompileOptions::requireMoE;
  return nullptr;
}

absl::Status check(CompileOptions &options) {
  if (options.input.empty())
    return absl::InvalidArgumentError("no model; expected: janus-compile model.onnx -o model.janus");
  if (options.json && !options.check)
    return absl::InvalidArgumentError("--json only serves --check; add --check");
  if (options.requireMoE && options.stages.contract == Contract::kTensor)
    return absl::InvalidArgumentError(
        "--require-moe asks for a language model, --contract=tensor for a tensor program");
  if (options.check) {
    if (!options.output.empty() || options.explain || options.from != Stage::kImport || options.to != Stage::kTarget ||
        !options.dumpStagesTo.empty())
      return absl::InvalidArgumentError("--check only looks at the model; leave -o, --explain, --from, --to and "
                                        "--dump-stages-to out");
    if (options.stages.contract == Contract::kTensor)
      return absl::InvalidArgumentError("--check says what recovery finds; leave --contract=tensor out");
    return absl::OkStatus();
  }
  if (options.to < options.from)
    return absl::InvalidArgumentError(absl::StrCat("--to=", stageInfo(options.to).name, " comes before --from=",
                                                   stageInfo(options.from).name, "; the order is ", stageNames()));
  if (options.to == Stage::kTarget && options.output.empty())
    return absl::InvalidArgumentError("no output; expected -o model.janus (or --to=STAGE to print IR)");
  if (!options.topology.empty() && !options.explain)
    return absl::InvalidArgumentError("--topology only serves --explain; add --explain");
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<CompileOptions> parseOptions(int argc, char **argv) {
  CompileOptions options;
  (void)parseTargets("x86-64-v3,x86-64-v4", options.targets);
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i], value;
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      return options;
    }
    bool CompileOptions::*const flag = flagOf(argument);
    if (flag) {
      options.*flag = true;
      continue;
    }
    if (!absl::StartsWith(argument, "-")) {
      if (!options.input.empty())
        return absl::InvalidArgumentError(absl::StrCat("found a second model \"", argument, "\", expected one"));
      options.input = argument;
      continue;
    }
    size_t equals = argument.find('=');
    bool inside = equals != std::string::npos;
    if (inside) {
      value = argument.substr(equals + 1);
      argument.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[i + 1];
    }
    absl::Status status = apply(options, argument, value);
    if (absl::IsNotFound(status))
      return absl::InvalidArgumentError(absl::StrCat("unknown option ", argument, "; --help lists the options"));
    if (!inside && i + 1 >= argc)
      return absl::InvalidArgumentError(absl::StrCat(argument, " needs a value"));
    if (!status.ok())
      return status;
    i += !inside;
  }
  if (absl::Status status = check(options); !status.ok())
    return status;
  options.stages.requireMoE = options.requireMoE;
  return options;
}

std::string modelDirectory(const CompileOptions &options) {
  return options.modelDirectory.empty() ? llvm::sys::path::parent_path(options.input).str() : options.modelDirectory;
}

std::string helpText() {
  std::string text = R"(janus-compile MODEL -o model.janus [options]

Compiles an ONNX mixture-of-experts language model into an artifact: role programs for attention
and expert instances, and packed weights. External weight files are found beside the model.
MODEL is an ONNX file, or a folder: of prefill.onnx and decode.onnx (or decoder_model.onnx and
decoder_with_past_model.onnx), two graphs over one set of weights, or of one .onnx file.

  -o, --output DIR           the artifact; appears whole or not at all
  --gate-side=SIDE           where the router runs: expert (default), attention, or auto (both, chosen at run time)
  --target-cpu=LIST          x86-64-v3,x86-64-v4 (default), or native
  --contract=auto|tensor     auto: a language model where recovery succeeds, else a tensor program;
                             tensor: named tensors in, named tensors out, as the file declares
  --tokenizer=bytes          a token is a byte; recorded in the artifact, so that janus-run takes and prints text
  --check                    looks at the model in seconds, reads no weights and writes nothing: exporter, layers, kinds of
                             attention and of experts, sides, bytes, what is not recovered and why (docs/check.md)
  --json                     with --check: as JSON
  --require-moe              a model with a layer that is not recovered is an error, not a tensor program
  --explain                  prints the plan: what was recovered, where each operation runs and why, transfers, memory;
                             and on stderr a remark for each decision
  --topology=FILE            with --explain: predicted messages, bytes, times and memory for this topology
                             (docs/topology.md)
  --from=STAGE --to=STAGE    the part of the pipeline to run; --from takes a dump as input, --to prints IR
                             (to -o FILE if given)
  --dump-stages-to=DIR       writes the IR after every stage to DIR/STAGE.mlir
  --qmoe-layout=raw          quantised experts whose file does not say how they lie, and whose shapes do not tell either,
                             lie as integers of [experts, rows, columns]
  --moe-weight-layout=WHICH  experts of an MoE in the shapes of its old description, [experts, inputs, outputs]: rows, the
                             bytes are [experts, outputs, inputs], or columns, they are as the shapes say
  --model-dir=DIR            where the files with weights are; default: the folder of the input
  --help                     this text

Example
  janus-compile models/scribe/model.onnx -o scribe.janus --tokenizer=bytes --explain

Stages, and what holds after each:
)";
  for (const StageInfo &info : allStages())
    absl::StrAppend(&text, "  ", info.name, std::string(14 - std::string(info.name).size(), ' '), info.sentence, "\n");
  return text +
         "\nExit code: 0 done, 1 the model or the file system is at fault, 2 usage. With --check: 0 a language model, "
         "all of it\nrecovered, 3 partly recovered, 4 a tensor program, 1 refused, 2 usage.\n";
}

} // namespace janus
