#include "runtime/scheduler/Explain.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::scheduler {

std::vector<Explanation> Explain(const ReplicaTableView &table, absl::Span<const int32_t> lookup) {
  std::vector<Explanation> all;
  std::vector<int32_t> load(table.instances); // as the assignment finds it, before repair
  for (int32_t p = table.first_live; p < table.experts; ++p) {
    const uint16_t expert = table.order[p];
    if (lookup[expert] < 0)
      continue;
    Explanation of;
    of.expert = expert;
    of.slot = lookup[expert];
    int32_t first = -1; // instance that the assignment chose
    std::string hosts;
    for (int32_t r = table.begin[p]; r < table.begin[p + 1]; ++r) {
      const int32_t host = table.instance[r];
      absl::StrAppend(&hosts, hosts.empty() ? "" : ", ", host, " (", load[host], ")");
      if (first < 0 || load[host] < load[first])
        first = host;
      if (table.slot[r] == of.slot)
        of.instance = host;
    }
    ++load[first];
    if (table.begin[p + 1] - table.begin[p] == 1)
      of.why = "only replica";
    else if (first == of.instance)
      of.why = absl::StrCat("least loaded of ", hosts);
    else
      of.why = absl::StrCat("moved by repair from ", first, ", least loaded of ", hosts);
    all.push_back(std::move(of));
  }
  std::sort(all.begin(), all.end(), [](const Explanation &a, const Explanation &b) { return a.expert < b.expert; });
  return all;
}

} // namespace janus::scheduler
