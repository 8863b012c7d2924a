// Which replica serves each activated expert of a layer, and which pairs are
// therefore this instance's.
#include "runtime/executor/Await.h"
#include "runtime/executor/Clock.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus {

absl::Status Instance::State::Schedule(const Instruction &step) {
  const int32_t *ids = attention() ? all_ids.data() : values[step.operands[0]].as<int32_t>();
  const int64_t count = step_rows * step.k;
  if (absl::Status status = scheduler.Run(step.layer, ids, count); !status.ok())
    return absl::Status(status.code(), absl::StrCat("schedule of layer ", step.layer, ": ", status.message()));
  LayerStats &layer = stats.layers[step.layer];
  ++layer.schedules;
  layer.schedules_reused += !scheduler.computed();
  layer.a_max_last = scheduler.a_max();
  layer.a_max_sum += layer.a_max_last;
  layer.a_max_max = std::max(layer.a_max_max, layer.a_max_last);
  layer.distinct_last = scheduler.distinct();
  layer.distinct_sum += layer.distinct_last;
  const auto live = static_cast<int64_t>(routes.experts.size());
  layer.limit_sum += (layer.distinct_last + live - 1) / live;
  ++layer.a_max_schedules[layer.a_max_last];
  if (!layer.tokens.empty())
    for (int64_t i = 0; i < count; ++i)
      ++layer.tokens[ids[i]];
  if (config.recorder && speaks())
    config.recorder({descriptor.step, step.layer, step_rows, step.k, config.model->moe_layers[step.layer].experts, ids,
                     scheduler.slot_of_expert(), slots, &*placement});
  if (config.report_activity && speaks()) {
    const int64_t begin = Nanoseconds();
    activity.Add(step.layer, scheduler.last_choices(count), step.k, scheduler.distinct(), scheduler.a_max());
    stats.activity_ns += Nanoseconds() - begin;
  }
  if (attention())
    return absl::OkStatus();
  const float *weights = values[step.operands[1]].as<float>();
  const int64_t first = id * slots; // physical slots of this instance
  assignment->Begin(step_rows, step.k);
  for (int64_t row = 0; row < step_rows; ++row)
    for (int64_t rank = 0; rank < step.k; ++rank) {
      const int32_t slot = scheduler.slot(ids[row * step.k + rank]);
      if (slot >= first && slot < first + slots)
        assignment->Add(row, rank, static_cast<int32_t>(slot - first), static_cast<int32_t>(row),
                        weights[row * step.k + rank]);
    }
  symbols[abi::kPairs] = assignment->Build().pairs;
  return absl::OkStatus();
}

bool Instance::State::speaks() const { return id == (attention() ? active.front() : routes.experts.front()); }

executor::Task Instance::State::ReportActivity() {
  char *room = co_await Room(executor::Controller(), Phase::kActivity, 0, activity.bytes());
  JANUS_CO_RETURN_IF_ERROR(mail->status());
  const int64_t begin = Nanoseconds();
  activity.WriteTo(descriptor.step, room);
  mail->Post();
  stats.activity_ns += Nanoseconds() - begin;
  co_return absl::OkStatus();
}

executor::SlotFilter Instance::State::Wanted(absl::Span<const int32_t> instances) {
  std::fill(wanted_instances.begin(), wanted_instances.end(), 0);
  for (int32_t instance : instances)
    wanted_instances[instance] = 1;
  return {wanted_instances.data(), slots};
}

} // namespace janus
