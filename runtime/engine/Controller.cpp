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

absl::Status Controller::Gather(const StepDescriptor &descriptor, std::vector<StepResult> &results) {
  std::vector<bool> done(attention_);
  int missing = 0;
  for (int i = 0; i < attention_; ++i)
    missing += descriptor.rows[i] > 0;
  Patience patience(deadline_ms_);
  while (missing > 0) {
    bool progress = drive_();
    Incoming message;
    while (missing > 0 && endpoint_->Poll(message)) {
      progress = true;
      const Address source = message.name.source;
      const bool current = message.name.step == descriptor.step && message.name.phase == Phase::kResult;
      StepResult result;
      absl::Status status = current ? Decode(message.bytes, result) : absl::OkStatus();
      endpoint_->Release(message);
      if (!current)
        continue; // of a step that was given up
      if (!status.ok())
        return absl::DataLossError(
            absl::StrCat("step ", descriptor.step, ": result of ", Describe(source), ": ", status.message()));
      if (result.error_code)
        return absl::Status(static_cast<absl::StatusCode>(result.error_code),
                            absl::StrCat("step ", descriptor.step, ", ", Describe(source), ": ",
                                         std::string(result.error.begin(), result.error.end())));
      if (source.kind != EndpointKind::kAttention || source.id < 0 || source.id >= attention_ || done[source.id] ||
          descriptor.rows[source.id] == 0)
        continue; // a double
      done[source.id] = true;
      --missing;
      results[source.id] = std::move(result);
    }
    if (progress) {
      patience.Progress();
    } else if (!patience.Wait()) {
      std::string awaited;
      for (int i = 0; i < attention_; ++i)
        if (descriptor.rows[i] > 0 && !done[i])
          absl::StrAppend(&awaited, awaited.empty() ? "" : ", ", "attention ", i);
      return absl::DeadlineExceededError(absl::StrCat("step ", descriptor.step, ": no progress for ", deadline_ms_,
                                                      " ms while awaiting the result of ", awaited));
    }
  }
  return absl::OkStatus();
}

absl::Status Controller::Step(int scheme, std::vector<std::vector<StepSequence>> sequences,
                              std::vector<StepResult> &results) {
  StepDescriptor descriptor;
  descriptor.step = ++step_;
  descriptor.scheme = scheme;
  for (const auto &of_instance : sequences) {
    int32_t rows = 0;
    for (const StepSequence &sequence : of_instance)
      rows += static_cast<int32_t>(sequence.tokens.size());
    descriptor.rows.push_back(rows);
  }
  for (int i = 0; i < experts_; ++i)
    if (absl::Status status = Send({EndpointKind::kExpert, i}, descriptor); !status.ok())
      return status;
  for (int i = 0; i < attention_; ++i) {
    descriptor.sequences = std::move(sequences[i]);
    if (absl::Status status = Send({EndpointKind::kAttention, i}, descriptor); !status.ok())
      return status;
  }
  results.assign(attention_, {});
  return Gather(descriptor, results);
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
