#include "tools/janus-plan/CommandLine.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/common/EditDistance.h"
#include "tools/janus-plan/Options.h"

#include <algorithm>

namespace janus::plan {
namespace {

using Command = Arguments::Command;

constexpr std::pair<Command, const char *> kCommands[] = {
    {Command::kPlace, "place"}, {Command::kReplay, "replay"}, {Command::kCompare, "compare"}};

template <typename... Parts> absl::Status Wrong(const Parts &...what) {
  return absl::InvalidArgumentError(absl::StrCat(what...));
}

const char *NameOf(Command command) {
  for (const auto &[known, name] : kCommands)
    if (known == command)
      return name;
  return "";
}

absl::Status Unknown(const std::string &name, Command command) {
  std::string elsewhere;
  const char *nearest = "";
  int best = 4; // beyond three edits a guess does not help
  for (const Option &option : Options()) {
    if (name == option.name && *option.name)
      for (const auto &[other, words] : kCommands)
        if (option.Of(other))
          absl::StrAppend(&elsewhere, elsewhere.empty() ? "" : " and ", words);
    if (int distance = EditDistance(name, option.name); *option.name && option.Of(command) && distance < best) {
      best = distance;
      nearest = option.name;
    }
  }
  return Wrong(NameOf(command), ": unknown option ", name,
               !elsewhere.empty() ? absl::StrCat("; it belongs to ", elsewhere)
               : *nearest         ? absl::StrCat("; did you mean ", nearest, "?")
                                  : "",
               " (janus-plan ", NameOf(command), " --help lists the options)");
}

absl::Status CheckInstances(Arguments &a) {
  if (!a.instances || a.slots.empty())
    return Wrong(NameOf(a.command), ": expected --instances N and --slots C");
  if (a.slots.size() == 1)
    a.slots.resize(*a.instances, a.slots[0]);
  if (std::ssize(a.slots) != *a.instances)
    return Wrong("--slots: found ", a.slots.size(), " numbers, expected 1, or one for each of ", *a.instances,
                 " instances");
  std::sort(a.dead.begin(), a.dead.end());
  a.dead.erase(std::unique(a.dead.begin(), a.dead.end()), a.dead.end());
  for (int32_t dead : a.dead)
    if (dead >= *a.instances)
      return Wrong("--dead: found instance ", dead, ", expected 0 to ", *a.instances - 1);
  if (std::ssize(a.dead) == *a.instances)
    return Wrong("--dead: found all ", *a.instances, " instances, expected that one lives");
  for (const Pin &pin : a.pins)
    if (pin.instance < 0 || pin.instance >= *a.instances)
      return Wrong("--pin: found instance ", pin.instance, ", expected 0 to ", *a.instances - 1);
  return absl::OkStatus();
}

absl::Status CheckCombination(Arguments &a) {
  const char *command = NameOf(a.command);
  if (a.trace.empty())
    return Wrong(command, ": expected --trace DIR");
  if (a.command != Command::kCompare && a.batches.size() > 1)
    return Wrong("--batch: found ", a.batches.size(), " numbers, expected one");
  if (a.command != Command::kReplay)
    if (absl::Status status = CheckInstances(a); !status.ok())
      return status;
  std::sort(a.layers.begin(), a.layers.end());
  a.layers.erase(std::unique(a.layers.begin(), a.layers.end()), a.layers.end());
  switch (a.command) {
  case Command::kPlace:
    if (a.policies.size() > 1)
      return Wrong("--policy: found ", a.policies.size(), " policies, expected one");
    if (!a.policies.empty() && a.policies[0].greedy)
      return Wrong("--policy: found ", a.policies[0].name, ", which names a scheduler; expected paper");
    if (!a.current.empty() && !a.policies.empty() && a.policies[0].placement != PlacementPolicy::kSearch)
      return Wrong("--current: found policy ", a.policies[0].name,
                   ", which does not look at what moves; expected ours");
    return absl::OkStatus();
  case Command::kReplay:
    if (a.placement.empty())
      return Wrong("replay: expected --placement FILE");
    if ((a.rebalance || !a.serve.empty()) && a.batches.empty())
      return Wrong("replay: expected --batch B with --rebalance and --serve");
    if ((a.rebalance || !a.serve.empty()) && a.greedy)
      return Wrong("replay: found --greedy with --rebalance or --serve, expected one of them");
    if (!a.serve.empty() && (a.steps || !a.selection.domains.empty()))
      return Wrong("replay: --serve says which domains and how many steps; leave out --domain and --steps");
    if (!a.html.empty() && !a.rebalance && a.serve.empty())
      return Wrong("replay: --html shows how steps went by; give --rebalance or --serve, or see janus-plan compare");
    return absl::OkStatus();
  case Command::kCompare:
    if (a.batches.empty())
      return Wrong("compare: expected --batch B");
    if (a.fit.empty() != a.test.empty())
      return Wrong("compare: found ", a.fit.empty() ? "--test without --fit" : "--fit without --test",
                   ", expected both");
    if (!a.fit.empty() && (!a.by.empty() || !a.selection.domains.empty()))
      return Wrong("compare: --fit and --test name the domains; leave out --by and --domain");
    if (a.rebalance && a.by != "domain" && a.fit.empty())
      return Wrong("compare: --rebalance serves one domain after another; expected --by domain, or --fit and --test");
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

} // namespace

std::optional<Command> CommandOf(int argc, const char *const *argv) {
  for (const auto &[command, name] : kCommands)
    if (argc > 1 && std::string(name) == argv[1])
      return command;
  return std::nullopt;
}

absl::StatusOr<Arguments> ParseCommandLine(int argc, const char *const *argv) {
  Arguments arguments;
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help" || first == "-h") {
    arguments.help = true;
    return arguments;
  }
  const std::optional<Command> command = CommandOf(argc, argv);
  if (!command)
    return Wrong(first.empty() ? "found no command" : absl::StrCat("found command \"", first, "\""),
                 ", expected place, replay or compare (janus-plan --help)");
  arguments.command = *command;
  for (int i = 2; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "-h")
      name = "--help";
    const size_t equals = name.find('=');
    const bool inside = absl::StartsWith(name, "--") && equals != std::string::npos;
    if (inside) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (!absl::StartsWith(name, "-") || name == "-")
      return Wrong("found \"", name, "\", expected an option; quote values that contain blanks");
    auto option = std::find_if(Options().begin(), Options().end(),
                               [&](const Option &o) { return o.Of(*command) && *o.name && name == o.name; });
    if (option == Options().end())
      return Unknown(name, *command);
    const bool flag = !*option->value;
    if (inside && flag)
      return Wrong(name, " takes no value, found \"", value, "\"");
    if (!inside && !flag) {
      if (++i == argc)
        return Wrong(name, " needs a value: ", name, " ", option->value);
      value = argv[i];
    }
    if (absl::Status status = option->apply(arguments, value); !status.ok())
      return Wrong(name, ": ", status.message());
    if (arguments.help)
      return arguments;
  }
  if (absl::Status status = CheckCombination(arguments); !status.ok())
    return status;
  return arguments;
}

std::string HelpText(std::optional<Command> command) {
  if (!command)
    return R"(janus-plan place   --trace DIR --instances N --slots C --batch B -o placement.json
janus-plan replay  --trace DIR --placement placement.json --batch B [--rebalance=auto]
janus-plan compare --trace DIR --instances N --slots C --batch B[,B...] [--html report.html]

The time of an expert layer at decode is that of its busiest instance: of a_max, the number of
distinct experts that a step activates there. Where the experts lie decides how far a_max is from
its limit, the distinct experts of the step over all instances. From recorded routing, janus-plan

  place    fits a placement for janus-run --placement
  replay   measures a placement, and what rebalancing while running would make of it
  compare  fits policies on one part of a trace and measures them on another

janus-plan COMMAND --help lists the options of a command.

Exit code: 0 done, 1 the trace, a file or a value is at fault, 2 usage.
)";
  constexpr const char *kHeads[] = {
      R"(janus-plan place --trace DIR --instances N --slots C --batch B [-o placement.json] [options]

Fits where the experts of each layer lie, so that the busiest instance of a step has as few active
experts as can be; prints what that comes to on the steps it was fitted to.
)",
      R"(janus-plan replay --trace DIR --placement FILE [--batch B] [--rebalance=auto] [options]

Schedules steps under a placement and prints a_max, the active experts of the busiest instance,
beside its limit. With --rebalance also what moving experts while running makes of it.
)",
      R"(janus-plan compare --trace DIR --instances N --slots C --batch B[,B...] [options]

