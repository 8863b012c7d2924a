#include "tools/janus-plan/Options.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace janus::plan {
namespace {

using Command = Arguments::Command;
using Apply = std::function<absl::Status(Arguments &, const std::string &)>;

constexpr unsigned kPlace = 1U << static_cast<unsigned>(Command::kPlace),
                   kReplay = 1U << static_cast<unsigned>(Command::kReplay),
                   kCompare = 1U << static_cast<unsigned>(Command::kCompare), kFits = kPlace | kCompare,
                   kAll = kPlace | kReplay | kCompare;

absl::Status Unreadable(const std::string &found, const std::string &expected) {
  return absl::InvalidArgumentError(absl::StrCat("found \"", found, "\", expected ", expected));
}

std::vector<std::string> Parts(const std::string &text) { return absl::StrSplit(text, ','); }

absl::StatusOr<int64_t> Number(const std::string &text, int64_t low, int64_t high) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high)
    return Unreadable(text, absl::StrCat("a number from ", low, " to ", high));
  return value;
}

template <typename Pick> Apply Integer(Pick pick, int64_t low, int64_t high) {
  return [=](Arguments &a, const std::string &text) {
    absl::StatusOr<int64_t> value = Number(text, low, high);
    if (value.ok())
      pick(a) = static_cast<std::remove_reference_t<decltype(pick(a))>>(*value);
    return value.status();
  };
}

