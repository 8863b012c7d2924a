#include "tools/janus-plan/Shift.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::plan {
namespace {

constexpr int64_t kStretch = 100, kSmooth = 25; // steps
constexpr int64_t kSettled = 300;               // steps after which a rebalanced placement should be near a fitted one

using planner::ServedStep;

ServedStep MeanOf(absl::Span<const ServedStep> steps) {
  ServedStep mean;
  for (const ServedStep &step : steps) {
    mean.limit += step.limit / static_cast<double>(steps.size());
    mean.stays += step.stays / static_cast<double>(steps.size());
    mean.moves += step.moves / static_cast<double>(steps.size());
    mean.fitted += step.fitted / static_cast<double>(steps.size());
    mean.bytes += step.bytes;
  }
  return mean;
}

Table StretchTable(const Shift &shift) {
  std::vector<std::string> head = {"traffic", "steps", "limit", "stays", "rebalanced"};
  if (shift.fitted)
    head.insert(head.end(), {"fitted", "over fitted"});
  head.emplace_back("copied");
  Table table(head);
  for (const ShiftMean &stretch : Stretches(shift)) {
    std::vector<std::string> row = {shift.phases[stretch.phase].name,
                                    absl::StrCat(stretch.begin, " to ", stretch.end - 1), Fixed(stretch.mean.limit),
                                    Fixed(stretch.mean.stays), Fixed(stretch.mean.moves)};
    if (shift.fitted)
      row.insert(row.end(), {Fixed(stretch.mean.fitted), Fixed(stretch.mean.moves / stretch.mean.fitted)});
    row.push_back(Size(static_cast<double>(stretch.mean.bytes)));
    table.Add(row);
  }
  return table;
}

std::string Words(const RebalanceStats &stats) {
  return absl::StrCat(stats.plans, " plans, ", stats.applied, " of them applied: ", stats.moves, " experts moved, ",
                      Size(static_cast<double>(stats.bytes)), ", in ", stats.epochs, " epochs",
                      stats.last.empty() ? "" : "; the last decision: " + stats.last);
}

/// How far a_max is above its limit, over the last kSmooth steps of the same phase, %.
Series Curve(const Shift &shift, const char *name, const char *color, double ServedStep::*field) {
  Series series = {name, color, false, false, {}};
  int64_t begin = 0;
  for (const planner::Phase &phase : shift.phases) {
    double sum = 0, limit = 0;
    for (int64_t s = 0; s < phase.steps; ++s) {
      sum += shift.result.steps[begin + s].*field;
      limit += shift.result.steps[begin + s].limit;
      if (s >= kSmooth) {
        sum -= shift.result.steps[begin + s - kSmooth].*field;
        limit -= shift.result.steps[begin + s - kSmooth].limit;
      }
      series.points.emplace_back(begin + s, limit > 0 ? 100 * (sum / limit - 1) : 0);
    }
    begin += phase.steps;
  }
  return series;
}

/// What a phase comes to once kSettled steps of it have been served.
struct Settled {
  std::string phase;
  ServedStep mean;
};
std::vector<Settled> SettledPhases(const Shift &shift) {
  std::vector<Settled> settled;
  int64_t begin = 0;
  for (const planner::Phase &phase : shift.phases) {
    if (begin > 0 && phase.steps > kSettled)
      settled.push_back(
          {phase.name,
           MeanOf(absl::MakeConstSpan(shift.result.steps).subspan(begin + kSettled, phase.steps - kSettled))});
    begin += phase.steps;
  }
  return settled;
}

std::string SettledWords(const Shift &shift) {
  std::string words;
  auto above = [](double value, double base) { return absl::StrCat(Fixed(100 * (value / base - 1), 1), " %"); };
  for (const Settled &settled : SettledPhases(shift)) {
    absl::StrAppend(&words, "From ", kSettled, " steps of ", settled.phase, " on: a_max ", Fixed(settled.mean.moves),
                    " rebalanced, ", Fixed(settled.mean.stays), " where the placement stays");
    if (shift.fitted)
      absl::StrAppend(&words, ", ", Fixed(settled.mean.fitted), " fitted to ", settled.phase, ": ",
                      above(settled.mean.moves, settled.mean.fitted), " above it rebalanced, ",
                      above(settled.mean.stays, settled.mean.fitted), " where it stays");
    absl::StrAppend(&words, ".\n");
  }
  return words;
}

} // namespace

