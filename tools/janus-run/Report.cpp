#include "tools/janus-run/Report.h"
#include "tools/janus-run/Failures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include <cstdio>

namespace janus::run {
namespace {

std::string Size(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  return absl::StrFormat("%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

void Put(const std::string &text) { std::fwrite(text.data(), 1, text.size(), stderr); }

double Rate(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

using Json = nlohmann::ordered_json;

Json ToJson(const RebalanceReport &of) {
  return {{"mode", of.mode},
          {"plans", of.plans},
          {"applied", of.applied},
          {"layers_not_moved", of.layers_not_moved},
          {"failed", of.failed},
          {"epochs", of.epochs},
          {"moves", of.moves},
          {"moved_bytes", of.moved_bytes},
          {"pieces", of.pieces},
          {"peer_pieces", of.peer_pieces},
          {"peer_bytes", of.peer_bytes},
          {"announced", {{"epochs", of.announced}, {"messages", of.announcements}, {"ready", of.ready}}},
          {"gain", of.gain},
          {"cost", of.cost},
          {"counting_ms", of.counting_ms},
          {"last", of.last}};
}

Json ToJson(const std::vector<LayerSchedule> &explained) {
  Json layers = Json::array();
  for (const LayerSchedule &layer : explained) {
    Json experts = Json::array();
    for (const ServedExpert &of : layer.experts)
      experts.push_back(
          {{"expert", of.expert}, {"rows", of.rows}, {"instance", of.instance}, {"slot", of.slot}, {"why", of.why}});
    layers.push_back({{"layer", layer.layer},
                      {"rows", layer.rows},
                      {"epoch", layer.epoch},
                      {"a_max", layer.a_max},
                      {"limit", layer.limit},
                      {"experts", experts}});
  }
  return layers;
}

Json ToJson(const Runtime &runtime, const Timing &timing) {
  const RunReport report = runtime.report();
  Json instances = Json::array(), layers = Json::array(), traffic = Json::object();
  for (const InstanceReport &i : runtime.instances())
    instances.push_back({{"name", i.name},
                         {"bytes", {{"weights", i.weights}, {"slots", i.slots}, {"kv", i.kv}, {"buffers", i.buffers}}},
                         {"planned_bytes",
                          {{"weights", i.planned_weights},
                           {"slots", i.planned_slots},
                           {"kv", i.planned_kv},
                           {"buffers", i.planned_buffers}}}});
  for (const LayerReport &l : report.layers)
    layers.push_back(
        {{"experts", l.experts},
         {"steps", l.steps},
         {"a_max",
          {{"mean", l.mean_a_max}, {"p99", l.p99_a_max}, {"worst", l.worst_a_max}, {"limit_mean", l.mean_limit}}},
         {"distinct_mean", l.mean_distinct},
         {"imbalance", l.imbalance},
         {"slots", {{"all", l.slots}, {"used", l.slots_used}}},
         {"schedules", {{"all", l.schedules}, {"reused", l.schedules_reused}}},
         {"schedule_us_mean", l.schedule_us},
         {"epochs", l.epochs},
         {"moves", l.moves},
         {"moved_bytes", l.moved_bytes},
         {"retries", l.retries},
         {"ms",
          {{"attention", l.attention_ms},
           {"transfer", l.transfer_ms},
           {"schedule", l.schedule_ms},
           {"expert", l.expert_ms},
           {"wait", l.wait_ms}}}});
  for (const auto &[phase, links] : report.traffic)
    for (const auto &[link, count] : links)
      traffic[phase][link] = {{"messages", count.messages}, {"bytes", count.bytes}};
  Json json = {{"prompt_tokens", timing.prompt_tokens},
               {"new_tokens", timing.new_tokens},
               {"first_token_s", timing.first_token_s()},
               {"tokens_per_s", Rate(timing.new_tokens - 1, timing.after_first_s())},
               {"steps", report.steps},
               {"rows", report.rows},
               {"step_ms", report.step_ms},
               {"schemes", report.schemes},
               {"instances", instances},
               {"layers", layers},
               {"traffic", traffic},
               {"failures", FailuresToJson(report.failures)},
               {"rebalance", ToJson(report.rebalance)},
               {"placement", Json::parse(report.placement, nullptr, false)}};
  if (!report.explained.empty())
    json["explained"] = ToJson(report.explained);
  if (report.recorded_steps + report.unrecorded_steps > 0)
    json["recorded"] = {{"steps", report.recorded_steps}, {"left_out", report.unrecorded_steps}};
  return json;
}

/// What --explain-step prints.
std::string Explanation(const RunReport &report, int64_t step) {
  if (report.explained.empty())
    return absl::StrCat("warning: --explain-step ", step, ": the run had ", report.steps, " steps\n");
  std::string text;
  for (const LayerSchedule &layer : report.explained) {
    absl::StrAppendFormat(&text, "step %d, layer %d: %d rows, %d experts, a_max %d, limit %d, epoch %d\n", step,
                          layer.layer, layer.rows, layer.experts.size(), layer.a_max, layer.limit, layer.epoch);
    absl::StrAppend(&text, "  expert   rows  instance   slot  why: instances with the experts they had by then\n");
    for (const ServedExpert &of : layer.experts)
      absl::StrAppendFormat(&text, "  %6d %6d %9d %6d  %s\n", of.expert, of.rows, of.instance, of.slot, of.why);
  }
  return text;
}

/// Experts, slots and moves by layer, and what --rebalance decided.
std::string ExpertTable(const RunReport &report) {
  std::string text =
      "experts by layer:\n"
      "          -- a_max of a step --   least                         slots    schedule   made by               "
      "bytes\n"
      "  layer     mean    p99  worst    limit imbalance distinct  used/all      a step    others  epochs moves  moved"
      "     retries\n";
  for (size_t l = 0; l < report.layers.size(); ++l) {
    const LayerReport &of = report.layers[l];
    absl::StrAppendFormat(&text,
                          "  %-5d  %7.2f %6d %6d %8.2f %9.2f %8.2f %5d/%-4d %8.1f us %8.0f %% %7d %5d  %-10s %d\n", l,
                          of.mean_a_max, of.p99_a_max, of.worst_a_max, of.mean_limit, of.imbalance, of.mean_distinct,
                          of.slots_used, of.slots, of.schedule_us,
                          100 * Rate(static_cast<double>(of.schedules_reused), static_cast<double>(of.schedules)),
                          of.epochs, of.moves, Size(static_cast<double>(of.moved_bytes)), of.retries);
  }
  const RebalanceReport &of = report.rebalance;
  if (of.mode != "off")
    absl::StrAppendFormat(&text,
                          "rebalance %s: %d plans, %d applied; in all, %d times a layer was not moved because nothing "
                          "gains more than it costs; %d changes failed; %d epochs, %d moves, %s\n  last: %s\n"
                          "  counting what steps chose took %.2f %% of their time\n",
                          of.mode, of.plans, of.applied, of.layers_not_moved, of.failed, of.epochs, of.moves,
                          Size(static_cast<double>(of.moved_bytes)), of.last.empty() ? "no plan yet" : of.last,
                          100 * Rate(of.counting_ms, report.step_ms));
  return text;
}

} // namespace

void PrintInstances(const std::vector<InstanceReport> &instances) {
  std::string text =
      absl::StrFormat("%-14s %12s %12s %12s %12s\n", "instance", "mapped", "expert slots", "KV cache", "buffers");
  for (const InstanceReport &i : instances)
    absl::StrAppendFormat(&text, "%-14s %12s %12s %12s %12s\n", i.name, Size(i.weights), Size(i.slots), Size(i.kv),
                          Size(i.buffers));
  Put(text + "\n");
}

void PrintReport(const Arguments &arguments, const Runtime &runtime, const Timing &timing) {
  if (arguments.stats == Arguments::Stats::kJson)
    return Put(ToJson(runtime, timing).dump() + "\n");
  const RunReport report = runtime.report();
  if (report.unrecorded_steps > 0)
    Put(absl::StrCat("warning: --record-routing: ", report.unrecorded_steps, " of ",
                     report.recorded_steps + report.unrecorded_steps,
                     " steps are not in the trace: they failed, or came faster than they could be written\n"));
  if (arguments.runtime.explain_step)
    Put(Explanation(report, arguments.runtime.explain_step));
  if (arguments.quiet && arguments.stats == Arguments::Stats::kNone)
    return;
  if (report.steps == 0)
    return;
  std::string text = "\n";
  if (timing.new_tokens)
    absl::StrAppendFormat(&text,
                          "%d prompt and %d new tokens in %d steps: first token after %.3f s, then %.1f tokens/s\n",
                          timing.prompt_tokens, timing.new_tokens, report.steps, timing.first_token_s(),
                          Rate(timing.new_tokens - 1, timing.after_first_s()));
  else
    absl::StrAppendFormat(&text, "%d tokens in %d steps: %.1f tokens/s\n", report.rows, report.steps,
                          Rate(report.rows, report.step_ms / 1000));
  absl::StrAppend(&text,
                  "a_max, the experts on the busiest instance (mean; worst; limit, the least there can be), by layer:");
  for (size_t l = 0; l < report.layers.size(); ++l)
    absl::StrAppendFormat(&text, "\n  layer %-3d %6.2f %5d %8.2f", l, report.layers[l].mean_a_max,
                          report.layers[l].worst_a_max, report.layers[l].mean_limit);
  absl::StrAppend(&text, "\nmessages and bytes by phase:\n");
  for (const auto &[phase, links] : report.traffic)
    for (const auto &[link, count] : links)
      absl::StrAppendFormat(&text, "  %-18s %-14s %10d  %12s\n", phase, link, count.messages, Size(count.bytes));
  absl::StrAppend(&text, FailureText(report));
  if (arguments.stats == Arguments::Stats::kText) {
    absl::StrAppend(&text, ExpertTable(report));
    absl::StrAppend(&text, "time by layer, ms over all instances (attention, transfer, schedule, experts, wait):\n");
    for (size_t l = 0; l < report.layers.size(); ++l) {
      const LayerReport &layer = report.layers[l];
      absl::StrAppendFormat(&text, "  layer %-3d %10.2f %10.2f %10.2f %10.2f %10.2f\n", l, layer.attention_ms,
                            layer.transfer_ms, layer.schedule_ms, layer.expert_ms, layer.wait_ms);
    }
    absl::StrAppend(&text, "steps by scheme:");
    for (const auto &[scheme, steps] : report.schemes)
      absl::StrAppend(&text, " ", scheme, " ", steps);
    absl::StrAppend(&text, "\nmemory, measured against the plan, bytes:\n");
    for (const InstanceReport &i : runtime.instances())
      absl::StrAppendFormat(&text, "  %-14s weights %d/%d slots %d/%d kv %d/%d buffers %d/%d\n", i.name, i.weights,
                            i.planned_weights, i.slots, i.planned_slots, i.kv, i.planned_kv, i.buffers,
                            i.planned_buffers);
  }
  Put(text);
}

} // namespace janus::run
