#include "runtime/engine/Controller.h"

#include "absl/strings/str_cat.h"

#include <chrono>
#include <cstring>
#include <sched.h>

namespace janus {
namespace {

using Clock = std::chrono::steady_clock;

/// Turns "nothing happened" into spinning, then yielding, then an expired deadline.
class Patience {
public:
  explicit Patience(int64_t deadline_ms) : deadline_ms_(deadline_ms), since_(Clock::now()) {}
  void Progress() {
    idle_ = 0;
    since_ = Clock::now();
  }
  /// False once the deadline has passed.
  bool Wait() {
    if (++idle_ > 256)
      sched_yield();
    return deadline_ms_ <= 0 || idle_ % 64 || Clock::now() - since_ < std::chrono::milliseconds(deadline_ms_);
  }

private:
  int64_t deadline_ms_, idle_ = 0;
  Clock::time_point since_;
};

} // namespace

Controller::Controller(std::unique_ptr<Endpoint> endpoint, int attention, int experts, std::function<bool()> drive,
                       int64_t deadline_ms)
    : endpoint_(std::move(endpoint)), attention_(attention), experts_(experts), drive_(std::move(drive)),
      deadline_ms_(deadline_ms > 0 ? deadline_ms + deadline_ms / 4 : 0) {} // instances report what they awaited first

absl::Status Controller::Send(Address to, const StepDescriptor &descriptor) {
  Patience patience(deadline_ms_);
  const int64_t size = EncodedBytes(descriptor);
  while (true) {
    absl::StatusOr<SendBuffer> buffer = endpoint_->Acquire(to, size);
    if (buffer.ok()) {
      EncodeTo(descriptor, buffer->bytes.data());
      MessageName name;
      name.epoch = descriptor.epoch;
      name.step = descriptor.step;
      name.phase = Phase::kStep;
      endpoint_->Post(*buffer, name);
      return absl::OkStatus();
    }
    if (!absl::IsUnavailable(buffer.status()) || !endpoint_->PeerStatus(to).ok())
      return buffer.status();
    if (drive_())
      patience.Progress();
    else if (!patience.Wait())
      return absl::DeadlineExceededError(
          absl::StrCat("step ", descriptor.step, ": ", Describe(to), " takes no message"));
  }
}

absl::Status Controller::Gather(std::vector<StepResult> &results) {
  done_.assign(attention_, false);
  int missing = 0;
  for (int i = 0; i < attention_; ++i)
    missing += descriptor_.rows[i] > 0;
  Patience patience(deadline_ms_);
  while (missing > 0) {
    bool progress = drive_();
    Incoming message;
    while (missing > 0 && endpoint_->Poll(message)) {
      progress = true;
      const Address source = message.name.source;
      if (message.name.phase != Phase::kResult) {
        if (listener_)
          listener_(message);
        endpoint_->Release(message);
        continue;
      }
      const bool current = message.name.step == descriptor_.step;
      absl::Status status = current ? Decode(message.bytes, result_) : absl::OkStatus();
      endpoint_->Release(message);
      if (!current)
        continue; // of a step that was given up
      if (!status.ok())
        return absl::DataLossError(
            absl::StrCat("step ", descriptor_.step, ": result of ", Describe(source), ": ", status.message()));
      if (result_.error_code)
        return absl::Status(static_cast<absl::StatusCode>(result_.error_code),
                            absl::StrCat("step ", descriptor_.step, ", ", Describe(source), ": ",
                                         std::string(result_.error.begin(), result_.error.end())));
      if (source.kind != EndpointKind::kAttention || source.id < 0 || source.id >= attention_ || done_[source.id] ||
          descriptor_.rows[source.id] == 0)
        continue; // a double
      done_[source.id] = true;
      --missing;
      std::swap(results[source.id], result_);
    }
    if (progress) {
      patience.Progress();
    } else if (!patience.Wait()) {
      std::string awaited;
      for (int i = 0; i < attention_; ++i)
        if (descriptor_.rows[i] > 0 && !done_[i])
          absl::StrAppend(&awaited, awaited.empty() ? "" : ", ", "attention ", i);
      return absl::DeadlineExceededError(absl::StrCat("step ", descriptor_.step, ": no progress for ", deadline_ms_,
                                                      " ms while awaiting the result of ", awaited));
    }
  }
  return absl::OkStatus();
}

absl::Status Controller::Step(int scheme, std::vector<std::vector<StepSequence>> &sequences,
                              std::vector<StepResult> &results) {
  descriptor_.step = ++step_;
  descriptor_.scheme = scheme;
  descriptor_.rows.clear();
  for (const auto &of_instance : sequences) {
    int32_t rows = 0;
    for (const StepSequence &sequence : of_instance)
      rows += static_cast<int32_t>(sequence.tokens.size());
    descriptor_.rows.push_back(rows);
  }
  for (int i = 0; i < experts_; ++i)
    if (absl::Status status = Send({EndpointKind::kExpert, i}, descriptor_); !status.ok())
      return status;
  for (int i = 0; i < attention_; ++i) {
    descriptor_.sequences.swap(sequences[i]);
    absl::Status status = Send({EndpointKind::kAttention, i}, descriptor_);
    descriptor_.sequences.swap(sequences[i]);
    if (!status.ok())
      return status;
  }
  results.resize(attention_);
  const absl::Status status = Gather(results);
  if (status.ok())
    completed_epoch_ = descriptor_.epoch;
  return status;
}

bool Controller::Drain() {
  bool any = drive_();
  Incoming message;
  while (endpoint_->Poll(message)) {
    any = true;
    if (listener_ && message.name.phase != Phase::kResult)
      listener_(message);
    endpoint_->Release(message);
  }
  return any;
}

void Controller::Shutdown() {
  StepDescriptor descriptor;
  descriptor.step = ++step_;
  descriptor.shutdown = true;
  descriptor.rows.assign(attention_, 0);
  for (int i = 0; i < experts_; ++i)
    (void)Send({EndpointKind::kExpert, i}, descriptor);
  for (int i = 0; i < attention_; ++i)
    (void)Send({EndpointKind::kAttention, i}, descriptor);
}

} // namespace janus
