// What a deployment tells about itself.
#include "runtime/engine/Deployment.h"

#include "runtime/scheduler/Explain.h"
#include "runtime/traffic/Schemes.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus {
namespace {

/// The smallest value that at least 99 % of the counted ones do not exceed.
int64_t Percentile99(const std::vector<int64_t> &counts) {
  int64_t total = 0, seen = 0;
  for (int64_t count : counts)
    total += count;
  for (size_t value = 0; value < counts.size(); ++value)
    if ((seen += counts[value]) * 100 >= total * 99)
      return static_cast<int64_t>(value);
  return 0;
}

void AddSchedules(const LayerStats &of, int64_t instances, LayerReport &layer) {
  const auto schedules = static_cast<double>(of.schedules);
  layer.steps = of.schedules;
  layer.mean_a_max = static_cast<double>(of.a_max_sum) / schedules;
  layer.mean_distinct = static_cast<double>(of.distinct_sum) / schedules;
  layer.mean_limit = static_cast<double>(of.limit_sum) / schedules;
  layer.imbalance =
      layer.mean_distinct > 0 ? layer.mean_a_max * static_cast<double>(instances) / layer.mean_distinct : 1;
  layer.p99_a_max = Percentile99(of.a_max_schedules);
  layer.worst_a_max = of.a_max_max;
  layer.schedule_us = static_cast<double>(of.schedule_ns) * 1e-3 / schedules;
}

} // namespace

std::string SchemeName(int index) { return traffic::SchemesOf(traffic::Kind::kDispatch)[index].name; }

std::vector<InstanceReport> Deployment::instances() const {
  std::vector<InstanceReport> reports;
  for (size_t i = 0; i < executor_->instances().size(); ++i) {
    if (!executor_->instances()[i])
      continue;
    const bool attention = static_cast<int>(i) < options_.attention;
    const InstanceMemory memory = executor_->instances()[i]->memory();
    const InstanceMemory &plan = planned_[i];
    reports.push_back({attention ? absl::StrCat("attention ", i) : absl::StrCat("expert ", i - options_.attention),
                       memory.weights, memory.slots, memory.kv, memory.buffers, plan.weights, plan.slots, plan.kv,
                       plan.buffers});
  }
  return reports;
}

void Deployment::ReportLayers(RunReport &report) const {
  report.layers.resize(desc_.moe_layers.size());
  for (size_t l = 0; l < report.layers.size(); ++l) {
    LayerReport &layer = report.layers[l];
    layer.experts = desc_.moe_layers[l].experts;
    layer.slots = placement_->shape().slots * options_.experts;
    for (const std::vector<int32_t> &held : placement_->layer(static_cast<int64_t>(l)))
      layer.slots_used += std::count_if(held.begin(), held.end(), [](int32_t expert) { return expert >= 0; });
    for (const auto &instance : executor_->instances()) {
      if (!instance)
        continue;
      const InstanceStats &stats = instance->stats();
      if (l >= stats.layers.size())
        continue;
      const LayerStats &of = stats.layers[l];
      if (of.schedules > layer.steps) // all that schedule compute the same; the one that saw most steps
        AddSchedules(of, options_.experts, layer);
      layer.schedules += of.schedules;
      layer.schedules_reused += of.schedules_reused;
      layer.attention_ms += static_cast<double>(of.attention_ns) * 1e-6;
      layer.transfer_ms += static_cast<double>(of.transfer_ns) * 1e-6;
      layer.schedule_ms += static_cast<double>(of.schedule_ns) * 1e-6;
      layer.expert_ms += static_cast<double>(of.expert_ns) * 1e-6;
      layer.wait_ms += static_cast<double>(of.wait_ns) * 1e-6;
    }
  }
}

