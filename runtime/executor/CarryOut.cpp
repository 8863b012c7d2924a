// What an instance does between and inside steps for the next placement: pieces
// of experts, and the switch (Orders.h).
#include "runtime/executor/State.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace janus {

using executor::Controller;
using executor::Expert;
using executor::Received;

/// Carries out what has arrived, in order; stops where there is no room for the
/// answer. True if anything was done.
bool Instance::State::CarryOutOrders() {
  bool any = false;
  while (PostAnswer()) {
    const Received *order = mail->NextOrder(placement->epoch());
    if (!order)
      return any;
    switch (order->name().phase) {
    case Phase::kLoad:
      if (!CarryOutLoad(*order))
        return any;
      break;
    case Phase::kWeights:
      TakePiece(*order);
      break;
    default:
      TakeEpoch(*order);
      break;
    }
    mail->PopOrder();
    any = true;
  }
  return any;
}

void Instance::State::Answer(const MessageName &order, Phase phase, std::vector<char> bytes) {
  answer = std::move(bytes);
  answer_name = order;
  answer_name.phase = phase;
}

/// False while an answer waits for room. One to a controller that is gone is dropped.
bool Instance::State::PostAnswer() {
  char *room = nullptr;
  if (answer.empty())
    return true;
  if (!mail->Reserve(Controller(), answer_name, static_cast<int64_t>(answer.size()), room))
    return false;
  if (mail->status().ok()) {
    std::memcpy(room, answer.data(), answer.size());
    mail->Post();
  }
  answer.clear();
  return true;
}

/// `left`: bytes of the load that are missing, or what went wrong.
void Instance::State::ReportLoad(const MessageName &order, LoadReport report, const absl::StatusOr<int64_t> &left) {
  if (left.ok())
    if (absl::StatusOr<int64_t> total = store->ExpertBytes(report.layer, report.expert); total.ok())
      report.total = *total, report.done = *total - *left;
  report.error_code = static_cast<int32_t>(left.status().code());
  report.error = std::string(left.status().message().substr(0, 1024));
  Answer(order, Phase::kLoaded, Encode(report));
}

/// Whether the piece at `offset` is the next one of that load; the first one begins it.
absl::StatusOr<bool> Instance::State::IsNextPiece(const LoadReport &load, uint32_t epoch, int64_t offset) {
  const int64_t position = store->position(load.layer, load.slot, load.expert, epoch);
  if (position >= 0 || offset != 0)
    return position == offset;
  store->CancelUpTo(epoch - 1); // of a change that was given up: one is under way at a time
  if (absl::Status status = store->Begin(load.layer, load.slot, load.expert, epoch); !status.ok())
    return status;
  return true;
}

bool Instance::State::CarryOutLoad(const Received &message) {
  LoadOrder order;
  const absl::Status status = Decode(message.bytes(), order);
  if (status.ok() && order.from_slot >= 0)
    return SendPiece(order, message.name());
  const LoadReport load = {order.layer, order.slot, order.expert, 0, 0, 0, {}};
  absl::StatusOr<bool> next = true;
  if (!status.ok())
    next = status;
  else if (order.to != id)
    next = absl::InvalidArgumentError(
        absl::StrCat("load order: found one for expert instance ", order.to, ", expected ", id));
  else
    next = IsNextPiece(load, message.name().epoch, order.offset);
  if (!next.ok())
    ReportLoad(message.name(), load, next.status());
  else if (*next)
    ReportLoad(message.name(), load, store->CopyFromSource(order.layer, order.slot, order.bytes));
  else
    ++stats.dropped_unexpected;
  return true;
}

/// False if there is no room for the piece now; it must not be waited for where
/// the destination is gone or the change was given up, since orders behind it
/// would wait, too.
bool Instance::State::SendPiece(const LoadOrder &order, const MessageName &name) {
  const WeightsHead head = {order.layer, order.slot, order.expert, 0, order.offset};
  const std::vector<char> head_bytes = Encode(head);
  MessageName piece = name;
  piece.phase = Phase::kWeights;
  piece.source = mail->self();
  absl::Status status;
  char *room = nullptr;
  if (order.to < 0 || order.to >= n || order.to == id)
    status = absl::InvalidArgumentError(
        absl::StrCat("load order: found expert instance ", order.to, " as the destination, expected another of ", n));
  else if (!store->holds(order.layer, order.from_slot, order.expert))
    status = absl::FailedPreconditionError(absl::StrCat("load order: slot ", order.from_slot, " of layer ", order.layer,
                                                        " of ", Name(), " does not hold expert ", order.expert));
  else if (!mail->Reserve(Expert(order.to), piece, static_cast<int64_t>(head_bytes.size()) + order.bytes, room)) {
    status = mail->PeerStatus(Expert(order.to));
    if (status.ok())
      return mail->HasOrderAfter(name.epoch);
  } else {
    status = mail->status();
  }
  if (status.ok()) {
    std::memcpy(room, head_bytes.data(), head_bytes.size());
    status = store->Read(order.layer, order.from_slot, order.offset,
                         absl::MakeSpan(room + head_bytes.size(), static_cast<size_t>(order.bytes)));
    status.ok() ? mail->Post() : mail->Cancel();
  }
  if (!status.ok())
    ReportLoad(name, {order.layer, order.slot, order.expert, 0, 0, 0, {}}, status);
  return true;
}

