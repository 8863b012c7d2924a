// Expert side of the return: every pair's weighted result, tagged with step
// row and rank, to whoever owns the row. Nothing is added on the way.
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

namespace janus {

using executor::Attention;
using executor::Expert;
using executor::NodeGroup;
using executor::Received;
using executor::ReturnBytes;
using executor::ReturnHead;
using executor::Task;

/// Sends the results whose rows belong to attention group `group` (-1: any)
/// and attention instance `instance` (-1: any): own ones and those in `held`.
Task Instance::State::SendResults(const Instruction &step, Address to, Phase phase, int32_t part, int32_t group,
                                  int32_t instance) {
  const int64_t columns = transfer(step).columns, each = ReturnBytes(columns);
  const abi::Assignment &work = assignment->assignment();
  const int32_t *own_rows = assignment->step_rows();
  const char *y = values[step.operands[0]].as();
  auto goes = [&](int32_t step_row) {
    const int32_t owner = row_owner[step_row];
    return (group < 0 || routes.attention_group[owner] == group) && (instance < 0 || owner == instance);
  };
  auto visit = [&](auto own, auto other) {
    for (int64_t pair = 0; pair < work.pairs; ++pair)
      if (goes(own_rows[pair]))
        own(pair);
    for (const Received &message : held)
      for (const char *at = message.bytes().data(), *end = at + message.bytes().size(); at != end; at += each) {
        ReturnHead head;
        std::memcpy(&head, at, sizeof(head));
        if (goes(head.step_row))
          other(at);
      }
  };
  int64_t count = 0;
  visit([&](int64_t) { ++count; }, [&](const char *) { ++count; });
  char *room = co_await Room(to, phase, part, count * each);
  JANUS_CO_RETURN_IF_ERROR(mail->status());
  visit(
      [&](int64_t pair) {
        const ReturnHead head = {own_rows[pair], work.pair_rank[pair]};
        std::memcpy(room, &head, sizeof(head));
        std::memcpy(room + sizeof(head), y + pair * columns * 4, static_cast<size_t>(columns) * 4);
        room += each;
      },
      [&](const char *from) {
        std::memcpy(room, from, each);
        room += each;
      });
  mail->Post();
  co_return absl::OkStatus();
}

Task Instance::State::Return(const Instruction &step) {
  const TransferDesc &transfer = this->transfer(step);
  held.clear();
  if (direct()) {
    for (int32_t to : active) {
      Task send = SendResults(step, Attention(to), Phase::kReturn, 0, -1, to);
      JANUS_CO_RETURN_IF_ERROR(co_await send);
    }
    co_return absl::OkStatus();
  }
  const int32_t home = routes.expert_group[id];
  const NodeGroup &group = routes.expert[home];
  if (group.leader() != id) {
    Task send = SendResults(step, Expert(group.leader()), Phase::kReturnGather, 0, -1, -1);
    JANUS_CO_RETURN_IF_ERROR(co_await send);
    co_return absl::OkStatus();
  }
  for (int32_t member : group.members) {
    if (member == id)
      continue;
    held.push_back(co_await Get(Phase::kReturnGather, Expert(member), 0));
    JANUS_CO_RETURN_IF_ERROR(CheckResults(held.back(), transfer, -1, -1));
  }
  for (size_t to = 0; to < routes.attention.size(); ++to) {
    if (group_rows[to] == 0)
      continue;
    Task send = SendResults(step, Attention(routes.attention[to].leader()), Phase::kReturnNode, home,
                            static_cast<int32_t>(to), -1);
    JANUS_CO_RETURN_IF_ERROR(co_await send);
  }
  held.clear();
  co_return absl::OkStatus();
}

} // namespace janus
