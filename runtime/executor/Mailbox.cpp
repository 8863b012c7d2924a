#include "runtime/executor/Mailbox.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::executor {
namespace {

constexpr size_t kMaxControl = 16, kMaxOrders = 256;

bool IsOrder(Phase phase) { return phase == Phase::kLoad || phase == Phase::kEpoch || phase == Phase::kWeights; }
bool FromController(Phase phase) { return phase == Phase::kStep || phase == Phase::kLoad || phase == Phase::kEpoch; }
/// What instances send to the controller.
bool ToController(Phase phase) {
  return phase == Phase::kResult || phase == Phase::kActivity || phase == Phase::kLoaded || phase == Phase::kReady;
}

Key KeyOf(const MessageName &name) { return {name.layer, name.phase, name.source, name.part}; }

using Moment = std::pair<uint64_t, uint16_t>; // step, attempt
Moment MomentOf(const MessageName &name) { return {name.step, name.attempt}; }

/// Removes element `i`; order does not matter.
void Remove(std::vector<Received> &messages, size_t i) {
  if (i + 1 != messages.size())
    messages[i] = std::move(messages.back());
  messages.pop_back();
}

} // namespace

std::string Describe(const Key &key) {
  return absl::StrCat(Name(key.phase), " phase of layer ", key.layer, " from ", janus::Describe(key.source), ", part ",
                      key.part);
}

Mailbox::Mailbox(Endpoint &endpoint, size_t capacity, InstanceStats &stats)
    : endpoint(endpoint), capacity(capacity), stats(stats) {
  kept.reserve(capacity);
  control.reserve(kMaxControl);
  last_orders.resize(kMaxOrders);
  taken.reserve(capacity);
}

bool Mailbox::Before(const Key &a, const Key &b) const {
  return a.layer != b.layer ? a.layer < b.layer : a.phase < b.phase;
}

bool Mailbox::Current(const MessageName &name) const {
  return open && name.step == step && name.attempt == attempt && name.epoch == epoch && name.micro_batch == 0;
}

/// Of what is kept only the current attempt's messages and later ones stay.
void Mailbox::DropOld() {
  for (size_t i = kept.size(); i-- > 0;)
    if (MomentOf(kept[i].name()) <= Moment(step, attempt) && !Current(kept[i].name())) {
      ++stats.dropped_unexpected;
      Remove(kept, i);
    }
}

void Mailbox::Open(uint32_t new_epoch, uint64_t new_step, uint16_t new_attempt) {
  epoch = new_epoch;
  step = new_step;
  attempt = new_attempt;
  open = any = true;
  current = Key();
  taken.clear();
  DropOld();
}

void Mailbox::Await(uint64_t new_step, uint16_t new_attempt) {
  step = new_step;
  attempt = static_cast<uint16_t>(new_attempt - 1);
  any = true;
  Close();
}

void Mailbox::Close() {
  open = false;
  DropOld();
}

Mailbox::Fate Mailbox::Judge(const MessageName &name) const {
  if (ToController(name.phase) || FromController(name.phase) != (name.source.kind == EndpointKind::kController))
    return Fate::kUnexpected;
  const Moment now(step, attempt);
  if (any && (MomentOf(name) < now || (MomentOf(name) == now && !open)))
    return Fate::kOld;
  if (name.phase == Phase::kStep) {
    for (const Received &message : control)
      if (message.name() == name)
        return Fate::kDuplicate;
    return control.size() < kMaxControl ? Fate::kKeep : Fate::kUnexpected;
  }
  if (any && MomentOf(name) == now) {
    if (!Current(name))
      return Fate::kUnexpected;
    if (Before(KeyOf(name), current))
      return Fate::kOld;
    if (std::find(taken.begin(), taken.end(), KeyOf(name)) != taken.end())
      return Fate::kDuplicate;
  }
  for (const Received &message : kept)
    if (message.name() == name)
      return Fate::kDuplicate;
  return kept.size() < capacity ? Fate::kKeep : Fate::kUnexpected;
}

Mailbox::Fate Mailbox::JudgeOrder(const MessageName &name) {
  if (FromController(name.phase) != (name.source.kind == EndpointKind::kController))
    return Fate::kUnexpected;
  if (std::find(last_orders.begin(), last_orders.end(), name) != last_orders.end())
    return Fate::kDuplicate;
  if (orders.size() >= kMaxOrders)
    return Fate::kUnexpected;
  last_orders[next_order++ % kMaxOrders] = name;
  return Fate::kKeep;
}

const Received *Mailbox::NextOrder(uint32_t present) {
  while (!orders.empty() && orders.front().name().epoch <= present) {
    ++stats.dropped_old;
    PopOrder();
  }
  return orders.empty() ? nullptr : &orders.front();
}

bool Mailbox::HasOrderAfter(uint32_t of) const {
  return std::any_of(orders.begin(), orders.end(), [of](const Received &order) { return order.name().epoch > of; });
}

void Mailbox::Pump() {
  Incoming incoming;
  while (endpoint.Poll(incoming)) {
    Received message(&endpoint, incoming);
    const bool order = IsOrder(incoming.name.phase);
    switch (order ? JudgeOrder(incoming.name) : Judge(incoming.name)) {
    case Fate::kKeep:
      (order ? orders : incoming.name.phase == Phase::kStep ? control : kept).push_back(std::move(message));
      break;
    case Fate::kOld:
      ++stats.dropped_old;
      break;
    case Fate::kDuplicate:
      ++stats.dropped_duplicate;
      break;
    case Fate::kUnexpected:
      ++stats.dropped_unexpected;
      break;
    }
  }
}

bool Mailbox::TakeControl(Received &message) {
  if (control.empty())
    return false;
  message = std::move(control.back());
  control.pop_back();
  return true;
}

void Mailbox::Expect(const Key &key) {
  if (key.layer == current.layer && key.phase == current.phase)
    return;
  current = key;
  taken.clear();
}

bool Mailbox::Take(const Key &key, Received &message) {
  for (size_t i = 0; i < kept.size(); ++i)
    if (Current(kept[i].name()) && KeyOf(kept[i].name()) == key) {
      message = std::move(kept[i]);
      Remove(kept, i);
      if (taken.size() < taken.capacity())
        taken.push_back(key);
      return true;
    }
  return false;
}

bool Mailbox::Reserve(Address to, const Key &key, int64_t bytes, char *&room) {
  return Reserve(to, {epoch, step, 0, attempt, static_cast<int32_t>(key.layer), key.phase, self(), key.part}, bytes,
                 room);
}

bool Mailbox::Reserve(Address to, const MessageName &name, int64_t bytes, char *&room) {
  absl::StatusOr<SendBuffer> buffer = endpoint.Acquire(to, static_cast<size_t>(bytes));
  if (!buffer.ok()) {
    if (absl::IsUnavailable(buffer.status()) || !endpoint.PeerStatus(to).ok())
      return false;
    error = buffer.status();
    return true;
  }
  error = absl::OkStatus();
  reserved = *std::move(buffer);
  reserved_name = name;
  room = reserved.bytes.data();
  return true;
}

void Mailbox::Post() { endpoint.Post(reserved, reserved_name); }

} // namespace janus::executor