Fits every policy on one part of the trace and measures it on another, all on the same steps under
the same exact scheduler.
)"};
  constexpr const char *kExamples[] = {
      "janus-plan place --trace traces/gpt_oss_20b --half even --instances 8 --slots 5 --batch 64 -o placement.json",
      "janus-plan replay --trace traces/deepseek --placement intent.json --batch 16 --rebalance=auto \\\n"
      "    --serve intent:300,law:600 --html shift.html",
      "janus-plan compare --trace traces/gpt_oss_20b --instances 8 --slots 5 --batch 8,16,32,64 --html report.html"};
  std::string text = kHeads[static_cast<int>(*command)];
  for (const Option &option : Options()) {
    if (!option.Of(*command))
      continue;
    if (!*option.name) {
      absl::StrAppend(&text, "\n", option.help, "\n");
      continue;
    }
    std::string head = absl::StrCat("  ", option.name, *option.value ? " " : "", option.value);
    head.resize(std::max<size_t>(head.size() + 1, 26), ' ');
    absl::StrAppend(&text, head, absl::StrReplaceAll(option.help, {{"\n", "\n" + std::string(26, ' ')}}), "\n");
  }
  return absl::StrCat(text, "\nExample\n  ", kExamples[static_cast<int>(*command)],
                      "\n\nExit code: 0 done, 1 the trace, a file or a value is at fault, 2 usage.\n");
}

} // namespace janus::plan
