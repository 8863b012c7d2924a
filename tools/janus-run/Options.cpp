#include "tools/janus-run/Options.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace janus::run {
namespace {

/// One option: how it is written, what --help says, and what its value does. An option without a value name is a flag; a
/// flag may take `=VALUE` when `optional` is set.
struct Option {
  std::string name, value, help;
  std::function<absl::Status(const std::string &)> set;
  bool optional = false;
};

absl::Status Wrong(const std::string &option, const std::string &found, const std::string &expected) {
  return absl::InvalidArgumentError(absl::StrCat("--", option, ": found '", found, "', expected ", expected));
}

template <typename T> std::function<absl::Status(const std::string &)> Integer(std::string name, T &target) {
  return [name, &target](const std::string &text) {
    int64_t value;
    if (!absl::SimpleAtoi(text, &value))
      return Wrong(name, text, "an integer");
    target = static_cast<T>(value);
    return static_cast<int64_t>(target) == value ? absl::OkStatus() : Wrong(name, text, "a smaller number");
  };
}
std::function<absl::Status(const std::string &)> Text(std::string &target) {
  return [&target](const std::string &text) {
    target = text;
    return absl::OkStatus();
  };
}
std::function<absl::Status(const std::string &)> Real(std::string name, double &target) {
  return [name, &target](const std::string &text) { return absl::SimpleAtod(text, &target) ? absl::OkStatus() : Wrong(name, text, "a number"); };
}
std::function<absl::Status(const std::string &)> Flag(bool &target) {
  return [&target](const std::string &) {
    target = true;
    return absl::OkStatus();
  };
}

/// Bytes with an optional suffix K, M or G.
std::function<absl::Status(const std::string &)> Size(std::string name, int64_t &target) {
  return [name, &target](const std::string &text) {
    int shift = 0;
    std::string digits = text;
    if (!digits.empty())
      shift = digits.back() == 'K' ? 10 : digits.back() == 'M' ? 20 : digits.back() == 'G' ? 30 : 0;
    if (shift)
      digits.pop_back();
    if (!absl::SimpleAtoi(digits, &target) || target < 0 || target > (int64_t{1} << 50 >> shift))
      return Wrong(name, text, "bytes, such as 500000000, 512M or 4G");
    target <<= shift;
    return absl::OkStatus();
  };
}

std::vector<Option> Table(Options &o) {
  RuntimeOptions &r = o.runtime;
  return {
      {"prompt", "TEXT", "generate from this text (artifacts with a tokenizer); may be given several times", [&o](const std::string &text) { o.prompts.push_back(text); return absl::OkStatus(); }},
      {"prompt-ids", "IDS", "generate from these token ids, separated by commas", Text(o.prompt_ids)},
      {"prompt-file", "FILE", "take the prompt, or the text to score, from a file", Text(o.prompt_file)},
      {"prompts", "FILE", "a JSON object per line: prompt or prompt_ids, max_new_tokens, temperature, top_k, top_p, seed, stop", Text(o.prompts_file)},
      {"max-new-tokens", "N", "tokens to generate for each prompt (128)", Integer("max-new-tokens", o.max_new_tokens)},
      {"temperature", "T", "sample at this temperature; 0 is greedy (0)", Real("temperature", o.temperature)},
      {"top-k", "K", "sample among the K likeliest tokens; 0: all (0)", Integer("top-k", o.top_k)},
      {"top-p", "P", "sample among the likeliest tokens that make up P of the probability (1)", Real("top-p", o.top_p)},
      {"seed", "S", "seed of the sampler (0)", [&o](const std::string &text) { return absl::SimpleAtoi(text, &o.seed) ? absl::OkStatus() : Wrong("seed", text, "a non-negative integer"); }},
      {"stop", "TEXT", "end before this text; may be given several times", [&o](const std::string &text) { o.stop.push_back(text); return absl::OkStatus(); }},
      {"score", "", "generate nothing: negative log-likelihood of the prompt", Flag(o.score)},
      {"window", "N", "score in windows of N tokens, each from position 0 (256)", Integer("window", o.window)},
      {"print-ids", "", "print a line of comma-separated new token ids per prompt instead of text", Flag(o.print_ids)},
      {"logits", "FILE", "write f32 [N, vocab] as .npy: the row each new token was chosen from, or all rows with --score; prompt i > 0 goes to FILE with .i before .npy", Text(o.logits)},
      {"stats", "json", "print statistics of the run; --stats=json for machines", [&o](const std::string &text) { o.stats = text.empty() ? "text" : text; return text.empty() || text == "json" ? absl::OkStatus() : Wrong("stats", text, "--stats or --stats=json"); }, true},
      {"quiet", "", "no summary and no memory table", Flag(o.quiet)},
      {"attention", "M", "attention instances (1)", Integer("attention", r.attention)},
      {"experts", "N", "expert instances (1)", Integer("experts", r.experts)},
      {"nodes", "MAP", "logical node of each instance, e.g. a0,a1@0;e0,e1,e2@1 (all on one)", Text(r.nodes)},
      {"slots", "C", "expert slots of an instance per layer; more than the fewest hold replicas (fewest)", Integer("slots", r.slots)},
      {"placement", "P", "even, random:SEED, or a placement file (even)", Text(r.placement)},
      {"scheme", "S", "transfer scheme: auto, direct, case1, case2 (auto)", Text(r.scheme)},
      {"gate-side", "G", "where the router runs: auto, expert, attention (auto)", Text(r.gate_side)},
      {"chunk", "ROWS", "rows of a prompt in one step (step-rows)", Integer("chunk", r.chunk)},
      {"threads", "N", "threads (the cores of this process)", Integer("threads", r.threads)},
      {"kernels", "K", "auto, reference, avx2, avx512 (auto)", Text(r.kernels)},
      {"transport", "T", "inproc, or strict:SEED, which delays, reorders and doubles messages (inproc)", Text(r.transport)},
      {"kv-memory", "BYTES", "KV cache over all attention instances, e.g. 4G (half of what is free)", Size("kv-memory", r.kv_memory)},
      {"max-batch", "N", "prompts that run at once (64)", Integer("max-batch", r.max_batch)},
      {"step-rows", "N", "rows of one step over all instances (512)", Integer("step-rows", r.step_rows)},
      {"max-context", "N", "positions of one request (the model's)", Integer("max-context", r.max_context)},
      {"record-routing", "DIR", "write the routing of every step (docs/routing-trace.md)", Text(r.record_routing)},
      {"input", "NAME=FILE", "an input of a tensor program, as .npy; may be given several times", [&o](const std::string &text) {
         std::pair<std::string, std::string> pair = absl::StrSplit(text, absl::MaxSplits('=', 1));
         if (pair.first.empty() || pair.second.empty())
           return Wrong("input", text, "NAME=FILE.npy");
         o.inputs.push_back(pair);
         return absl::OkStatus();
       }},
      {"output-dir", "DIR", "where a tensor program's outputs go, NAME.npy each", Text(o.output_dir)},
      {"help", "", "this text", Flag(o.help)},
  };
}

/// Edit distance, for suggestions.
size_t Distance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

} // namespace