/// Numbers between commas, added to those given before.
template <typename Pick> Apply Integers(Pick pick, int64_t low, int64_t high) {
  return [=](Arguments &a, const std::string &text) {
    for (const std::string &part : Parts(text)) {
      absl::StatusOr<int64_t> value = Number(part, low, high);
      if (!value.ok())
        return value.status();
      pick(a).push_back(*value);
    }
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Real(Pick pick, double low) {
  return [=](Arguments &a, const std::string &text) {
    double value = 0;
    if (!absl::SimpleAtod(text, &value) || !(value >= low && value <= 1e15))
      return Unreadable(text, absl::StrCat("a number of at least ", low));
    pick(a) = value;
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Text(Pick pick) {
  return [=](Arguments &a, const std::string &text) {
    pick(a) = text;
    return text.empty() ? Unreadable(text, "a name") : absl::OkStatus();
  };
}

template <typename Pick> Apply Names(Pick pick) {
  return [=](Arguments &a, const std::string &text) {
    for (const std::string &part : Parts(text)) {
      if (part.empty())
        return Unreadable(text, "names between commas");
      pick(a).push_back(part);
    }
    return absl::OkStatus();
  };
}

template <typename Pick> Apply Flag(Pick pick) {
  return [=](Arguments &a, const std::string &) {
    pick(a) = true;
    return absl::OkStatus();
  };
}

/// "0-3,7"
absl::Status Layers(Arguments &a, const std::string &text) {
  for (const std::string &part : Parts(text)) {
    const std::vector<std::string> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    absl::StatusOr<int64_t> first = Number(ends.front(), 0, trace::kMaxLayerNumber),
                            last = Number(ends.back(), 0, trace::kMaxLayerNumber);
    if (!first.ok() || !last.ok() || *last < *first)
      return Unreadable(part, "layers of the model, as 3 or 0-7");
    for (int64_t layer = *first; layer <= *last; ++layer)
      a.layers.push_back(layer);
  }
  return absl::OkStatus();
}

absl::Status Phase(Arguments &a, const std::string &text) {
  a.rows = {text != "prefill", text != "decode"};
  return text == "decode" || text == "prefill" || text == "all" ? absl::OkStatus()
                                                                : Unreadable(text, "decode, prefill or all");
}

absl::Status Half(Arguments &a, const std::string &text) {
  using Of = planner::Selection::Half;
  a.selection.half = text == "even" ? Of::kEven : text == "odd" ? Of::kOdd : Of::kAll;
  return text == "even" || text == "odd" || text == "all" ? absl::OkStatus() : Unreadable(text, "even, odd or all");
}

/// "E@I,E@I"
absl::Status Pins(Arguments &a, const std::string &text) {
  for (const std::string &part : Parts(text)) {
    const std::vector<std::string> sides = absl::StrSplit(part, '@');
    Pin pin;
    if (sides.size() != 2 || !absl::SimpleAtoi(sides[0], &pin.expert) || !absl::SimpleAtoi(sides[1], &pin.instance) ||
        pin.expert < 0)
      return Unreadable(part, "EXPERT@INSTANCE, as 12@0");
    a.pins.push_back(pin);
  }
  return absl::OkStatus();
}

absl::Status AddPolicies(Arguments &a, const std::string &text) {
  for (const std::string &name : Parts(text)) {
    absl::StatusOr<planner::Policy> policy = planner::FindPolicy(name);
    if (!policy.ok())
      return policy.status();
    a.policies.push_back(*policy);
  }
  return absl::OkStatus();
}

absl::Status Rebalance(Arguments &a, const std::string &text) {
  absl::StatusOr<RebalanceOptions> options = ParseRebalance(text);
  if (options.ok())
    a.rebalance = *options;
  return options.status();
}

/// "law:300,intent:600"
absl::Status Serve(Arguments &a, const std::string &text) {
  for (const std::string &part : Parts(text)) {
    const size_t colon = part.rfind(':');
    absl::StatusOr<int64_t> steps = colon == std::string::npos ? -1 : Number(part.substr(colon + 1), 1, 100000);
    if (!steps.ok() || *steps < 0 || colon == 0)
      return Unreadable(part, "DOMAIN:STEPS, as law:600, of at most 100000 steps");
    a.serve.emplace_back(part.substr(0, colon), *steps);
  }
  return absl::OkStatus();
}

absl::Status By(Arguments &a, const std::string &text) {
  a.by = text;
  return text == "sequence" || text == "domain" ? absl::OkStatus() : Unreadable(text, "sequence or domain");
}

absl::Status Seed(Arguments &a, const std::string &text) {
  return absl::SimpleAtoi(text, &a.seed) ? absl::OkStatus() : Unreadable(text, "a number from 0 to 2^64 - 1");
}

} // namespace

#define FIELD(name) [](Arguments &a) -> auto & { return a.name; }

const std::vector<Option> &Options() {
  constexpr int64_t kMany = int64_t{1} << 40;
  static const std::vector<Option> options = {
      {kAll, "", "", "The trace (docs/routing-trace.md)", {}},
      {kAll, "--trace", "DIR", "recorded routing, of version 1 or 2", Text(FIELD(trace))},
      {kPlace | kReplay, "--batch", "B",
       "rows of a step: batches of B different sequences are drawn; without it the\n"
       "steps of a trace of version 2 are taken as they were run",
       Integers(FIELD(batches), 1, 65536)},
      {kCompare, "--batch", "B[,B...]", "rows of a step: batches of B different sequences are drawn",
       Integers(FIELD(batches), 1, 65536)},
      {kAll, "--domain", "D[,D...]", "only sequences of these domains; D takes D/anything too",
       Names(FIELD(selection.domains))},
      {kPlace | kReplay, "--half", "H", "only sequences of even or odd number: even, odd, all (default all)", Half},
      {kAll, "--phase", "P", "only rows that decode, or that are of a prompt: decode, prefill, all (default all)",
       Phase},
      {kAll, "--repetitions", "", "also sequences that repeat another one", Flag(FIELD(selection.repetitions))},
      {kPlace, "--layers", "L", "fit these layers of the model, as 0-3,7; the others are contiguous (default: all)",
       Layers},
      {kReplay | kCompare, "--layers", "L", "only these layers of the model, as 0-3,7 (default: all of the trace)",
       Layers},

      {kFits, "", "", "Instances", {}},
      {kFits, "--instances", "N", "expert instances", Integer(FIELD(instances), 1, 1024)},
      {kFits, "--slots", "C", "expert slots of an instance and layer; C,C,...: for each instance its own",
       Integers(FIELD(slots), 0, 65535)},
      {kFits, "--dead", "I[,I...]", "instances that hold nothing", Integers(FIELD(dead), 0, 1023)},
      {kFits, "--pin", "E@I[,...]", "expert E has a replica on instance I, in every layer", Pins},
      {kReplay, "", "", "Placement", {}},
      {kReplay, "--placement", "FILE", "as janus-plan place or janus-run writes it (docs/placement-file.md)",
       Text(FIELD(placement))},
      {kReplay, "--greedy", "", "schedule by the paper's greedy rule instead of exactly", Flag(FIELD(greedy))},

      {kPlace, "", "", "Fitting", {}},
      {kPlace, "--policy", "P", "ours, paper, eplb, contiguous, random (default ours; docs/placement.md)", AddPolicies},
      {kPlace, "--current", "FILE",
       "experts lie as in this placement now: each move has to pay (policy ours; docs/placement.md);\n"
       "layers that are not fitted stay as they are",
       Text(FIELD(current))},
      {kPlace, "--price", "P",
       "with --current: what a move costs, in experts that a step reads (default 4; 0: nothing)",
       Real(FIELD(price), 0)},
      {kPlace, "--horizon", "N", "with --current: steps that the placement will serve (default 2048)",
       Real(FIELD(horizon), 1)},
      {kCompare, "", "", "Fitting and testing", {}},
      {kCompare, "--policy", "P[,P...]",
       "ours, paper, paper-greedy, eplb, contiguous, random (default all of them);\n"
       "all others are compared with the first",
       AddPolicies},
      {kCompare, "--by", "WHAT",
       "sequence: fit on sequences of even number, test on odd (default); domain: fit on\n"
       "each domain, test on each",
       By},
      {kCompare, "--fit", "D[,D...]", "fit on these domains, together", Names(FIELD(fit))},
      {kCompare, "--test", "D[,D...]", "and test on each of these", Names(FIELD(test))},
      {kPlace, "--steps", "N", "steps to fit to (default 2000 drawn, or the last 4096 recorded)",
       Integer(FIELD(steps), 1, 1000000)},
      {kCompare, "--fit-steps", "N", "steps to fit to (default 2000)", Integer(FIELD(fit_steps), 1, 1000000)},
      {kCompare, "--steps", "N", "steps to test on (default 200)", Integer(FIELD(steps), 1, 1000000)},
      {kCompare, "--seeds", "N", "repetitions, each with other steps (default 3)", Integer(FIELD(seeds), 1, 1000)},
      {kFits, "--work", "N", "bound of the search in each layer, in steps looked at (default 10000000)",
       Integer(FIELD(work), 0, kMany)},
      {kFits, "--groups", "N", "expert groups, for eplb (default 1)", Integer(FIELD(groups), 1, 65535)},
      {kFits, "--nodes", "N", "nodes of the instances, for eplb (default 1)", Integer(FIELD(nodes), 1, 1024)},

      {kReplay, "", "", "Steps", {}},
      {kReplay, "--steps", "N", "steps to draw (default 200); the last N of those recorded",
       Integer(FIELD(steps), 1, 1000000)},
      {kReplay, "--serve", "D:N[,D:N...]", "instead: N steps of domain D, then those of the next", Serve},
      {kReplay | kCompare, "", "", "While running (docs/online.md)", {}},
      {kReplay, "--rebalance", "R",
       "off, auto or every=N, with options as janus-run has them: what the runtime's own\n"
       "counters, trigger, planner and mover would do, step by step",
       Rebalance},
      {kCompare, "--rebalance", "R",
       "also serve each test domain after each fit domain, in batches of the first size of\n"
       "--batch, and rebalance as janus-run does: off, auto or every=N, with its options",
       Rebalance},
      {kReplay | kCompare, "--expert-bytes", "N", "bytes of an expert (default 1048576)",
       Integer(FIELD(expert_bytes), 1, kMany)},
      {kReplay | kCompare, "--plan-steps", "N", "steps that go by while a plan is made (default 16)",
       Integer(FIELD(plan_steps), 0, 1000000)},
      {kReplay, "--fit-steps", "N", "steps that the placements to compare with are fitted to (default 2000; 0: none)",
       Integer(FIELD(fit_steps), 0, 1000000)},

      {kAll, "", "", "Output", {}},
      {kPlace, "-o", "FILE", "where the placement goes (default: nowhere)", Text(FIELD(output))},
      {kAll, "--json", "", "numbers as one JSON object on stdout instead of tables", Flag(FIELD(json))},
      {kReplay | kCompare, "--html", "FILE", "a report with plots, in one file that needs no network",
       Text(FIELD(html))},
      {kAll, "--seed", "N", "of everything that is drawn (default 0); the same seed gives the same output", Seed},
      {kAll, "--threads", "N", "worker threads (default: the cores of this process); they change no output",
       Integer(FIELD(threads), 1, 1024)},
      {kAll, "--help", "", "this text", Flag(FIELD(help))},
  };
  return options;
}

#undef FIELD

} // namespace janus::plan
