#include "tools/janus-plan/Comparison.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::plan {
namespace {

using planner::CellResult;

const char *ColorOf(const std::string &policy) {
  constexpr std::pair<const char *, const char *> kColors[] = {{"ours", "#0b5fb0"},         {"paper", "#d95f02"},
                                                               {"paper-greedy", "#e6a817"}, {"eplb", "#1b9e77"},
                                                               {"contiguous", "#8a8f98"},   {"random", "#a0529c"}};
  for (const auto &[name, color] : kColors)
    if (policy == name)
      return color;
  return "#1c2430";
}

/// A series a policy, without points; the first, which is drawn last, on top.
std::vector<Series> PolicySeries(const Comparison &comparison) {
  std::vector<Series> series;
  for (const planner::Policy &policy : comparison.options.policies)
    series.push_back({policy.name, ColorOf(policy.name), policy.greedy, series.empty(), {}});
  return series;
}

/// For a LinePlot: what comes first lies on top.
std::vector<Series> Reversed(std::vector<Series> series) {
  std::reverse(series.begin(), series.end());
  return series;
}

/// a_max over the batch size, of one split.
void AddBatches(Page &page, const Comparison &comparison, size_t split) {
  std::vector<Series> series = PolicySeries(comparison);
  Series limit = {"limit: distinct experts over instances", "#1c2430", true, false, {}};
  LinePlot plot;
  plot.x = {"batch, rows of a step", true, {}};
  plot.y = {"a_max, experts on the busiest instance", false, {}};
  plot.from_zero = false;
  for (const CellResult &cell : comparison.cells) {
    if (cell.split != split)
      continue;
    const double batch = static_cast<double>(cell.batch);
    plot.x.ticks.push_back(batch);
    limit.points.emplace_back(batch, cell.policies[0].mean.limit);
    for (size_t p = 0; p < series.size(); ++p)
      series[p].points.emplace_back(batch, cell.policies[p].mean.a_max);
  }
  plot.series = Reversed(series);
  plot.series.insert(plot.series.begin(), limit);
  series.push_back(limit);
  page.Legend(series);
  page.Figure({Draw(plot)},
              absl::StrCat("Fitted on ", comparison.splits[split].fit, ", measured on ", comparison.splits[split].test,
                           ": means over ", comparison.layers.size(), " layers, ", comparison.options.test_steps,
                           " steps and ", comparison.options.seeds, " seeds."));
}

/// a_max over its limit, a group of bars a cell.
void AddCells(Page &page, const Comparison &comparison) {
  BarPlot plot;
  plot.y.label = "a_max above its limit, %";
  plot.series = PolicySeries(comparison);
  for (const CellResult &cell : comparison.cells) {
    plot.groups.push_back(comparison.splits.size() > 1
                              ? comparison.splits[cell.split].fit + " \u2192 " + comparison.splits[cell.split].test
                              : absl::StrCat("batch ", cell.batch));
    for (size_t p = 0; p < plot.series.size(); ++p)
      plot.series[p].points.emplace_back(0, 100 * (cell.policies[p].mean.ratio() - 1));
  }
  page.Legend(plot.series);
  page.Figure({Draw(plot)}, "How far the busiest instance is above what no placement beats; 0 is the limit itself.");
}

void AddLoads(Page &page, const Comparison &comparison, const CellResult &cell) {
  BarPlot ranked;
  ranked.x.label = "instances of a step, busiest first";
  ranked.y.label = "active experts, mean";
  ranked.series = PolicySeries(comparison);
  for (size_t g = 0; g < cell.policies[0].mean.ranked.size(); ++g)
    ranked.groups.push_back(absl::StrCat(g + 1));
  for (size_t p = 0; p < ranked.series.size(); ++p)
    for (double load : cell.policies[p].mean.ranked)
      ranked.series[p].points.emplace_back(0, load);
  ranked.line = cell.policies[0].mean.limit;
  ranked.line_name = "limit";
  page.Legend(ranked.series);
  page.Figure({Draw(ranked)},
              absl::StrCat("Batch ", cell.batch, ", ", comparison.splits[cell.split].fit, " \u2192 ",
                           comparison.splits[cell.split].test,
                           ": in every step and layer the instances are put in order of their active experts. The "
                           "first group is a_max, which the step waits for."));
}

void AddLayers(Page &page, const Comparison &comparison, const CellResult &cell) {
  std::vector<Series> series = PolicySeries(comparison);
  for (size_t p = 0; p < series.size(); ++p)
    for (size_t l = 0; l < comparison.layers.size(); ++l)
      series[p].points.emplace_back(comparison.layers[l], 100 * (cell.policies[p].layers[l].ratio() - 1));
  LinePlot plot;
  plot.x.label = "layer";
  plot.y.label = "a_max above its limit, %";
  plot.height = 280;
  plot.from_zero = true;
  const size_t step = 1 + comparison.layers.size() / 30;
  for (size_t l = 0; l < comparison.layers.size(); l += step)
    plot.x.ticks.push_back(static_cast<double>(comparison.layers[l]));
  plot.series = Reversed(series);
  page.Figure({Draw(plot)}, absl::StrCat("The same by layer, batch ", cell.batch, "."));
}

/// Slot by slot: how often the experts in two slots are active in the same step.
std::string Matrix(const LayerSlots &slots, const ActivationStatistics &statistics, const std::string &title) {
  std::vector<int32_t> experts;
  std::vector<size_t> borders;
  for (const std::vector<int32_t> &held : slots) {
    if (!experts.empty())
      borders.push_back(experts.size());
    for (int32_t e : held)
      if (e >= 0)
        experts.push_back(e);
  }
  double most = 1e-9;
  for (int32_t e : experts)
    for (int32_t f : experts)
      most = e == f ? most : std::max(most, statistics.Both(e, f));
  std::vector<std::vector<double>> values;
  for (int32_t e : experts) {
    auto &row = values.emplace_back();
    for (int32_t f : experts)
      row.push_back(e == f ? 0 : statistics.Both(e, f) / most);
  }
  return DrawMatrix(values, borders, title, 400);
}

/// The layer in which contiguous blocks do worst, or the first policy where there are none.
size_t WorstLayer(const Comparison &comparison, const CellResult &cell) {
  size_t policy = 0, worst = 0;
  for (size_t p = 0; p < cell.policies.size(); ++p)
    if (comparison.options.policies[p].placement == PlacementPolicy::kContiguous)
      policy = p;
  const std::vector<planner::Measure> &layers = cell.policies[policy].layers;
  for (size_t l = 1; l < layers.size(); ++l)
    if (layers[l].ratio() > layers[worst].ratio())
      worst = l;
  return worst;
}

/// By number of the instance, in one layer.
void AddInstances(Page &page, const Comparison &comparison, const CellResult &cell) {
  const size_t layer = WorstLayer(comparison, cell);
  BarPlot plot;
  plot.x.label = "instance";
  plot.y.label = "active experts, mean";
  plot.height = 240;
  plot.series = PolicySeries(comparison);
  for (size_t g = 0; g < cell.policies[0].layers[layer].load.size(); ++g)
    plot.groups.push_back(absl::StrCat(g));
  for (size_t p = 0; p < plot.series.size(); ++p)
    for (double load : cell.policies[p].layers[layer].load)
      plot.series[p].points.emplace_back(0, load);
  page.Figure({Draw(plot)}, absl::StrCat("By number, in layer ", comparison.layers[layer],
                                         ": what each instance serves in the mean of all steps. Even means are not "
                                         "enough: a_max is the maximum of each single step."));
}

void AddCoActivation(Page &page, const Comparison &comparison, const CellResult &cell) {
  const std::vector<planner::Policy> &policies = comparison.options.policies;
  const auto before = std::find_if(policies.begin(), policies.end(),
                                   [](const auto &p) { return p.placement == PlacementPolicy::kContiguous; });
  if (before == policies.end() || before == policies.begin())
    return;
  const size_t worst = WorstLayer(comparison, cell);
  const ActivationStatistics statistics = Count(cell.steps[worst]);
  std::vector<std::string> images;
  std::string shares;
  for (size_t p : {static_cast<size_t>(before - policies.begin()), size_t{0}}) {
    const LayerSlots &slots = cell.policies[p].slots[worst];
    images.push_back(Matrix(slots, statistics, absl::StrCat(p ? "before: " : "after: ", policies[p].name)));
    absl::StrAppend(&shares, shares.empty() ? "" : ", ", Fixed(100 * planner::SharedActivity(slots, statistics), 1),
                    " % under ", policies[p].name);
  }
  page.Heading("Co-activation before and after");
  page.Figure(images, absl::StrCat("Layer ", comparison.layers[worst], ", batch ", cell.batch,
                                   ", in which contiguous blocks do worst. Rows and columns are slots, instance after "
                                   "instance (white lines); dark: both experts active in the same step more often "
                                   "(the same expert is left blank). Experts that are active together should not "
                                   "share an instance: of all co-activation, ",
                                   shares, " is inside the squares on the diagonal; spread evenly it would be ",
                                   Fixed(100.0 / static_cast<double>(cell.policies[0].slots[worst].size()), 1), " %."));
}

Table AllNumbers(const Comparison &comparison, const CellResult &cell) {
  std::vector<std::string> head = {"layer", "active", "limit"};
  for (const planner::Policy &policy : comparison.options.policies)
    head.emplace_back(policy.name);
  Table table(head);
  for (size_t l = 0; l < comparison.layers.size(); ++l) {
    std::vector<std::string> row = {absl::StrCat(comparison.layers[l]), Fixed(cell.policies[0].layers[l].active, 1),
                                    Fixed(cell.policies[0].layers[l].limit)};
    for (const planner::PolicyResult &policy : cell.policies)
      row.push_back(Fixed(policy.layers[l].a_max));
    table.Add(row);
  }
  return table;
}

} // namespace

