#include "runtime/transport/Failing.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>

namespace janus {
namespace {

absl::Status Wrong(absl::string_view option, absl::string_view text, absl::string_view found,
                   absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(option, " ", text, ": found ", found, ", expected ", expected));
}

/// "expert:2" before '@', "key=value" parts after it.
absl::Status Parse(absl::string_view option, absl::string_view text, Address &instance,
                   std::vector<std::pair<absl::string_view, absl::string_view>> &parts) {
  const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(text, absl::MaxSplits('@', 1)),
                                                        name = absl::StrSplit(halves.first, absl::MaxSplits(':', 1));
  const bool attention = name.first == "attention";
  if ((!attention && name.first != "expert") || !absl::SimpleAtoi(name.second, &instance.id) || instance.id < 0)
    return Wrong(option, text, absl::StrCat("instance '", halves.first, "'"), "attention:ID or expert:ID before '@'");
  instance.kind = attention ? EndpointKind::kAttention : EndpointKind::kExpert;
  for (absl::string_view part : absl::StrSplit(halves.second, ',')) {
    const std::pair<absl::string_view, absl::string_view> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (std::any_of(parts.begin(), parts.end(), [&](const auto &other) { return other.first == pair.first; }))
      return Wrong(option, text, absl::StrCat("'", pair.first, "' twice"), "each part once");
    parts.push_back(pair);
  }
  if (parts.empty() || parts.front().first != "step") // none without '@'
    return Wrong(option, text, absl::StrCat("'", halves.second, "'"), "step=N after '@'");
  return absl::OkStatus();
}

absl::Status Number(absl::string_view option, absl::string_view text,
                    std::pair<absl::string_view, absl::string_view> part, int64_t low, int64_t &value) {
  if (absl::SimpleAtoi(part.second, &value) && value >= low && value <= INT32_MAX)
    return absl::OkStatus();
  return Wrong(option, text, absl::StrCat(part.first, " '", part.second, "'"),
               absl::StrCat("an integer from ", low, " to ", INT32_MAX));
}

} // namespace

absl::StatusOr<Fault> ParseFault(absl::string_view text) {
  constexpr absl::string_view kOption = "--fail";
  Fault fault;
  std::vector<std::pair<absl::string_view, absl::string_view>> parts;
  if (absl::Status status = Parse(kOption, text, fault.instance, parts); !status.ok())
    return status;
  for (const auto &part : parts) {
    int64_t value = 0;
    absl::Status status;
    if (part.first == "step") {
      status = Number(kOption, text, part, 1, value);
      fault.step = static_cast<uint64_t>(value);
    } else if (part.first == "layer") {
      status = Number(kOption, text, part, 0, value);
      fault.layer = static_cast<int32_t>(value);
    } else if (part.first == "after") {
      status = Number(kOption, text, part, 0, value);
      fault.after = value;
    } else if (part.first == "phase") {
      std::string known;
      for (int phase = 0; phase < kPhaseCount; ++phase) {
        absl::StrAppend(&known, phase ? ", " : "", Name(static_cast<Phase>(phase)));
        if (part.second == Name(static_cast<Phase>(phase)))
          fault.phase = static_cast<Phase>(phase);
      }
      if (!fault.phase)
        status = Wrong(kOption, text, absl::StrCat("phase '", part.second, "'"), absl::StrCat("one of ", known));
    } else if (part.first == "how") {
      fault.silent = part.second == "silent";
      if (!fault.silent && part.second != "dead")
        status = Wrong(kOption, text, absl::StrCat("how '", part.second, "'"), "dead or silent");
    } else {
      status = Wrong(kOption, text, absl::StrCat("'", part.first, "'"), "step, layer, phase, after or how");
    }
    if (!status.ok())
      return status;
  }
  return fault;
}

absl::StatusOr<Restoration> ParseRestoration(absl::string_view text) {
  constexpr absl::string_view kOption = "--restore";
  Restoration restoration;
  std::vector<std::pair<absl::string_view, absl::string_view>> parts;
  if (absl::Status status = Parse(kOption, text, restoration.instance, parts); !status.ok())
    return status;
  if (parts.size() > 1)
    return Wrong(kOption, text, absl::StrCat("'", parts[1].first, "'"), "nothing after step=N");
  int64_t step = 0;
  if (absl::Status status = Number(kOption, text, parts.front(), 1, step); !status.ok())
    return status;
  restoration.step = static_cast<uint64_t>(step);
  return restoration;
}

absl::Status CheckFaults(const FaultPlan &plan, int attention, int experts, int64_t layers) {
  for (const Fault &fault : plan.faults) {
    const int count = fault.instance.kind == EndpointKind::kAttention ? attention : experts;
    if (fault.instance.id >= count)
      return absl::InvalidArgumentError(absl::StrCat("--fail: found ", Describe(fault.instance),
                                                     ", expected an id below ", count,
                                                     ", as many as there are instances"));
  }
  for (const Fault &fault : plan.faults)
    if (fault.layer && *fault.layer >= layers)
      return absl::InvalidArgumentError(
          absl::StrCat("--fail: found layer ", *fault.layer, ", expected one of the model's ", layers, " layers"));
  for (const Restoration &restoration : plan.restorations) {
    const bool fails = std::any_of(plan.faults.begin(), plan.faults.end(), [&](const Fault &fault) {
      return fault.instance == restoration.instance && fault.step < restoration.step;
    });
    if (!fails)
      return absl::InvalidArgumentError(absl::StrCat("--restore: ", Describe(restoration.instance),
                                                     " does not fail before step ", restoration.step,
                                                     "; expected a --fail of it at an earlier step"));
  }
  return absl::OkStatus();
}

} // namespace janus
