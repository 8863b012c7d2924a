#include "tools/janus-plan/Comparison.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <optional>

namespace janus::plan {
namespace {

using planner::CellResult;
using planner::PolicyResult;

/// The baseline that comes nearest to the first policy, or beats it by most.
std::optional<size_t> Closest(const CellResult &cell) {
  std::optional<size_t> closest;
  for (size_t p = 1; p < cell.policies.size(); ++p)
    if (!closest || cell.policies[p].difference < cell.policies[*closest].difference)
      closest = p;
  return closest;
}

std::string Pair(const planner::Split &split) { return split.fit + " -> " + split.test; }

} // namespace

Table RatioTable(const Comparison &comparison) {
  const bool one = comparison.splits.size() == 1;
  std::vector<std::string> head = {"batch", "active", "limit"};
  if (!one)
    head.insert(head.begin(), "fit -> test");
  for (const planner::Policy &policy : comparison.options.policies)
    head.emplace_back(policy.name);
  if (comparison.options.policies.size() > 1)
    head.emplace_back(absl::StrCat("nearest to ", comparison.options.policies[0].name));
  Table table(head);
  for (const CellResult &cell : comparison.cells) {
    const planner::Measure &first = cell.policies[0].mean;
    std::vector<std::string> row = {absl::StrCat(cell.batch), Fixed(first.active, 1), Fixed(first.limit)};
    if (!one)
      row.insert(row.begin(), Pair(comparison.splits[cell.split]));
    for (const PolicyResult &policy : cell.policies)
      row.push_back(Fixed(policy.mean.ratio()));
    if (const std::optional<size_t> closest = Closest(cell)) {
      const PolicyResult &other = cell.policies[*closest];
      row.push_back(absl::StrCat(comparison.options.policies[*closest].name, other.difference < 0 ? " " : " +",
                                 Fixed(other.difference), " +- ", Fixed(other.interval)));
    }
    table.Add(row);
  }
  return table;
}

std::string ComparisonText(const Comparison &comparison) {
  const planner::CompareOptions &o = comparison.options;
  std::string text = absl::StrCat(
      "a_max over its limit; ", o.instances.slots.size(), " instances, ", comparison.layers.size(), " layers, ",
      o.test_steps, " steps, ", o.seeds, " seeds",
      comparison.splits.size() == 1
          ? absl::StrCat("; fitted on ", comparison.splits[0].fit, ", tested on ", comparison.splits[0].test)
          : "",
      "\n\n", RatioTable(comparison).Text(),
      "\nactive: distinct experts of a step. limit: mean of ceil(active / instances), what no placement beats.\n");
  if (o.policies.size() > 1)
    absl::StrAppend(&text, "nearest: a_max less that of ", o.policies[0].name,
                    ", mean and 95 % interval over pairs of the same steps and layer.\n");
  return text;
}

nlohmann::ordered_json ComparisonJson(const Comparison &comparison) {
  using Object = nlohmann::ordered_json;
  Object cells = Object::array();
  for (const CellResult &cell : comparison.cells) {
    Object policies = Object::object();
    for (size_t p = 0; p < cell.policies.size(); ++p) {
      const PolicyResult &policy = cell.policies[p];
      Object layers = Object::array();
      for (size_t l = 0; l < policy.layers.size(); ++l)
        layers.push_back({{"layer", comparison.layers[l]},
                          {"active", policy.layers[l].active},
                          {"limit", policy.layers[l].limit},
                          {"a_max", policy.layers[l].a_max},
                          {"p99", policy.layers[l].p99},
                          {"load", policy.layers[l].load}});
      policies[comparison.options.policies[p].name] = {
          {"a_max", policy.mean.a_max},  {"ratio", policy.mean.ratio()}, {"difference", policy.difference},
          {"interval", policy.interval}, {"ranked", policy.mean.ranked}, {"layers", layers}};
    }
    cells.push_back({{"fit", comparison.splits[cell.split].fit},
                     {"test", comparison.splits[cell.split].test},
                     {"batch", cell.batch},
                     {"limit", cell.policies[0].mean.limit},
                     {"active", cell.policies[0].mean.active},
                     {"policies", policies}});
  }
  return {{"instances", comparison.options.instances.slots.size()},
          {"slots", comparison.options.instances.slots},
          {"steps", comparison.options.test_steps},
          {"fit_steps", comparison.options.fit_steps},
          {"seeds", comparison.options.seeds},
          {"seed", comparison.options.seed},
          {"cells", cells}};
}

std::string Summary(const Comparison &comparison) {
  double ratio = 0, other = 0;
  size_t others = 0;
  for (const CellResult &cell : comparison.cells) {
    ratio += cell.policies[0].mean.ratio() / static_cast<double>(comparison.cells.size());
    if (const std::optional<size_t> closest = Closest(cell))
      other += cell.policies[*closest].mean.ratio(), ++others;
  }
  const std::string first = comparison.options.policies[0].name;
  return absl::StrCat("The busiest instance of a step has ", Fixed(100 * (ratio - 1), 1),
                      " % more active experts than the limit under '", first, "'",
                      others ? absl::StrCat(", and ", Fixed(100 * (other / static_cast<double>(others) - 1), 1),
                                            " % more under the best of the other policies")
                             : "",
                      ", on steps that were not used for fitting.");
}

} // namespace janus::plan