void AddComparison(Page &page, const Comparison &comparison) {
  const bool batches = comparison.options.batches.size() > 1;
  page.Heading(batches ? "a_max over the batch size" : "Fit on one part, test on another");
  for (size_t split = 0; batches && split < comparison.splits.size(); ++split)
    AddBatches(page, comparison, split);
  if (!batches)
    AddCells(page, comparison);
  page.Paragraph(
      "a_max over its limit; the last column is the difference in a_max to the nearest of the other policies, "
      "over pairs of the same steps and layer, with its 95 % interval.");
  page.AddTable(RatioTable(comparison));
  // Where the policies differ most there is most to see.
  const CellResult &shown =
      *std::max_element(comparison.cells.begin(), comparison.cells.end(), [](const CellResult &a, const CellResult &b) {
        auto sum = [](const CellResult &cell) {
          double ratios = 0;
          for (const planner::PolicyResult &policy : cell.policies)
            ratios += policy.mean.ratio();
          return ratios;
        };
        return sum(a) < sum(b);
      });
  page.Heading("Load of the instances");
  AddLoads(page, comparison, shown);
  AddInstances(page, comparison, shown);
  if (comparison.layers.size() > 1)
    AddLayers(page, comparison, shown);
  AddCoActivation(page, comparison, shown);
}

void AddNumbers(Page &page, const Comparison &comparison) {
  page.Heading("All numbers");
  for (const CellResult &cell : comparison.cells)
    page.Fold(absl::StrCat("a_max by layer: ", comparison.splits[cell.split].fit, " \u2192 ",
                           comparison.splits[cell.split].test, ", batch ", cell.batch),
              AllNumbers(comparison, cell));
}

} // namespace janus::plan
