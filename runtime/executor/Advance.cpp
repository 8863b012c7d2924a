// How an instance waits and goes on.
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <utility>

namespace janus {

using executor::Received;

namespace {

constexpr uint32_t kPollsPerPeerCheck = 256;

} // namespace

void Instance::State::RunParallel(void *context, abi::Task task, const void *args, int64_t count, int64_t grain) {
  static_cast<State *>(context)->pool->Parallel(task, args, count, std::max<int64_t>(grain, 1));
}

void Instance::State::FailCall(void *context, int64_t code, const char *message) {
  State &state = *static_cast<State *>(context);
  if (state.failed.load(std::memory_order_acquire))
    return;
  const bool known = code > 0 && code <= 16;
  state.error = absl::Status(known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kInternal,
                             message ? message : "no message");
  state.failed.store(true, std::memory_order_release);
}

std::string Instance::State::Name() const { return absl::StrCat(attention() ? "attention " : "expert ", id); }

std::string Instance::State::Awaits() const {
  if (!root)
    return absl::StrCat(Name(), " is idle");
  return absl::StrCat(Name(), " awaits ", waiter ? waiter->Describe() : "nothing", " in step ", descriptor.step);
}

/// Takes control messages that arrived; a later one replaces an earlier one. An
/// attempt is suspended before it is played.
void Instance::State::TakeControl() {
  Received message;
  while (mail->TakeControl(message)) {
    const MessageName &name = message.name();
    const std::tuple named(name.step, name.attempt, name.part != kSuspendPart);
    if ((any_moment && named <= moment) || (has_next && named <= next_moment)) {
      ++stats.dropped_old;
      continue;
    }
    next_error = Decode(message.bytes(), next);
    if (next_error.ok() && named != std::tuple(next.step, next.attempt, !next.suspend))
      next_error =
          absl::InvalidArgumentError(absl::StrCat("step descriptor: found step ", next.step, ", attempt ", next.attempt,
                                                  " in a message of step ", name.step, ", attempt ", name.attempt));
    next_moment = named;
    std::tie(next.step, next.attempt, std::ignore) = named;
    has_next = true;
  }
}

void Instance::State::Start() {
  const bool same = begun && next.step == descriptor.step;
  if (root && !same)
    ++stats.abandoned_steps;
  if (root)
    Abandon();
  has_notice = has_notice && notice.kind == StepResult::Kind::kHello;
  has_next = told_lost = false;
  any_moment = true;
  moment = next_moment;
  if (!same)
    begun = false;
  if (next_error.ok() && next.suspend)
    return Suspend();
  std::swap(descriptor, next);
  absl::Status status = std::exchange(next_error, absl::OkStatus());
  if (status.ok() && descriptor.shutdown) {
    stopped = true;
    return;
  }
  error = std::move(status);
  mail->Open(descriptor.epoch, descriptor.step, descriptor.attempt);
  root = Step();
  innermost = root.get();
  waiter = nullptr;
}

/// Waits for the attempt that is to come. `next` says which.
void Instance::State::Suspend() {
  ++stats.suspensions;
  mail->Await(next.step, next.attempt);
  const absl::Status switched = SwitchTo(next.epoch);
  has_notice = true;
  notice.step = next.step;
  notice.attempt = next.attempt;
  notice.kind = StepResult::Kind::kPosition;
  notice.position = begun ? position : kNotBegun;
  notice.error_code = 0;
  notice.error.clear();
  if (!switched.ok() || (begun && !error.ok())) { // there is nothing to go on with
    notice.kind = StepResult::Kind::kDone;
    notice.SetError(Name(), switched.ok() ? error : switched);
  }
}

void Instance::State::Abandon() {
  root.Reset();
  waiter = nullptr;
  held.clear();
  held_views.clear();
  mail->Close();
}

/// Ends the step with an error, which the controller is told.
void Instance::State::GiveUp(absl::Status status) {
  const bool reporting = !error.ok();
  Abandon();
  if (reporting) // and the controller takes no messages: nobody is left to tell
    return;
  mail->Open(descriptor.epoch, descriptor.step, descriptor.attempt);
  error = std::move(status);
  root = Report();
  innermost = root.get();
}

void Instance::State::Expire(int64_t waited_ms) {
  if (root)
    GiveUp(absl::DeadlineExceededError(absl::StrCat(Awaits(), ", for ", waited_ms, " ms without progress")));
}

/// Asks now and then whether the awaited peer is still there. If not, the
/// controller is told, and knows what to do.
void Instance::State::CheckPeer() {
  if (told_lost || ++idle_polls % kPollsPerPeerCheck != 0)
    return;
  const Address peer = waiter->peer();
  const absl::Status status = mail->PeerStatus(peer);
  if (status.ok())
    return;
  if (peer == executor::Controller()) // nobody is left to tell
    return Abandon();
  told_lost = has_notice = true;
  notice.step = descriptor.step;
  notice.attempt = descriptor.attempt;
  notice.kind = StepResult::Kind::kLost;
  notice.lost = peer;
  notice.SetError(Name(), absl::Status(status.code(), absl::StrCat(Awaits(), ": ", status.message())));
}

/// False if there is no room for it now.
bool Instance::State::SendNotice() {
  char *room = nullptr;
  if (!mail->Reserve(executor::Controller(), {0, Phase::kResult, mail->self(), kNoticePart}, EncodedBytes(notice),
                     room))
    return false;
  has_notice = false;
  if (mail->status().ok()) {
    EncodeTo(notice, room);
    mail->Post();
  }
  return true;
}

bool Instance::State::Advance(WorkerPool &workers) {
  pool = &workers;
  bool any = false;
  while (!stopped) {
    if (has_notice)
      any |= SendNotice();
    mail->Pump();
    any |= CarryOutOrders();
    TakeControl();
    if (has_next) {
      Start();
      any = true;
      continue;
    }
    if (!root)
      return any;
    if (waiter && !waiter->Try()) {
      CheckPeer();
      return any;
    }
    any = true;
    idle_polls = 0;
    waiter = nullptr;
    if (root)
      innermost.resume();
    if (root && root.done())
      Abandon();
  }
  return any;
}

} // namespace janus