void Deployment::ReportRebalancing(RunReport &report) const {
  report.rebalance.mode = options_.rebalance;
  if (!manager_)
    return;
  const RebalanceStats &stats = manager_->rebalancer().stats();
  const EpochChange::Counts &counts = manager_->counts();
  RebalanceReport &of = report.rebalance;
  of.plans = stats.plans;
  of.applied = stats.applied;
  of.layers_not_moved = stats.declined_layers;
  of.failed = stats.failed;
  of.epochs = stats.epochs;
  of.moves = stats.moves;
  of.moved_bytes = stats.bytes;
  of.pieces = counts.pieces;
  of.peer_pieces = counts.peer_pieces;
  of.peer_bytes = counts.peer_bytes;
  of.announced = counts.announced;
  of.announcements = counts.announcements;
  of.ready = counts.ready;
  of.gain = stats.gain;
  of.cost = stats.cost;
  int64_t counting_ns = manager_->counting_ns();
  for (const auto &instance : executor_->instances())
    if (instance)
      counting_ns += instance->stats().activity_ns;
  of.counting_ms = static_cast<double>(counting_ns) * 1e-6;
  of.last = stats.last.empty() && !manager_->rebalancer().watching() ? "the first plan is being made" : stats.last;
  for (size_t l = 0; l < report.layers.size(); ++l) {
    report.layers[l].epochs = stats.layer_epochs[l];
    report.layers[l].moves = stats.layer_moves[l];
    report.layers[l].moved_bytes = stats.layer_bytes[l];
  }
}

RunReport Deployment::report() const {
  RunReport report;
  report.step_ms = engine_->step_ms();
  report.rows = engine_->rows();
  for (size_t i = 0; i < engine_->steps_by_scheme().size(); ++i)
    if (const int64_t steps = engine_->steps_by_scheme()[i]) {
      report.schemes[SchemeName(static_cast<int>(i))] = steps;
      report.steps += steps;
    }
  report.placement = placement_->ToJson();
  report.explained = explained_;
  if (routing_) {
    report.recorded_steps = routing_->steps() - routing_->dropped();
    report.unrecorded_steps = routing_->dropped();
  }
  ReportLayers(report);
  ReportRebalancing(report);
  auto add = [&](const TransportCounters &counters) {
    for (int phase = 0; phase < kPhaseCount; ++phase)
      for (int link = 0; link < 3; ++link)
        if (const auto &count = counters.by_phase[phase][link]; count.messages) {
          TrafficReport &total =
              report.traffic[Name(static_cast<Phase>(phase))][traffic::Name(static_cast<traffic::LinkClass>(link))];
          total.messages += count.messages;
          total.bytes += count.bytes;
        }
  };
  for (const auto &endpoint : endpoints_)
    if (endpoint)
      add(endpoint->counters());
  add(engine_->controller().counters());
  const FailureCounters &failures = engine_->controller().failures();
  report.failures = {failures.lost_attention, failures.lost_experts, failures.joined,           failures.attempts,
                     failures.steps_given_up, experts_loaded_,       engine_->requests_again(), engine_->stalled_s()};
  for (const auto &[layer, count] : failures.layers_again)
    if (layer < static_cast<int32_t>(report.layers.size()))
      report.layers[layer].retries = count;
  return report;
}

void Deployment::Explain(const LayerRouting &routing) {
  const Placement &placement = *routing.placement;
  const int64_t instances = placement.shape().instances;
  std::vector<uint8_t> live(instances, 1);
  for (int32_t dead : placement.dead())
    live[dead] = 0;
  scheduler::ReplicaTable table;
  table.Set(placement.replicas(routing.layer), live.data());
  std::vector<int64_t> rows(routing.experts), load(instances);
  for (int64_t i = 0; i < routing.rows * routing.k; ++i)
    ++rows[routing.ids[i]];
  LayerSchedule schedule;
  schedule.layer = routing.layer;
  schedule.rows = routing.rows;
  schedule.epoch = placement.epoch();
  for (scheduler::Explanation &of :
       scheduler::Explain(table.view(), {routing.slots, static_cast<size_t>(routing.experts)})) {
    schedule.a_max = std::max(schedule.a_max, ++load[of.instance]);
    schedule.experts.push_back(
        {of.expert, rows[of.expert], of.instance, of.slot % routing.slots_per_instance, std::move(of.why)});
  }
  const int64_t alive = std::max<int64_t>(instances - static_cast<int64_t>(placement.dead().size()), 1);
  schedule.limit = (static_cast<int64_t>(schedule.experts.size()) + alive - 1) / alive;
  explained_.push_back(std::move(schedule));
}

} // namespace janus