std::vector<ShiftMean> Stretches(const Shift &shift) {
  std::vector<ShiftMean> stretches;
  int64_t begin = 0;
  for (size_t p = 0; p < shift.phases.size(); ++p) {
    const int64_t steps = shift.phases[p].steps;
    for (int64_t s = 0; s < steps; s += kStretch) {
      const int64_t end = std::min(steps, s + kStretch);
      stretches.push_back({static_cast<int64_t>(p), s, end,
                           MeanOf(absl::MakeConstSpan(shift.result.steps).subspan(begin + s, end - s))});
    }
    begin += steps;
  }
  return stretches;
}

std::string ShiftText(const Shift &shift) {
  return absl::StrCat(StretchTable(shift).Text(), "\n", SettledWords(shift), Words(shift.result.stats), "\n");
}

nlohmann::ordered_json ShiftJson(const Shift &shift) {
  using Object = nlohmann::ordered_json;
  Object phases = Object::array(), steps = Object::array(), stretches = Object::array();
  for (const planner::Phase &phase : shift.phases)
    phases.push_back({{"domain", phase.name}, {"steps", phase.steps}});
  auto numbers = [&](const ServedStep &step) {
    Object object = {{"limit", step.limit}, {"stays", step.stays}, {"rebalanced", step.moves}};
    if (shift.fitted)
      object["fitted"] = step.fitted;
    object["bytes"] = step.bytes;
    return object;
  };
  for (const ServedStep &step : shift.result.steps) {
    steps.push_back(numbers(step));
    steps.back()["epoch"] = step.epoch;
  }
  for (const ShiftMean &stretch : Stretches(shift)) {
    Object object = {{"domain", shift.phases[stretch.phase].name}, {"begin", stretch.begin}, {"end", stretch.end}};
    object.update(numbers(stretch.mean));
    stretches.push_back(object);
  }
  const RebalanceStats &stats = shift.result.stats;
  Object settled = Object::array();
  for (const Settled &phase : SettledPhases(shift)) {
    settled.push_back({{"domain", phase.phase}, {"from_step", kSettled}});
    settled.back().update(numbers(phase.mean));
  }
  return {{"phases", phases},
          {"settled", settled},
          {"stretches", stretches},
          {"rebalance",
           {{"plans", stats.plans},
            {"applied", stats.applied},
            {"declined_layers", stats.declined_layers},
            {"epochs", stats.epochs},
            {"moves", stats.moves},
            {"bytes", stats.bytes},
            {"last", stats.last}}},
          {"steps", steps}};
}

void AddShift(Page &page, const Shift &shift) {
  LinePlot plot;
  plot.x.label = "step";
  plot.y.label = "a_max above its limit, %";
  plot.from_zero = true;
  plot.markers = false;
  plot.height = 340;
  plot.series.push_back(Curve(shift, "stays as it is", "#8a8f98", &ServedStep::stays));
  if (shift.fitted)
    plot.series.push_back(Curve(shift, "fitted to this traffic", "#1b9e77", &ServedStep::fitted));
  plot.series.push_back(Curve(shift, "rebalanced while running", "#0b5fb0", &ServedStep::moves));
  plot.series.back().strong = true;
  int64_t begin = 0;
  for (const planner::Phase &phase : shift.phases) {
    plot.spans.push_back({static_cast<double>(begin), static_cast<double>(begin + phase.steps - 1), phase.name});
    begin += phase.steps;
  }
  double copied = 0;
  LinePlot bytes;
  bytes.x.label = "step";
  bytes.y.label = "MiB copied";
  bytes.markers = false;
  bytes.from_zero = true;
  bytes.height = 170;
  bytes.spans = plot.spans;
  bytes.series.push_back({"copied so far", "#0b5fb0", false, false, {}});
  for (size_t s = 0; s < shift.result.steps.size(); ++s) {
    const ServedStep &step = shift.result.steps[s];
    if (s > 0 && step.epoch != shift.result.steps[s - 1].epoch)
      plot.marks.emplace_back(s, absl::StrCat("epoch ", step.epoch, " from step ", s));
    copied += static_cast<double>(step.bytes) / (1 << 20);
    bytes.series[0].points.emplace_back(s, copied);
  }
  page.Legend(plot.series);
  page.Figure({Draw(plot)}, absl::StrCat("Means over all layers and the last ", kSmooth,
                                         " steps of the same traffic; 0 is the limit of these steps. Ticks at the "
                                         "bottom: epochs, at which the placement changed."));
  page.Figure({Draw(bytes)}, "Expert weights copied so far, within the budget of each step.");
  page.Paragraph(absl::StrCat(SettledWords(shift), "The rebalancer: ", Words(shift.result.stats), "."));
  page.AddTable(StretchTable(shift));
}

} // namespace janus::plan
