// What the controller does when an instance may be lost: it stops the step,
// learns who is there and where they are, and goes on without the others.
#include "runtime/engine/Controller.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace janus {
namespace {

constexpr int kFutileAttempts = 3;

} // namespace

void Controller::Lose(Address address) {
  members_.Lose(address);
  ++(address.kind == EndpointKind::kAttention ? failures_.lost_attention : failures_.lost_experts);
}

void Controller::Adapt() {
  if (members_.live_attention() == 0)
    capacity_ = absl::UnavailableError("no attention instance is left");
  else
    capacity_ = adapt_(members_);
  again_ = absl::IsAborted(capacity_);
}

/// The same outside of steps.
void Controller::Settle() {
  Adapt();
  std::vector<StepResult> results(members_.attention());
  for (int tries = 0; again_ && tries < kFutileAttempts; ++tries) {
    const FailureCounters before = failures_;
    const uint32_t epoch = descriptor_.epoch;
    descriptor_.step = ++step_;
    descriptor_.attempt = 0;
    descriptor_.rows.assign(members_.attention(), 0);
    done_.assign(members_.attention(), false);
    positions_.assign(members_.attention(), kNotBegun);
    error_ = absl::OkStatus();
    if (Suspend(results) == Outcome::kError)
      capacity_ = error_, again_ = false;
    else
      Adapt();
    if (epoch != descriptor_.epoch || before.lost_attention != failures_.lost_attention ||
        before.lost_experts != failures_.lost_experts)
      tries = -1; // it gets on
  }
}

/// Asks everyone to stop and to say where it is. Who does not is lost; some may
/// be.
Controller::Outcome Controller::Suspend(std::vector<StepResult> &results) {
  StepDescriptor suspend;
  suspend.epoch = descriptor_.epoch;
  suspend.step = descriptor_.step;
  suspend.attempt = ++descriptor_.attempt;
  suspend.suspend = true;
  answers_.clear();
  Patience patience(options_.failure_deadline_ms > 0 ? options_.failure_deadline_ms : options_.step_deadline_ms);
  const std::vector<Address> everyone = members_.Everyone();
  while (true) {
    bool waits = false, progress = drive_();
    progress |= TakeMessages(&results);
    for (Address address : everyone) {
      Answer &answer = answers_[address];
      if (!members_.live(address) || answer.came)
        continue;
      if (!endpoint_->PeerStatus(address).ok()) {
        Lose(address);
        continue;
      }
      waits = true;
      if (!answer.told)
        progress |= answer.told = TrySend(address, suspend);
    }
    if (!error_.ok())
      return Outcome::kError;
    if (!waits)
      return Outcome::kDone;
    if (progress)
      patience.Progress();
    else if (!patience.Wait())
      break;
  }
  for (Address address : everyone)
    if (members_.live(address) && !answers_[address].came)
      Lose(address);
  return Outcome::kDone;
}

Controller::Outcome Controller::Recover(std::vector<StepResult> &results, int &futile) {
  if (descriptor_.attempt == UINT16_MAX) {
    error_ = absl::InternalError(absl::StrCat("step ", descriptor_.step, ": too many attempts"));
    return Outcome::kError;
  }
  const int before = members_.live_attention() + members_.live_experts();
  const std::vector<int32_t> positions = positions_;
  const uint32_t epoch = descriptor_.epoch;
  ++failures_.attempts;
  if (Outcome outcome = Suspend(results); outcome == Outcome::kError)
    return outcome;
  const bool lost = members_.live_attention() + members_.live_experts() < before;
  if (lost || again_)
    Adapt();
  futile = lost || positions != positions_ || epoch != descriptor_.epoch ? 0 : futile + 1;
  if (futile == kFutileAttempts) {
    error_ = absl::DeadlineExceededError(absl::StrCat(
        "step ", descriptor_.step, ": no progress in ", futile, " attempts of ", options_.failure_deadline_ms,
        " ms, though every instance answers, while awaiting the result of ", Awaited()));
    return Outcome::kError;
  }
  if (again_)
    return Outcome::kSuspicion;
  if (!capacity_.ok()) {
    ++failures_.steps_given_up;
    error_ = capacity_;
    return Outcome::kError;
  }
  GoOn();
  return Outcome::kDone;
}

/// Makes the descriptor that of the new attempt.
void Controller::GoOn() {
  descriptor_.lost_attention = members_.lost_attention();
  descriptor_.lost_experts = members_.lost_experts();
  descriptor_.from_layer.assign(members_.attention(), kFinished);
  std::vector<int32_t> layers;
  for (int i = 0; i < members_.attention(); ++i) {
    if (!members_.live({EndpointKind::kAttention, i}))
      descriptor_.rows[i] = 0;
    if (descriptor_.rows[i] == 0)
      continue;
    const int32_t layer = done_[i] ? kFinished : positions_[i];
    descriptor_.from_layer[i] = layer;
    if (layer >= 0 && layer < kFinished && std::find(layers.begin(), layers.end(), layer) == layers.end())
      layers.push_back(layer);
  }
  for (int32_t layer : layers)
    ++failures_.layers_again[layer];
}

void Controller::Idle() {
  std::vector<std::vector<StepSequence>> none(members_.attention());
  ++step_;
  StepDescriptor descriptor;
  descriptor.step = step_;
  descriptor.rows.assign(members_.attention(), 0);
  descriptor.lost_attention = members_.lost_attention();
  descriptor.lost_experts = members_.lost_experts();
  bool lost = false;
  for (Address address : members_.Everyone()) {
    if (!members_.live(address) || TrySend(address, descriptor) || endpoint_->PeerStatus(address).ok())
      continue;
    Lose(address);
    lost = true;
  }
  if (lost || again_)
    Settle();
  drive_();
  error_ = absl::OkStatus();
  TakeMessages(nullptr);
}

bool Controller::AwaitHello(Address address) {
  for (Patience patience(options_.step_deadline_ms); std::find(hello_.begin(), hello_.end(), address) == hello_.end();)
    if (Exchange())
      patience.Progress();
    else if (!patience.Wait())
      return false;
  return true;
}

void Controller::Admit() {
  TakeMessages(nullptr);
  if (hello_.empty())
    return;
  for (Address address : std::exchange(hello_, {})) {
    if (members_.live(address)) // it was lost without our noticing
      Lose(address);
    members_.Join(address);
    ++failures_.joined;
  }
  Settle();
}

} // namespace janus
