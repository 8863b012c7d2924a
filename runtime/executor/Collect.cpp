// Attention side of the return: results to [row][rank][columns].
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

namespace janus {

using executor::Attention;
using executor::Expert;
using executor::Received;
using executor::ReturnBytes;
using executor::ReturnHead;
using executor::Task;

namespace {

ReturnHead HeadAt(absl::Span<const char> bytes, int64_t offset) {
  ReturnHead head;
  std::memcpy(&head, bytes.data() + offset, sizeof(head));
  return head;
}

} // namespace

absl::Status Instance::State::CheckResults(const Received &message, const TransferDesc &transfer, int32_t group,
                                           int32_t instance) const {
  const absl::Span<const char> bytes = message.bytes();
  const int64_t size = static_cast<int64_t>(bytes.size()), each = ReturnBytes(transfer.columns);
  if (size % each != 0)
    return absl::DataLossError(absl::StrCat("results: found ", size, " bytes, expected a multiple of ", each));
  for (int64_t offset = 0; offset < size; offset += each) {
    const ReturnHead head = HeadAt(bytes, offset);
    const bool known = head.step_row >= 0 && head.step_row < step_rows && head.rank >= 0 && head.rank < transfer.k;
    const int32_t owner = known ? row_owner[head.step_row] : -1;
    if (!known || (group >= 0 && routes.attention_group[owner] != group) || (instance >= 0 && owner != instance))
      return absl::DataLossError(absl::StrCat("results: found step row ", head.step_row, ", rank ", head.rank,
                                              ", expected one of the receiver's rows, of ", step_rows,
                                              " in the step, and a rank below ", transfer.k));
  }
  return absl::OkStatus();
}

absl::Status Instance::State::PlaceResults(const Received &message, const Instruction &step) {
  const TransferDesc &transfer = this->transfer(step);
  const int64_t columns = transfer.columns, each = ReturnBytes(columns);
  const absl::Span<const char> bytes = message.bytes();
  float *y = values[step.operands[0]].as<float>();
  for (int64_t offset = 0; offset < static_cast<int64_t>(bytes.size()); offset += each) {
    const ReturnHead head = HeadAt(bytes, offset);
    if (row_owner[head.step_row] != id)
      continue;
    const int64_t to = (head.step_row - my_begin()) * transfer.k + head.rank;
    if (seen[to])
      return absl::DataLossError(
          absl::StrCat("results: step row ", head.step_row, ", rank ", head.rank, " came twice, expected once"));
    seen[to] = 1;
    ++seen_count;
    std::memcpy(y + to * columns, bytes.data() + offset + sizeof(ReturnHead), static_cast<size_t>(columns) * 4);
  }
  return absl::OkStatus();
}

Task Instance::State::Scatter(const Received &message, int32_t part, const TransferDesc &transfer) {
  const int64_t each = ReturnBytes(transfer.columns);
  const absl::Span<const char> bytes = message.bytes();
  const int64_t size = static_cast<int64_t>(bytes.size());
  for (int32_t member : routes.attention[routes.attention_group[id]].members) {
    if (member == id || rows[member] == 0)
      continue;
    int64_t count = 0;
    for (int64_t offset = 0; offset < size; offset += each)
      count += row_owner[HeadAt(bytes, offset).step_row] == member;
    char *room = co_await Room(Attention(member), Phase::kScatter, part, count * each);
    JANUS_CO_RETURN_IF_ERROR(mail->status());
    for (int64_t offset = 0; offset < size; offset += each)
      if (row_owner[HeadAt(bytes, offset).step_row] == member) {
        std::memcpy(room, bytes.data() + offset, each);
        room += each;
      }
    mail->Post();
  }
  co_return absl::OkStatus();
}

Task Instance::State::Collect(const Instruction &step) {
  const TransferDesc &transfer = this->transfer(step);
  const int64_t expected = rows[id] * transfer.k;
  std::fill_n(seen.begin(), expected, 0);
  seen_count = 0;
  const int32_t home = routes.attention_group[id], leader = routes.attention[home].leader();
  const size_t sources = direct() ? routes.experts.size() : routes.expert.size();
  for (int32_t source = 0; source < static_cast<int32_t>(sources); ++source) {
    Received message;
    if (direct())
      message = co_await Get(Phase::kReturn, Expert(routes.experts[source]), 0);
    else if (leader == id)
      message = co_await Get(Phase::kReturnNode, Expert(routes.expert[source].leader()), source);
    else
      message = co_await Get(Phase::kScatter, Attention(leader), source);
    const bool relays = !direct() && leader == id;
    JANUS_CO_RETURN_IF_ERROR(CheckResults(message, transfer, relays ? home : -1, relays ? -1 : id));
    JANUS_CO_RETURN_IF_ERROR(PlaceResults(message, step));
    if (relays) {
      Task scatter = Scatter(message, source, transfer);
      JANUS_CO_RETURN_IF_ERROR(co_await scatter);
    }
  }
  if (seen_count != expected)
    co_return absl::DataLossError(
        absl::StrCat("results: found ", seen_count, " of the pairs of ", rows[id], " rows, expected ", expected));
  co_return absl::OkStatus();
}

} // namespace janus