void Instance::State::TakePiece(const Received &message) {
  WeightsHead head;
  absl::Span<const char> piece;
  const absl::Status status = Decode(message.bytes(), head, piece);
  const LoadReport load = {head.layer, head.slot, head.expert, 0, 0, 0, {}};
  absl::StatusOr<bool> next = true;
  if (status.ok())
    next = IsNextPiece(load, message.name().epoch, head.offset);
  else
    next = status;
  if (!next.ok())
    ReportLoad(message.name(), load, next.status());
  else if (*next)
    ReportLoad(message.name(), load, store->Write(head.layer, head.slot, head.offset, piece));
  else
    ++stats.dropped_unexpected;
}

/// Takes in a part. InvalidArgument: what does not fit the epoch or this run.
absl::Status Instance::State::AddPart(const EpochPart &part, uint32_t epoch) {
  if (upcoming.empty() || upcoming.back().epoch < epoch) {
    std::erase_if(upcoming, [&](const NextEpoch &other) { return other.epoch > part.base; });
    const uint32_t follows = upcoming.empty() ? placement->epoch() : upcoming.back().epoch;
    if (part.base != follows)
      return absl::FailedPreconditionError(
          absl::StrCat("epoch ", epoch, ": it follows epoch ", part.base, ", expected ", follows, ", the one before"));
    NextEpoch next;
    next.epoch = epoch;
    next.parts = part.parts;
    next.dead = part.dead;
    upcoming.push_back(std::move(next));
  }
  NextEpoch &next = upcoming.back();
  const auto expected = static_cast<size_t>(part.layer < 0 ? 0 : n * slots);
  if (part.slots.size() != expected)
    return absl::InvalidArgumentError(absl::StrCat("epoch ", epoch, ": layer ", part.layer, ": found ",
                                                   part.slots.size(), " slots, expected ", expected));
  ++next.arrived;
  if (part.layer < 0)
    return absl::OkStatus();
  LayerSlots &of = next.changed[part.layer];
  of.assign(n, std::vector<int32_t>(slots));
  for (int64_t g = 0; g < n; ++g)
    std::copy_n(part.slots.begin() + g * slots, slots, of[g].begin());
  return absl::OkStatus();
}

/// All parts are here: the placement, if this instance has what it will need.
absl::Status Instance::State::Complete(NextEpoch &next) {
  const Placement &before = upcoming.size() > 1 ? *upcoming[upcoming.size() - 2].placement : *placement;
  absl::StatusOr<Placement> made = before.With(next.changed, next.epoch, next.dead);
  if (!made.ok())
    return made.status();
  for (const auto &[layer, of] : next.changed)
    for (int64_t slot = 0; slot < slots && !attention(); ++slot)
      if (const int32_t wanted = of[id][slot];
          wanted >= 0 && !store->holds(layer, slot, wanted) && !store->loaded(layer, slot, wanted))
        return absl::FailedPreconditionError(absl::StrCat("epoch ", next.epoch, ": slot ", slot, " of layer ", layer,
                                                          " needs expert ", wanted, ", which is not loaded"));
  next.placement = *std::move(made);
  return absl::OkStatus();
}

void Instance::State::TakeEpoch(const Received &message) {
  const uint32_t epoch = message.name().epoch;
  if (!upcoming.empty() && epoch < upcoming.back().epoch) {
    ++stats.dropped_old;
    return;
  }
  EpochPart part;
  absl::Status status = Decode(message.bytes(), part);
  if (status.ok())
    status = AddPart(part, epoch);
  if (status.ok() && upcoming.back().arrived < upcoming.back().parts)
    return;
  if (status.ok())
    status = Complete(upcoming.back());
  if (!status.ok() && !upcoming.empty() && upcoming.back().epoch == epoch)
    upcoming.pop_back();
  Answer(message.name(), Phase::kReady,
         Encode(ReadyReport{static_cast<int32_t>(status.code()), std::string(status.message().substr(0, 1024))}));
}

absl::Status Instance::State::SwitchTo(uint32_t epoch) {
  const auto last = std::find_if(upcoming.begin(), upcoming.end(),
                                 [&](const NextEpoch &next) { return next.epoch == epoch && next.placement; });
  if (epoch == placement->epoch())
    return absl::OkStatus();
  if (last == upcoming.end())
    return absl::FailedPreconditionError(absl::StrCat("step descriptor: found epoch ", epoch, ", expected ",
                                                      placement->epoch(), " or one that is ready; the placement of ",
                                                      "another epoch must be announced first"));
  for (auto next = upcoming.begin(); next != std::next(last) && !attention(); ++next)
    for (const auto &[layer, of] : next->changed)
      for (int64_t slot = 0; slot < slots; ++slot) {
        const int32_t wanted = of[id][slot];
        if (wanted < 0)
          store->Evict(layer, slot);
        else if (!store->holds(layer, slot, wanted))
          if (absl::Status status = store->Commit(layer, slot); !status.ok())
            return status;
      }
  placement = *std::move(last->placement);
  scheduler.Bind(*placement);
  scheduler.SetLive(*placement, live_experts);
  upcoming.erase(upcoming.begin(), std::next(last));
  store->CancelUpTo(epoch);
  ++stats.epochs;
  return absl::OkStatus();
}

} // namespace janus
