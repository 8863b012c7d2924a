#include "tools/janus-run/CommandLine.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/common/EditDistance.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace janus::run {
namespace {

using Apply = std::function<absl::Status(Arguments &, const std::string &)>;

enum class Value { kNone, kOptional, kRequired };

struct Option {
  const char *name, *value, *help; // `value` names the value in the help; a new group has a `help` alone
  Value takes;
  Apply apply;
};

absl::Status Unreadable(const std::string &found, const char *expected) {
  return absl::InvalidArgumentError(absl::StrCat("found \"", found, "\", expected ", expected));
}

template <typename Pick> Apply Integer(Pick pick) {
  return [pick](Arguments &a, const std::string &text) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value))
      return Unreadable(text, "an integer");
    auto &field = pick(a);
    field = static_cast<std::remove_reference_t<decltype(field)>>(value);
    if (static_cast<int64_t>(field) != value)
      return Unreadable(text, "a smaller number");
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Number(Pick pick) {
  return [pick](Arguments &a, const std::string &text) {
    if (!absl::SimpleAtod(text, &pick(a)) || !std::isfinite(pick(a)))
      return Unreadable(text, "a number");
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Text(Pick pick) {
  return [pick](Arguments &a, const std::string &text) {
    pick(a) = text;
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Append(Pick pick) {
  return [pick](Arguments &a, const std::string &text) {
    pick(a).push_back(text);
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Flag(Pick pick) {
  return [pick](Arguments &a, const std::string &) {
    pick(a) = true;
    return absl::OkStatus();
  };
}

/// "4096", "512M", "2G"
absl::Status Bytes(Arguments &a, const std::string &text) {
  std::string digits = text;
  int64_t unit = 1, value = 0;
  const std::string units = "KMGT";
  if (size_t place = digits.empty() ? std::string::npos : units.find(digits.back()); place != std::string::npos) {
    unit = int64_t{1} << (10 * (place + 1));
    digits.pop_back();
  }
  if (!absl::SimpleAtoi(digits, &value) || std::abs(value) > (int64_t{1} << 50) / unit)
    return Unreadable(text, "bytes, as 4096, 512M or 2G");
  a.runtime.kv_memory = value * unit;
  return value > 0 ? absl::OkStatus() : Unreadable(text, "more than 0 bytes");
}

absl::Status Ids(Arguments &a, const std::string &text) {
  absl::StatusOr<std::vector<int32_t>> ids = ParseIds(text);
  if (!ids.ok())
    return ids.status();
  a.prompt_ids = *std::move(ids);
  return absl::OkStatus();
}

absl::Status StopIds(Arguments &a, const std::string &text) {
  absl::StatusOr<std::vector<int32_t>> ids = ParseIds(text);
  if (!ids.ok())
    return ids.status();
  a.stop_ids.push_back(*std::move(ids));
  return absl::OkStatus();
}

absl::Status Input(Arguments &a, const std::string &text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
    return Unreadable(text, "NAME=FILE.npy");
  a.inputs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  return absl::OkStatus();
}

absl::Status Stats(Arguments &a, const std::string &text) {
  if (!text.empty() && text != "json" && text != "text")
    return Unreadable(text, "--stats, --stats=text or --stats=json");
  a.stats = text == "json" ? Arguments::Stats::kJson : Arguments::Stats::kText;
  return absl::OkStatus();
}

absl::Status Seed(Arguments &a, const std::string &text) {
  return absl::SimpleAtoi(text, &a.seed) ? absl::OkStatus() : Unreadable(text, "an integer from 0 to 2^64 - 1");
}

absl::Status Stop(Arguments &a, const std::string &text) {
  a.stop.push_back(text);
  return text.empty() ? Unreadable(text, "a text that is not empty") : absl::OkStatus();
}

#define FIELD(name) [](Arguments &a) -> auto & { return a.name; }

const std::vector<Option> &Options() {
  constexpr Value kNone = Value::kNone, kNeeds = Value::kRequired;
  static const std::vector<Option> options = {
      {"", "", "What to do", kNone, {}},
      {"--prompt", "TEXT", "continue this text (artifacts with a tokenizer)", kNeeds, Text(FIELD(prompt))},
      {"--prompt-file", "FILE", "the same, read from a file", kNeeds, Text(FIELD(prompt_file))},
      {"--prompt-ids", "IDS", "continue these token ids, as 12,45,9", kNeeds, Ids},
      {"--prompts", "FILE.jsonl",
       "many prompts, one JSON object a line: prompt or prompt_ids, and optionally\n"
       "max_new_tokens, temperature, top_k, top_p, seed, stop, deadline_ms",
       kNeeds, Text(FIELD(prompts))},
      {"--score", "", "generate nothing: negative log-likelihood of the prompt", kNone, Flag(FIELD(score))},
      {"--window", "N", "score in windows of N tokens, each from position 0 (default 256)", kNeeds,
       Integer(FIELD(window))},
      {"--input", "NAME=FILE.npy", "an input of a tensor program; once for each input", kNeeds, Input},
      {"--output-dir", "DIR", "where a tensor program's outputs go, as NAME.npy", kNeeds, Text(FIELD(output_dir))},

      {"", "", "Generation (defaults of each prompt)", kNone, {}},
      {"--max-new-tokens", "N", "the most tokens to generate (default 128)", kNeeds, Integer(FIELD(max_new_tokens))},
      {"--temperature", "T", "sample with this temperature; 0 is greedy (default 0)", kNeeds,
       Number(FIELD(temperature))},
      {"--top-k", "K", "sample among the K most likely tokens; 0: all (default 0)", kNeeds, Integer(FIELD(top_k))},
      {"--top-p", "P", "sample among the fewest tokens of probability P together (default 1)", kNeeds,
       Number(FIELD(top_p))},
      {"--seed", "N", "seed of the sampling; the same seed gives the same tokens (default 0)", kNeeds, Seed},
      {"--stop", "TEXT", "end before this text; may be given several times", kNeeds, Stop},
      {"--stop-ids", "IDS", "end before these token ids; may be given several times", kNeeds, StopIds},
      {"--deadline-ms", "N", "give a prompt up after so long; 0: never (default 0)", kNeeds,
       Integer(FIELD(deadline_ms))},

      {"", "", "Deployment", kNone, {}},
      {"--attention", "M", "attention instances (default 1)", kNeeds, Integer(FIELD(runtime.attention))},
      {"--experts", "N", "expert instances (default 1)", kNeeds, Integer(FIELD(runtime.experts))},
      {"--nodes", "MAP", "logical nodes, as a0,a1@0;e0,e1,e2@1 (default: all on one)", kNeeds,
       Text(FIELD(runtime.nodes))},
      {"--slots", "C", "expert slots of an expert instance and layer (default: the fewest)", kNeeds,
       Integer(FIELD(runtime.slots))},
      {"--placement", "P", "even, random:SEED, a file, or a routing trace to fit to (docs/placement-file.md)", kNeeds,
       Text(FIELD(runtime.placement))},
      {"--rebalance", "R",
       "off, auto, or every=N: move experts to where they even out the load while running\n"
       "(docs/online.md; default off)",
       kNeeds, Text(FIELD(runtime.rebalance))},
      {"--scheme", "S", "transfers: auto, direct, case1, case2 (docs/transfers.md; default auto)", kNeeds,
       Text(FIELD(runtime.scheme))},
      {"--gate-side", "S", "where the router runs: auto, expert, attention (default auto)", kNeeds,
       Text(FIELD(runtime.gate_side))},
      {"--threads", "N", "worker threads (default: the cores of this process)", kNeeds,
       Integer(FIELD(runtime.threads))},
      {"--kernels", "K", "auto, reference, avx2, avx512 (default auto)", kNeeds, Text(FIELD(runtime.kernels))},

      {"", "", "Limits", kNone, {}},
      {"--kv-memory", "BYTES", "memory of all KV caches, as 512M or 2G (default: what is left)", kNeeds, Bytes},
      {"--max-batch", "N", "prompts that run at once (default 64)", kNeeds, Integer(FIELD(runtime.max_batch))},
      {"--step-rows", "N", "rows of one step, over all instances (default 512)", kNeeds,
       Integer(FIELD(runtime.step_rows))},
      {"--chunk", "ROWS", "rows of one prompt in a step (default: step-rows)", kNeeds, Integer(FIELD(runtime.chunk))},
      {"--max-context", "N", "positions of a prompt with its new tokens (default: the model's)", kNeeds,
       Integer(FIELD(runtime.max_context))},

      {"", "", "Failure of instances (docs/failures.md)", kNone, {}},
      {"--failure-deadline", "MS",
       "without progress for so long, instances are asked whether they are there, and those\n"
       "that do not answer for as long again are lost; 0: never (default 2000)",
       kNeeds, Integer(FIELD(runtime.failure_deadline_ms))},
      {"--stall-timeout", "SECONDS",
       "give a prompt up that waits for so long because too few instances are left (default 60)", kNeeds,
       Number(FIELD(runtime.stall_timeout_s))},
      {"--fail", "FAULT",
       "let an instance fail: expert:2@step=37[,layer=L][,phase=P][,after=K][,how=dead|silent];\n"
       "may be given several times",
       kNeeds, Append(FIELD(runtime.fail))},
      {"--restore", "PLACE", "start a new one in its place: expert:2@step=90; may be given several times", kNeeds,
       Append(FIELD(runtime.restore))},

      {"", "", "Output", kNone, {}},
      {"--print-ids", "", "print new token ids, a comma-separated line a prompt, instead of text", kNone,
       Flag(FIELD(print_ids))},
      {"--logits", "FILE.npy",
       "f32 [N, vocab]: the row each new token was chosen from, or every scored row;\n"
       "with --prompts one file a prompt: FILE-0.npy, FILE-1.npy, ...",
       kNeeds, Text(FIELD(logits))},
      {"--stats", "[=json]", "times, memory and traffic after the run, on stderr; =json: one JSON object, nothing else",
       Value::kOptional, Stats},
      {"--save-placement", "FILE", "write the placement at the end of the run, for --placement", kNeeds,
       Text(FIELD(save_placement))},
      {"--explain-step", "N", "print which expert step N (from 1) served where, and why", kNeeds,
       Integer(FIELD(runtime.explain_step))},
      {"--record-routing", "DIR", "write which experts every row chose (docs/routing-trace.md)", kNeeds,
       Text(FIELD(runtime.record_routing))},
      {"--quiet", "", "no memory report and no summary on stderr", kNone, Flag(FIELD(quiet))},
      {"--transport", "T", "inproc, or strict:SEED, which delays, reorders and doubles messages", kNeeds,
       Text(FIELD(runtime.transport))},
      {"--help", "", "this text", kNone, Flag(FIELD(help))},
  };
  return options;
}

#undef FIELD

absl::Status Unknown(const std::string &name) {
  const char *nearest = "";
  int best = 4; // beyond three edits a guess does not help
  for (const Option &option : Options())
    if (int distance = EditDistance(name, option.name); *option.name && distance < best) {
      best = distance;
      nearest = option.name;
    }
  return absl::InvalidArgumentError(absl::StrCat("unknown option ", name,
                                                 *nearest ? absl::StrCat("; did you mean ", nearest, "?") : "",
                                                 " (--help lists the options)"));
}

absl::Status CheckCombination(const Arguments &a) {
  auto wrong = [](auto... what) { return absl::InvalidArgumentError(absl::StrCat(what...)); };
  if (a.artifact.empty())
    return wrong("no artifact; expected: janus-run model.janus --prompt TEXT");
  const int sources = a.prompt.has_value() + a.prompt_file.has_value() + a.prompt_ids.has_value() + !a.prompts.empty();
  const bool tensor = !a.inputs.empty() || !a.output_dir.empty();
  if (tensor && (sources || a.score))
    return wrong("--input and --output-dir are for tensor programs, the --prompt options and --score for language "
                 "models; give either");
  if (tensor && a.output_dir.empty())
    return wrong("--input without --output-dir; say where the outputs go");
  if (!tensor && sources != 1)
    return wrong("found ", sources, " of --prompt, --prompt-file, --prompt-ids and --prompts, expected one",
                 " (or --input and --output-dir for a tensor program)");
  if (a.score && !a.prompts.empty())
    return wrong("--score takes --prompt, --prompt-file or --prompt-ids, not --prompts");
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<std::vector<int32_t>> ParseIds(const std::string &text) {
  std::vector<int32_t> ids;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    int32_t id = 0;
    if (!absl::SimpleAtoi(part, &id))
      return absl::InvalidArgumentError(
          absl::StrCat("found \"", part, "\" among the token ids, expected integers between commas, as 12,45,9"));
    ids.push_back(id);
  }
  return ids;
}

absl::StatusOr<Arguments> ParseCommandLine(int argc, const char *const *argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "-h")
      name = "--help";
    if (!absl::StartsWith(name, "-") || name == "-") {
      if (!arguments.artifact.empty())
        return absl::InvalidArgumentError(
            absl::StrCat("found a second artifact \"", name, "\", expected one; quote values that contain blanks"));
      arguments.artifact = name;
      continue;
    }
    const size_t equals = name.find('=');
    const bool inside = equals != std::string::npos;
    if (inside) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    auto option = std::find_if(Options().begin(), Options().end(), [&](const Option &o) { return name == o.name; });
    if (option == Options().end() || name.empty())
      return Unknown(name);
    if (inside && option->takes == Value::kNone)
      return absl::InvalidArgumentError(absl::StrCat(name, " takes no value, found \"", value, "\""));
    if (!inside && option->takes == Value::kRequired) {
      if (++i == argc)
        return absl::InvalidArgumentError(absl::StrCat(name, " needs a value: ", name, " ", option->value));
      value = argv[i];
    }
    if (absl::Status status = option->apply(arguments, value); !status.ok())
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", status.message()));
    if (arguments.help)
      return arguments;
  }
  if (absl::Status status = CheckCombination(arguments); !status.ok())
    return status;
  arguments.runtime.scoring = arguments.score;
  return arguments;
}

absl::Status CheckValues(const Arguments &a) {
  struct Bound {
    const char *name;
    double value, low, high;
    const char *cure;
  };
  const RuntimeOptions &r = a.runtime;
  const Bound bounds[] = {
      {"--attention", double(r.attention), 1, 1024, "a run needs at least one attention instance"},
      {"--experts", double(r.experts), 1, 1024, "a run needs at least one expert instance"},
      {"--slots", double(r.slots), 0, 65535, "leave it out for the fewest that hold every expert"},
      {"--threads", double(r.threads), 0, 1024, "leave it out for the cores of this process"},
      {"--max-batch", double(r.max_batch), 1, 65536, "a run needs room for at least one prompt"},
      {"--step-rows", double(r.step_rows), 1, 65536, "a step needs room for at least one row"},
      {"--chunk", double(r.chunk), 0, 65536, "leave it out for --step-rows"},
      {"--max-context", double(r.max_context), 0, 1 << 30, "leave it out for the model's"},
      {"--failure-deadline", double(r.failure_deadline_ms), 0, 1e12, "0 means never"},
      {"--stall-timeout", r.stall_timeout_s, 0, 1e9, "the default is 60 seconds"},
      {"--explain-step", double(r.explain_step), 0, 1e15, "steps are counted from 1"},
      {"--max-new-tokens", double(a.max_new_tokens), 1, 1 << 30, "ask for at least one token"},
      {"--deadline-ms", double(a.deadline_ms), 0, 1e12, "0 means none"},
      {"--temperature", a.temperature, 0, 1e6, "0 is greedy"},
      {"--top-k", double(a.top_k), 0, 1 << 30, "0 means all tokens"},
      {"--top-p", a.top_p, 1e-30, 1, "1 means all tokens"},
      {"--window", double(a.window), 2, 1 << 30, "the first token of a window is not scored"},
  };
  for (const Bound &bound : bounds)
    if (bound.value < bound.low || bound.value > bound.high)
      return absl::InvalidArgumentError(absl::StrCat(bound.name, ": found ", bound.value, ", expected ", bound.low,
                                                     " to ", bound.high, "; ", bound.cure));
  return absl::OkStatus();
}

std::string HelpText() {
  std::string text = R"(janus-run model.janus --prompt TEXT [options]
janus-run model.janus --score --prompt-file FILE [options]
janus-run any.janus --input NAME=FILE.npy ... --output-dir DIR

Runs an artifact that janus-compile made. A language model runs on M attention and N expert
instances that exchange only activations; the text does not depend on M, N or any other option
of the deployment. Text goes to stdout, everything else to stderr.
)";
  for (const Option &option : Options()) {
    if (!*option.name) {
      absl::StrAppend(&text, "\n", option.help, "\n");
      continue;
    }
    std::string head = absl::StrCat("  ", option.name, option.takes == Value::kRequired ? " " : "", option.value);
    head.resize(std::max<size_t>(head.size() + 1, 26), ' ');
    absl::StrAppend(&text, head, absl::StrReplaceAll(option.help, {{"\n", "\n" + std::string(26, ' ')}}), "\n");
  }
  return text + R"(
Example
  janus-run scribe.janus --prompt "In the beginning " --attention 2 --experts 3 --nodes 'a0,a1@0;e0,e1,e2@1'

Exit code: 0 done, 1 the artifact, a file, a value or a prompt is at fault, 2 usage.
)";
}

} // namespace janus::run
