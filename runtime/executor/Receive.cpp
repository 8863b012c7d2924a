// Expert side of a dispatch: rows come in by attention group, in a fixed
// order, and are passed on inside the node by its leader.
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

namespace janus {

using executor::Attention;
using executor::Expert;
using executor::NodeGroup;
using executor::Received;
using executor::RoutedPair;
using executor::RoutedView;
using executor::SlotFilter;
using executor::Task;

absl::Status Instance::State::PlaceWhole(const Received &message, const Instruction &step,
                                         absl::Span<const int32_t> from) {
  const int64_t row_bytes = transfer(step).columns * 4;
  int64_t count = 0;
  for (int32_t source : from)
    count += rows[source];
  if (static_cast<int64_t>(message.bytes().size()) != count * row_bytes)
    return absl::DataLossError(absl::StrCat("activations: found ", message.bytes().size(), " bytes, expected ", count,
                                            " rows of ", row_bytes));
  const char *at = message.bytes().data();
  for (int32_t source : from) {
    std::memcpy(values[step.operands[0]].as() + row_begin[source] * row_bytes, at, rows[source] * row_bytes);
    at += rows[source] * row_bytes;
  }
  received_rows += count;
  return absl::OkStatus();
}

absl::Status Instance::State::PlaceRouted(const RoutedView &view, const Instruction &step, bool mine_only) {
  const int64_t row_bytes = view.columns * 4;
  char *x = values[step.operands[0]].as();
  int32_t last = -1;
  for (int64_t i = 0; i < view.pair_count; ++i) {
    const RoutedPair pair = view.Pair(i);
    if (pair.slot / slots != id) {
      if (mine_only)
        return absl::DataLossError(absl::StrCat("activations: found a pair for expert ", pair.slot / slots,
                                                ", expected pairs for expert ", id, " only"));
      continue;
    }
    if (pair.row != last) {
      last = pair.row;
      if (received_rows == step_rows)
        return absl::DataLossError(absl::StrCat("activations: found more rows than the ", step_rows, " of the step"));
      std::memcpy(x + received_rows++ * row_bytes, view.Row(last), row_bytes);
    }
    if (!assignment->Add(pair.step_row, pair.rank, static_cast<int32_t>(pair.slot % slots),
                         static_cast<int32_t>(received_rows - 1), pair.weight))
      return absl::DataLossError(
          absl::StrCat("activations: step row ", pair.step_row, ", rank ", pair.rank, " came twice, expected once"));
  }
  return absl::OkStatus();
}

absl::Status Instance::State::ParseFrom(const Received &message, const TransferDesc &transfer,
                                        absl::Span<const int32_t> from, RoutedView &view) const {
  const executor::RoutedLimits limits = {transfer.columns, n * slots, step_rows, transfer.k};
  if (absl::Status status = executor::ParseRouted(message.bytes(), limits, view); !status.ok())
    return status;
  for (int64_t i = 0; i < view.pair_count; ++i) {
    const int32_t owner = row_owner[view.Pair(i).step_row];
    if (std::find(from.begin(), from.end(), owner) == from.end())
      return absl::DataLossError(absl::StrCat("activations: found step row ", view.Pair(i).step_row, " of attention ",
                                              owner, ", expected rows of the sender"));
  }
  return absl::OkStatus();
}

Task Instance::State::Forward(const Received &message, const RoutedView &view, Address to, Phase phase, int32_t part,
                              SlotFilter filter) {
  const bool routed = view.pairs != nullptr;
  const int64_t bytes =
      routed ? executor::FilteredBytes({&view, 1}, filter) : static_cast<int64_t>(message.bytes().size());
  char *room = co_await Room(to, phase, part, bytes);
  JANUS_CO_RETURN_IF_ERROR(mail->status());
  if (routed)
    executor::WriteFiltered({&view, 1}, filter, room);
  else
    std::memcpy(room, message.bytes().data(), bytes);
  mail->Post();
  co_return absl::OkStatus();
}

/// Takes in what `sources` sent in one message of `phase` and relays it: across
/// nodes if this leader was the designated one, and to its node.
Task Instance::State::ReceiveFrom(const Instruction &step, absl::Span<const int32_t> sources, Phase phase, Address from,
                                  int32_t part) {
  const TransferDesc &transfer = this->transfer(step);
  Received message = co_await Get(phase, from, part);
  RoutedView view;
  const int32_t home = routes.expert_group[id];
  const bool leads = !direct() && routes.expert[home].leader() == id;
  if (transfer.routed) {
    JANUS_CO_RETURN_IF_ERROR(ParseFrom(message, transfer, sources, view));
    JANUS_CO_RETURN_IF_ERROR(PlaceRouted(view, step, !leads));
  } else {
    JANUS_CO_RETURN_IF_ERROR(PlaceWhole(message, step, sources));
  }
  if (!leads)
    co_return absl::OkStatus();
  if (descriptor.scheme == 2 && phase == Phase::kNode)
    for (const NodeGroup &other : routes.expert) {
      if (other.leader() == id)
        continue;
      Task across = Forward(message, view, Expert(other.leader()), Phase::kRelay, part, Wanted(other.members));
      JANUS_CO_RETURN_IF_ERROR(co_await across);
    }
  for (int32_t member : routes.expert[home].members) {
    if (member == id)
      continue;
    Task fanout = Forward(message, view, Expert(member), Phase::kFanout, part, Wanted({&member, 1}));
    JANUS_CO_RETURN_IF_ERROR(co_await fanout);
  }
  co_return absl::OkStatus();
}

Task Instance::State::Receive(const Instruction &step) {
  const TransferDesc &transfer = this->transfer(step);
  received_rows = 0;
  assignment->Begin(step_rows, transfer.k);
  if (direct()) {
    for (int32_t source : active) {
      Task receive = ReceiveFrom(step, {&source, 1}, Phase::kDirect, Attention(source), 0);
      JANUS_CO_RETURN_IF_ERROR(co_await receive);
    }
  } else {
    const int32_t home = routes.expert_group[id], leader = routes.expert[home].leader();
    for (int32_t group : descriptor.scheme == 2 ? across_order : node_order) {
      if (group_rows[group] == 0)
        continue;
      const NodeGroup &from = routes.attention[group];
      const int32_t designated = routes.designated(group);
      Phase phase = Phase::kNode;
      Address source = Attention(from.leader());
      if (leader != id)
        phase = Phase::kFanout, source = Expert(leader);
      else if (descriptor.scheme == 2 && designated != home)
        phase = Phase::kRelay, source = Expert(routes.expert[designated].leader());
      Task receive = ReceiveFrom(step, from.members, phase, source, group);
      JANUS_CO_RETURN_IF_ERROR(co_await receive);
    }
  }
  symbols[abi::kRows] = symbols[abi::kStepRows] = received_rows;
  if (transfer.routed)
    symbols[abi::kPairs] = assignment->Build().pairs;
  co_return absl::OkStatus();
}

} // namespace janus
