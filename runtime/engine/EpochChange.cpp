#include "runtime/engine/EpochChange.h"

#include "runtime/executor/Orders.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace janus {
namespace {

/// Who is ordered to send or to copy the move's pieces.
Address Carrier(const Move &move) { return {EndpointKind::kExpert, move.from < 0 ? move.to : move.from}; }

} // namespace

void EpochChange::Begin(Transition transition, const Placement &present, std::vector<Address> alive) {
  transition_ = std::move(transition);
  base_ = present.epoch();
  alive_ = std::move(alive);
  waiting_for_ = alive_;
  announcements_.clear();
  announced_ = named_ = false;
  quiet_ = 0;
  outstanding_.clear();
  status_ = absl::OkStatus();
  changed_.clear();
  const Placement &next = transition_->next();
  for (int64_t layer = 0; layer < next.layers(); ++layer)
    if (next.layer(layer) != present.layer(layer))
      changed_.push_back(layer);
}

/// False: no credit now. A peer that is gone or a message that cannot be sent ends the change.
bool EpochChange::Post(Address to, Phase phase, int32_t layer, const std::vector<char> &bytes) {
  absl::StatusOr<SendBuffer> buffer = endpoint_->Acquire(to, bytes.size());
  if (!buffer.ok()) {
    if (!absl::IsUnavailable(buffer.status()) || !endpoint_->PeerStatus(to).ok())
      status_ = buffer.status();
    return false;
  }
  std::memcpy(buffer->bytes.data(), bytes.data(), bytes.size());
  MessageName name;
  name.epoch = epoch();
  name.step = ++orders_;
  name.layer = layer;
  name.phase = phase;
  endpoint_->Post(*buffer, name);
  return true;
}

bool EpochChange::PostPiece(const Transition::Piece &piece) {
  const Move &move = transition_->moves()[piece.move];
  LoadOrder order;
  order.layer = move.layer, order.slot = move.slot, order.expert = move.expert, order.to = move.to;
  order.from_slot = move.from < 0 ? -1 : move.from_slot;
  order.offset = piece.offset, order.bytes = piece.bytes;
  const Address to = Carrier(move);
  if (auto waiting = outstanding_.find(to); waiting != outstanding_.end() && waiting->second >= kUnderWay)
    return false;
  const bool posted = Post(to, Phase::kLoad, move.layer, Encode(order));
  if (posted)
    ++outstanding_[to];
  return posted;
}

void EpochChange::Announce() {
  announced_ = true;
  const Placement &next = transition_->next();
  EpochPart part;
  part.base = base_;
  part.parts = std::max<int32_t>(1, static_cast<int32_t>(changed_.size()));
  part.dead.assign(next.dead().begin(), next.dead().end());
  for (int32_t i = 0; i < part.parts; ++i) {
    part.layer = changed_.empty() ? -1 : static_cast<int32_t>(changed_[i]);
    part.slots.clear();
    for (int64_t at = 0; part.layer >= 0 && at < next.shape().instances * next.shape().slots; ++at)
      part.slots.push_back(next.expert(part.layer, at / next.shape().slots, at % next.shape().slots));
    const std::vector<char> bytes = Encode(part);
    for (Address to : alive_)
      announcements_.push_back({to, part.layer, bytes});
  }
  ++counts_.announced;
  std::reverse(announcements_.begin(), announcements_.end());
}

void EpochChange::Advance(int64_t budget, int64_t largest) {
  if (!active() || !status_.ok() || ready())
    return;
  if (++quiet_ > kPatience) {
    status_ =
        absl::DeadlineExceededError(absl::StrCat("epoch ", epoch(), ": no news for ", kPatience, " steps ", Awaited()));
    return;
  }
  Transition::Piece piece;
  while (budget > 0 && transition_->Next(std::min(budget, largest), piece)) {
    if (!PostPiece(piece)) {
      transition_->Withdraw(piece);
      return;
    }
    budget -= piece.bytes;
  }
  if (transition_->loaded() && !announced_)
    Announce();
  while (!announcements_.empty()) {
    const Announcement &next = announcements_.back();
    if (!Post(next.to, Phase::kEpoch, next.layer, next.bytes))
      return;
    announcements_.pop_back();
    ++counts_.announcements;
  }
}

std::string EpochChange::Awaited() const {
  if (!announced_)
    return "of the loads";
  return waiting_for_.empty() ? "" : absl::StrCat("of ", Describe(waiting_for_.front()), " being ready");
}

void EpochChange::Receive(const Incoming &message) {
  if (!active() || message.name.epoch != epoch() || !status_.ok())
    return; // of a change that was given up
  const Address from = message.name.source;
  auto failed = [&](int32_t code, const std::string &error) {
    status_ = absl::Status(static_cast<absl::StatusCode>(code), absl::StrCat(Describe(from), ": ", error));
  };
  if (message.name.phase == Phase::kLoaded) {
    LoadReport report;
    if (absl::Status status = Decode(message.bytes, report); !status.ok())
      return failed(static_cast<int32_t>(status.code()), std::string(status.message()));
    if (report.error_code)
      return failed(report.error_code, report.error);
    Transition::Piece piece;
    if (!transition_->Confirm(report.layer, from.id, report.slot, report.done, report.total, &piece))
      return;
    quiet_ = 0;
    const Move &move = transition_->moves()[piece.move];
    if (auto waiting = outstanding_.find(Carrier(move)); waiting != outstanding_.end() && --waiting->second == 0)
      outstanding_.erase(waiting);
    ++counts_.pieces;
    if (move.from >= 0) {
      ++counts_.peer_pieces;
      counts_.peer_bytes += piece.bytes;
    }
    if (report.done == report.total)
      counts_.loaded_bytes += report.total;
  } else if (message.name.phase == Phase::kReady) {
    ReadyReport report;
    if (absl::Status status = Decode(message.bytes, report); !status.ok())
      return failed(static_cast<int32_t>(status.code()), std::string(status.message()));
    if (report.error_code)
      return failed(report.error_code, report.error);
    quiet_ = 0;
    counts_.ready += static_cast<int64_t>(std::erase(waiting_for_, from));
  }
}

} // namespace janus
