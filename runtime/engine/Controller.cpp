#include "runtime/engine/Controller.h"

#include "absl/strings/str_cat.h"

namespace janus {

Controller::Controller(std::unique_ptr<Endpoint> endpoint, const ControllerOptions &options,
                       std::function<bool()> drive, std::function<absl::Status(const Members &)> adapt)
    : endpoint_(std::move(endpoint)), options_(options), drive_(std::move(drive)), adapt_(std::move(adapt)),
      members_(options.attention, options.experts) {}

/// False: no credit now, or the instance is gone.
bool Controller::TrySend(Address to, const StepDescriptor &descriptor) {
  absl::StatusOr<SendBuffer> buffer = endpoint_->Acquire(to, EncodedBytes(descriptor));
  if (!buffer.ok()) {
    if (!absl::IsUnavailable(buffer.status()) && endpoint_->PeerStatus(to).ok())
      error_ = buffer.status(); // no waiting helps
    return false;
  }
  EncodeTo(descriptor, buffer->bytes.data());
  MessageName name;
  name.epoch = descriptor.epoch;
  name.step = descriptor.step;
  name.attempt = descriptor.attempt;
  name.phase = Phase::kStep;
  name.part = descriptor.suspend ? kSuspendPart : 0;
  endpoint_->Post(*buffer, name);
  return true;
}

bool Controller::Exchange() {
  const bool any = drive_();
  return TakeMessages(nullptr) || any;
}

/// Sends the descriptor to all instances that are there.
Controller::Outcome Controller::Tell(std::vector<std::vector<StepSequence>> &sequences) {
  Patience patience(options_.failure_deadline_ms > 0 ? options_.failure_deadline_ms : options_.step_deadline_ms);
  for (int i = 0; i < members_.experts() + members_.attention(); ++i) {
    const int attention = i - members_.experts();
    const Address to = attention < 0 ? Address{EndpointKind::kExpert, i} : Address{EndpointKind::kAttention, attention};
    if (!members_.live(to))
      continue;
    if (attention >= 0)
      descriptor_.sequences.swap(sequences[attention]);
    bool sent = TrySend(to, descriptor_), waits = true;
    while (!sent && waits && error_.ok()) {
      if (drive_())
        patience.Progress();
      else
        waits = patience.Wait();
      waits = waits && endpoint_->PeerStatus(to).ok();
      sent = TrySend(to, descriptor_);
    }
    if (attention >= 0)
      descriptor_.sequences.swap(sequences[attention]);
    if (!error_.ok())
      return Outcome::kError;
    if (!sent)
      return Outcome::kSuspicion;
  }
  return Outcome::kDone;
}

bool Controller::Missing() const {
  for (int i = 0; i < members_.attention(); ++i)
    if (descriptor_.rows[i] > 0 && !done_[i])
      return true;
  return false;
}

std::string Controller::Awaited() const {
  std::string awaited;
  for (int i = 0; i < members_.attention(); ++i)
    if (descriptor_.rows[i] > 0 && !done_[i])
      absl::StrAppend(&awaited, awaited.empty() ? "" : ", ", "attention ", i);
  return awaited;
}

bool Controller::AnyoneGone() {
  for (int i = 0; i < members_.attention(); ++i)
    if (const Address a = {EndpointKind::kAttention, i}; members_.live(a) && !endpoint_->PeerStatus(a).ok())
      return true;
  for (int i = 0; i < members_.experts(); ++i)
    if (const Address e = {EndpointKind::kExpert, i}; members_.live(e) && !endpoint_->PeerStatus(e).ok())
      return true;
  return false;
}

/// What an instance says in `result_`.
absl::Status Controller::TakeResult(const MessageName &name, std::vector<StepResult> &results) {
  const Address source = name.source;
  if (result_.step != descriptor_.step || result_.attempt > descriptor_.attempt)
    return absl::OkStatus(); // of a step that was given up
  switch (result_.kind) {
  case StepResult::Kind::kHello:
    break;
  case StepResult::Kind::kLost:
    suspicion_ |= result_.attempt == descriptor_.attempt;
    break;
  case StepResult::Kind::kPosition:
    if (result_.attempt != descriptor_.attempt)
      break;
    answers_[source].came = true;
    if (source.kind == EndpointKind::kAttention)
      positions_[source.id] = result_.position;
    break;
  case StepResult::Kind::kDone:
    if (result_.error_code)
      return absl::Status(static_cast<absl::StatusCode>(result_.error_code),
                          absl::StrCat("step ", descriptor_.step, ", ", Describe(source), ": ",
                                       std::string(result_.error.begin(), result_.error.end())));
    if (source.kind != EndpointKind::kAttention || done_[source.id] || descriptor_.rows[source.id] == 0)
      break; // a double
    done_[source.id] = true;
    std::swap(results[source.id], result_);
    break;
  }
  return absl::OkStatus();
}

/// `results`: of the step in progress; null: there is none.
bool Controller::TakeMessages(std::vector<StepResult> *results) {
  bool any = false;
  Incoming message;
  while (error_.ok() && endpoint_->Poll(message)) {
    any = true;
    const MessageName name = message.name;
    if (name.phase != Phase::kResult && listener_ && members_.known(name.source) && members_.live(name.source))
      listener_(message);
    const bool expected = name.phase == Phase::kResult && members_.known(name.source);
    absl::Status status = expected ? Decode(message.bytes, result_) : absl::OkStatus();
    endpoint_->Release(message);
    if (!expected)
      continue;
    if (status.ok() && result_.kind == StepResult::Kind::kHello)
      hello_.push_back(name.source);
    if (!members_.live(name.source) || !results)
      continue;
    error_ = status.ok() ? TakeResult(name, *results)
                         : absl::DataLossError(absl::StrCat("step ", descriptor_.step, ": result of ",
                                                            Describe(name.source), ": ", status.message()));
  }
  return any;
}

Controller::Outcome Controller::Gather(std::vector<StepResult> &results) {
  // Instances that are not asked report first what they awaited.
  const bool asks = options_.failure_deadline_ms > 0;
  Patience patience(asks ? options_.failure_deadline_ms : options_.step_deadline_ms + options_.step_deadline_ms / 4);
  while (Missing()) {
    bool progress = drive_();
    progress |= TakeMessages(&results);
    if (!error_.ok())
      return Outcome::kError;
    if (suspicion_)
      return Outcome::kSuspicion;
    if (progress) {
      patience.Progress();
      continue;
    }
    if (!patience.Wait()) {
      if (asks)
        return Outcome::kSuspicion;
      error_ = absl::DeadlineExceededError(absl::StrCat("step ", descriptor_.step, ": no progress for ",
                                                        options_.step_deadline_ms, " ms while awaiting the result of ",
                                                        Awaited()));
      return Outcome::kError;
    }
    if (patience.Looks() && AnyoneGone())
      return Outcome::kSuspicion;
  }
  return Outcome::kDone;
}

absl::Status Controller::Step(int scheme, std::vector<std::vector<StepSequence>> &sequences,
                              std::vector<StepResult> &results) {
  descriptor_.step = ++step_;
  descriptor_.attempt = 0;
  descriptor_.scheme = scheme;
  descriptor_.rows.clear();
  for (const auto &of_instance : sequences) {
    int32_t rows = 0;
    for (const StepSequence &sequence : of_instance)
      rows += static_cast<int32_t>(sequence.tokens.size());
    descriptor_.rows.push_back(rows);
  }
  descriptor_.lost_attention = members_.lost_attention();
  descriptor_.lost_experts = members_.lost_experts();
  descriptor_.from_layer.clear();
  done_.assign(members_.attention(), false);
  positions_.assign(members_.attention(), kNotBegun);
  results.resize(members_.attention());
  error_ = absl::OkStatus();
  int futile = 0; // attempts in a row that changed nothing
  while (true) {
    suspicion_ = false;
    Outcome outcome = Tell(sequences);
    if (outcome == Outcome::kDone)
      outcome = Gather(results);
    while (outcome == Outcome::kSuspicion)
      outcome = Recover(results, futile);
    if (outcome == Outcome::kError)
      return error_;
    if (!Missing()) {
      completed_epoch_ = descriptor_.epoch;
      return absl::OkStatus();
    }
  }
}

void Controller::Shutdown() {
  StepDescriptor descriptor;
  descriptor.step = ++step_;
  descriptor.shutdown = true;
  descriptor.rows.assign(members_.attention(), 0);
  for (Address to : members_.Everyone())
    for (Patience patience(options_.step_deadline_ms); members_.live(to) && !TrySend(to, descriptor);)
      if (!endpoint_->PeerStatus(to).ok() || (!drive_() && !patience.Wait()))
        break;
}

} // namespace janus
