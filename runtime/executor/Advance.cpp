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

/// Takes descriptors that arrived; a later one replaces an earlier one.
void Instance::State::TakeControl() {
  Received message;
  uint64_t step = 0;
  while (mail->TakeControl(message, step)) {
    if ((any_step && step <= descriptor.step) || (has_next && step <= next.step)) {
      ++stats.dropped_old;
      continue;
    }
    next_error = Decode(message.bytes(), next);
    if (next_error.ok() && next.step != step)
      next_error = absl::InvalidArgumentError(
          absl::StrCat("step descriptor: found step ", next.step, " in a message of step ", step));
    next.step = step;
    has_next = true;
  }
}

void Instance::State::Start() {
  if (root) {
    ++stats.abandoned_steps;
    Abandon();
  }
  std::swap(descriptor, next);
  error = std::exchange(next_error, absl::OkStatus());
  has_next = false;
  any_step = true;
  if (error.ok() && descriptor.shutdown) {
    stopped = true;
    return;
  }
  mail->Open(descriptor.epoch, descriptor.step);
  root = Step();
  innermost = root.get();
  waiter = nullptr;
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
  mail->Open(descriptor.epoch, descriptor.step);
  error = std::move(status);
  root = Report();
  innermost = root.get();
}

void Instance::State::Expire(int64_t waited_ms) {
  if (root)
    GiveUp(absl::DeadlineExceededError(absl::StrCat(Awaits(), ", for ", waited_ms, " ms without progress")));
}

/// Asks now and then whether the awaited peer is still there.
bool Instance::State::PeerIsGone() {
  if (++idle_polls % kPollsPerPeerCheck != 0)
    return false;
  absl::Status status = mail->PeerStatus(waiter->peer());
  if (status.ok())
    return false;
  GiveUp(absl::Status(status.code(), absl::StrCat(Awaits(), ": ", status.message())));
  return true;
}

bool Instance::State::Advance(WorkerPool &workers) {
  pool = &workers;
  bool any = false;
  while (!stopped) {
    mail->Pump();
    any |= CarryOutOrders();
    TakeControl();
    if (has_next) {
      Start();
      any = true;
      continue;
    }
    if (!root || (waiter && !waiter->Try() && !PeerIsGone()))
      return any;
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
