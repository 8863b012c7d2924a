#include "runtime/planner/Selection.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace janus::planner {
namespace {

constexpr size_t kListed = 12; // domains in a message

bool Within(const std::string &domain, const std::string &wanted) {
  return domain == wanted || absl::StartsWith(domain, wanted + "/");
}

std::string Listed(std::vector<std::string> domains) {
  const size_t all = domains.size();
  if (all > kListed)
    domains.resize(kListed);
  return absl::StrCat(absl::StrJoin(domains, ", "), all > kListed ? ", ..." : "");
}

} // namespace

std::vector<std::string> Domains(absl::Span<const trace::TraceSequence> sequences) {
  std::vector<std::string> domains;
  for (const trace::TraceSequence &sequence : sequences) {
    const std::string domain = sequence.domain.substr(0, sequence.domain.find('/'));
    if (!domain.empty() && std::find(domains.begin(), domains.end(), domain) == domains.end())
      domains.push_back(domain);
  }
  return domains;
}

absl::StatusOr<std::vector<trace::TraceSequence>> Select(absl::Span<const trace::TraceSequence> sequences,
                                                         const Selection &selection) {
  for (const std::string &domain : selection.domains)
    if (std::none_of(sequences.begin(), sequences.end(), [&](const auto &s) { return Within(s.domain, domain); })) {
      const std::vector<std::string> known = Domains(sequences);
      return absl::InvalidArgumentError(
          absl::StrCat("found no sequence of domain '", domain, "', expected ",
                       known.empty() ? "none: the trace names no domains" : "one of " + Listed(known)));
    }
  std::vector<trace::TraceSequence> selected;
  for (const trace::TraceSequence &sequence : sequences) {
    const bool domain =
        selection.domains.empty() || std::any_of(selection.domains.begin(), selection.domains.end(),
                                                 [&](const std::string &d) { return Within(sequence.domain, d); });
    const bool half =
        selection.half == Selection::Half::kAll || (sequence.id % 2 == 0) == (selection.half == Selection::Half::kEven);
    if (domain && half && (selection.repetitions || sequence.repetition == 0))
      selected.push_back(sequence);
  }
  if (selected.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("found no sequence among ", sequences.size(), " that is wanted",
                     selection.half == Selection::Half::kAll ? "" : ", in this half of them",
                     selection.repetitions ? "" : "; --repetitions takes those that repeat another one too"));
  return selected;
}

} // namespace janus::planner
