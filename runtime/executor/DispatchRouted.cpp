// AGate, attention side: rows go only where their experts are, with metadata.
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

namespace janus {

using executor::Attention;
using executor::Expert;
using executor::NodeGroup;
using executor::RoutedView;
using executor::SlotFilter;
using executor::Task;

void Instance::State::PrepareRouted(const Instruction &step, const TransferDesc &transfer) {
  const int32_t *ids = values[step.operands[1]].as<int32_t>();
  const float *weights = values[step.operands[2]].as<float>();
  for (int64_t row = 0; row < rows[id]; ++row)
    for (int64_t rank = 0; rank < transfer.k; ++rank) {
      const int64_t i = row * transfer.k + rank;
      pairs[i] = {scheduler.slot(ids[i]), static_cast<int32_t>(row), static_cast<int32_t>(my_begin() + row),
                  static_cast<int32_t>(rank), weights[i]};
    }
  held_views.push_back({reinterpret_cast<const char *>(pairs.data()), values[step.operands[0]].as(),
                        rows[id] * transfer.k, rows[id], transfer.columns});
}

Task Instance::State::SendRouted(Address to, Phase phase, int32_t part, SlotFilter filter) {
  const int64_t bytes = executor::FilteredBytes(held_views, filter);
  char *room = co_await Room(to, phase, part, bytes);
  JANUS_CO_RETURN_IF_ERROR(mail->status());
  executor::WriteFiltered(held_views, filter, room);
  mail->Post();
  co_return absl::OkStatus();
}

Task Instance::State::DispatchRouted(const Instruction &step) {
  const TransferDesc &transfer = this->transfer(step);
  held.clear();
  held_views.clear();
  const SlotFilter all;
  if (direct()) {
    PrepareRouted(step, transfer);
    for (int32_t expert : routes.experts) {
      Task send = SendRouted(Expert(expert), Phase::kDirect, 0, Wanted({&expert, 1}));
      JANUS_CO_RETURN_IF_ERROR(co_await send);
    }
    co_return absl::OkStatus();
  }
  const int32_t home = routes.attention_group[id];
  const NodeGroup &group = routes.attention[home];
  if (group.leader() != id) {
    PrepareRouted(step, transfer);
    Task send = SendRouted(Attention(group.leader()), Phase::kGather, 0, all);
    JANUS_CO_RETURN_IF_ERROR(co_await send);
    co_return absl::OkStatus();
  }
  const executor::RoutedLimits limits = {transfer.columns, n * slots, step_rows, transfer.k};
  for (int32_t member : group.members) {
    if (rows[member] == 0)
      continue;
    if (member == id) {
      PrepareRouted(step, transfer);
      continue;
    }
    held.push_back(co_await Get(Phase::kGather, Attention(member), 0));
    held_views.emplace_back();
    RoutedView &view = held_views.back();
    JANUS_CO_RETURN_IF_ERROR(executor::ParseRouted(held.back().bytes(), limits, view));
    const int64_t count = rows[member];
    if (view.row_count != count || view.pair_count != count * transfer.k ||
        view.Pair(0).step_row != row_begin[member] ||
        view.Pair(view.pair_count - 1).step_row != row_begin[member] + count - 1)
      co_return absl::DataLossError(absl::StrCat(
          "rows of attention ", member, ": found ", view.row_count, " rows with ", view.pair_count,
          " pairs, expected all ", count, " rows from ", row_begin[member], " with ", transfer.k, " pairs each"));
  }
  if (descriptor.scheme == 2) {
    Task send = SendRouted(Expert(routes.expert[routes.designated(home)].leader()), Phase::kNode, home, all);
    JANUS_CO_RETURN_IF_ERROR(co_await send);
  } else {
    for (const NodeGroup &to : routes.expert) {
      Task send = SendRouted(Expert(to.leader()), Phase::kNode, home, Wanted(to.members));
      JANUS_CO_RETURN_IF_ERROR(co_await send);
    }
  }
  held.clear();
  co_return absl::OkStatus();
}

} // namespace janus