absl::StatusOr<Options> ParseOptions(int argc, char **argv) {
  Options options;
  std::vector<Option> table = Table(options);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--", 0) != 0) {
      if (!options.artifact.empty())
        return absl::InvalidArgumentError(absl::StrCat("found a second artifact '", argument, "' after '", options.artifact, "'; one is run at a time"));
      options.artifact = argument;
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    auto option = std::find_if(table.begin(), table.end(), [&](const Option &candidate) { return candidate.name == name; });
    if (option == table.end()) {
      auto nearest = std::min_element(table.begin(), table.end(), [&](const Option &a, const Option &b) { return Distance(name, a.name) < Distance(name, b.name); });
      return absl::InvalidArgumentError(absl::StrCat("unknown option '--", name, "'; did you mean '--", nearest->name, "'? --help lists all"));
    }
    std::string value;
    if (equals != std::string::npos) {
      if (option->value.empty())
        return absl::InvalidArgumentError(absl::StrCat("--", name, " takes no value, found '", argument.substr(equals + 1), "'"));
      value = argument.substr(equals + 1);
    } else if (!option->value.empty() && !option->optional) {
      if (++i >= argc)
        return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value: --", name, " ", option->value));
      value = argv[i];
    }
    if (absl::Status status = option->set(value); !status.ok())
      return status;
  }
  Options result = options; // setters refer to `options`; the copy holds values only
  if (result.help)
    return result;
  if (result.artifact.empty())
    return absl::InvalidArgumentError("no artifact given; usage: janus-run MODEL.janus --prompt TEXT ...; --help lists all options");
  return result;
}

std::string HelpText() {
  Options defaults;
  std::string text = "janus-run MODEL.janus (--prompt TEXT | --prompt-ids IDS | --prompts FILE | --score ...) [options]\n"
                     "janus-run PROGRAM.janus --input NAME=FILE.npy ... --output-dir DIR\n\n"
                     "Runs an artifact of janus-compile on separate attention and expert instances and streams what it generates.\n\n";
  for (const Option &option : Table(defaults)) {
    std::string left = absl::StrCat("  --", option.name, option.value.empty() ? "" : option.optional ? "[=" : " ", option.value, option.optional ? "]" : "");
    left.resize(std::max<size_t>(left.size() + 2, 26), ' ');
    absl::StrAppend(&text, left, option.help, "\n");
  }
  return text + "\nExit codes: 0 done, 1 an error (printed), 2 wrong usage.\n";
}

} // namespace janus::run
