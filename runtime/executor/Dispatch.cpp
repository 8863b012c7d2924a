// EGate, attention side: whole activations to every expert instance; and the
// exchange of expert ids of AGate.
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

namespace janus {

using executor::Attention;
using executor::Expert;
using executor::NodeGroup;
using executor::Received;
using executor::Task;

Task Instance::State::DispatchWhole(const Instruction &step) {
  const int64_t row_bytes = transfer(step).columns * 4;
  const char *h = values[step.operands[0]].as();
  if (direct()) {
    for (int32_t expert : routes.experts) {
      char *room = co_await Room(Expert(expert), Phase::kDirect, 0, rows[id] * row_bytes);
      JANUS_CO_RETURN_IF_ERROR(mail->status());
      std::memcpy(room, h, rows[id] * row_bytes);
      mail->Post();
    }
    co_return absl::OkStatus();
  }
  const int32_t home = routes.attention_group[id];
  const NodeGroup &group = routes.attention[home];
  if (group.leader() != id) {
    char *room = co_await Room(Attention(group.leader()), Phase::kGather, 0, rows[id] * row_bytes);
    JANUS_CO_RETURN_IF_ERROR(mail->status());
    std::memcpy(room, h, rows[id] * row_bytes);
    mail->Post();
    co_return absl::OkStatus();
  }
  char *to = staging.as();
  for (int32_t member : group.members) {
    const int64_t bytes = rows[member] * row_bytes;
    if (member == id) {
      std::memcpy(to, h, bytes);
    } else if (bytes) {
      Received message = co_await Get(Phase::kGather, Attention(member), 0);
      if (static_cast<int64_t>(message.bytes().size()) != bytes)
        co_return absl::DataLossError(
            absl::StrCat("rows of attention ", member, ": found ", message.bytes().size(), " bytes, expected ", bytes));
      std::memcpy(to, message.bytes().data(), bytes);
    }
    to += bytes;
  }
  const int64_t bytes = to - staging.as();
  const bool one = descriptor.scheme == 2;
  const int32_t groups = static_cast<int32_t>(routes.expert.size());
  for (int32_t i = one ? routes.designated(home) : 0, end = one ? i + 1 : groups; i < end; ++i) {
    char *room = co_await Room(Expert(routes.expert[i].leader()), Phase::kNode, home, bytes);
    JANUS_CO_RETURN_IF_ERROR(mail->status());
    std::memcpy(room, staging.as(), bytes);
    mail->Post();
  }
  co_return absl::OkStatus();
}

Task Instance::State::Exchange(const Instruction &step) {
  const int64_t k = config.model->moe_layers[step.layer].k;
  const int32_t *own = values[step.operands[0]].as<int32_t>();
  std::copy_n(own, rows[id] * k, all_ids.begin() + my_begin() * k);
  for (int32_t other : active) {
    if (other == id)
      continue;
    char *room = co_await Room(Attention(other), Phase::kExchange, 0, rows[id] * k * 2);
    JANUS_CO_RETURN_IF_ERROR(mail->status());
    for (int64_t i = 0; i < rows[id] * k; ++i) {
      const uint16_t expert = static_cast<uint16_t>(own[i]);
      std::memcpy(room + i * 2, &expert, 2);
    }
    mail->Post();
  }
  for (int32_t other : active) {
    if (other == id)
      continue;
    Received message = co_await Get(Phase::kExchange, Attention(other), 0);
    const int64_t count = rows[other] * k;
    if (static_cast<int64_t>(message.bytes().size()) != count * 2)
      co_return absl::DataLossError(absl::StrCat("expert ids of attention ", other, ": found ", message.bytes().size(),
                                                 " bytes, expected ", count * 2));
    for (int64_t i = 0; i < count; ++i) {
      uint16_t expert;
      std::memcpy(&expert, message.bytes().data() + i * 2, 2);
      all_ids[row_begin[other] * k + i] = expert;
    }
  }
  co_return absl::OkStatus();
}

} // namespace janus
