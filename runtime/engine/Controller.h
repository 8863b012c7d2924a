//===- Controller.h - steps as messages -------------------------*- C++ -*-===//
//
// Controller.cpp: a step from its descriptors to its results. Recovery.cpp: what
// happens when an instance is lost on the way (docs/failures.md).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ENGINE_CONTROLLER_H
#define JANUS_RUNTIME_ENGINE_CONTROLLER_H

#include "runtime/engine/Members.h"
#include "runtime/engine/Patience.h"
#include "runtime/executor/Step.h"
#include "runtime/transport/Transport.h"

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace janus {

struct ControllerOptions {
  int attention = 1, experts = 1;
  /// After so long without progress or message instances are asked whether they
  /// are there; those who do not answer for as long again are lost. 0: never.
  int64_t failure_deadline_ms = 2000;
  /// After so long a step fails, where instances are not asked. 0: never.
  int64_t step_deadline_ms = 60000;
};

/// What became of instances so far.
struct FailureCounters {
  int64_t lost_attention = 0, lost_experts = 0, joined = 0;
  int64_t attempts = 0;                    // of steps, beyond the first
  int64_t steps_given_up = 0;              // for want of capacity
  std::map<int32_t, int64_t> layers_again; // by layer: attempts that began with rows in it
};

/// Sends a step's descriptors to all instances and gathers the results of those
/// that have rows. Knows nothing of requests.
class Controller {
public:
  /// `drive` makes progress on the instances of this process, if any, and tells
  /// whether it did. `adapt` is told when instances were lost or joined, and does
  /// what the next attempt or step needs to do without or with them, when no step
  /// goes on. Aborted: another instance may be lost, or there is more to do;
  /// everyone is asked again where it is, and then it is called again. Another
  /// error says what is missing: no step can be run then.
  Controller(std::unique_ptr<Endpoint> endpoint, const ControllerOptions &options, std::function<bool()> drive,
             std::function<absl::Status(const Members &)> adapt);

  /// One step: sequences[i] are those of attention instance i, in row order, none
  /// of a lost one. results[i] answers sequences[i] if answered(i): instances that
  /// are lost on the way do not. An error is that of the step as a whole; if
  /// capacity() is not ok then, nothing of the step happened.
  /// Steps of the same shape allocate nothing when the vectors are reused.
  absl::Status Step(int scheme, std::vector<std::vector<StepSequence>> &sequences, std::vector<StepResult> &results);
  bool answered(int attention) const { return done_[attention] != 0; }
  /// Counts a step without rows: while capacity() is not ok.
  void Idle();
  /// Waits until a new instance said hello. False: it does not.
  bool AwaitHello(Address address);
  /// Takes in instances that said hello since.
  void Admit();
  /// Tells every instance to stop.
  void Shutdown();

  /// Names the epoch of the steps and attempts to come; every instance is ready for it.
  void set_epoch(uint32_t epoch) { descriptor_.epoch = epoch; }
  using Listener = std::function<void(const Incoming &)>;
  /// Gets every message of a live instance that is no StepResult. Returns the one
  /// before.
  Listener ExchangeListener(Listener listener) { return std::exchange(listener_, std::move(listener)); }
  void set_listener(Listener listener) { listener_ = std::move(listener); }
  /// Of the last step that succeeded: every live expert instance has switched to it.
  uint32_t completed_epoch() const { return completed_epoch_; }
  Endpoint &endpoint() { return *endpoint_; }
  /// For `adapt`, who waits for messages: true if anything was done.
  bool Exchange();
  /// A live instance is known to be gone.
  bool AnyoneGone();

  const Members &members() const { return members_; }
  /// Why no step can be run, if so.
  const absl::Status &capacity() const { return capacity_; }
  const FailureCounters &failures() const { return failures_; }
  int64_t steps() const { return static_cast<int64_t>(step_); }
  const TransportCounters &counters() const { return endpoint_->counters(); }

private:
  enum class Outcome { kDone, kSuspicion, kError }; // kError: error_

  // Controller.cpp
  bool TrySend(Address to, const StepDescriptor &descriptor);
  Outcome Tell(std::vector<std::vector<StepSequence>> &sequences);
  Outcome Gather(std::vector<StepResult> &results);
  /// Polls; true if there was a message.
  bool TakeMessages(std::vector<StepResult> *results);
  absl::Status TakeResult(const MessageName &name, std::vector<StepResult> &results);
  bool Missing() const;
  std::string Awaited() const;

  // Recovery.cpp
  Outcome Recover(std::vector<StepResult> &results, int &futile);
  Outcome Suspend(std::vector<StepResult> &results);
  void Lose(Address address);
  void Adapt();
  void Settle();
  void GoOn();

  std::unique_ptr<Endpoint> endpoint_;
  ControllerOptions options_;
  std::function<bool()> drive_;
  std::function<absl::Status(const Members &)> adapt_;
  Listener listener_;
  Members members_;
  absl::Status capacity_;
  bool again_ = false; // `adapt_` is to be called again
  std::vector<Address> hello_;
  FailureCounters failures_;
  uint64_t step_ = 0;
  uint32_t completed_epoch_ = 0;
  // Of the current step, kept for their memory.
  StepDescriptor descriptor_;
  StepResult result_;
  std::vector<char> done_; // by attention instance
  absl::Status error_;
  bool suspicion_ = false;
  // Of the current attempt.
  struct Answer {
    bool told = false, came = false;
  };
  std::map<Address, Answer> answers_;
  std::vector<int32_t> positions_; // by attention instance
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_CONTROLLER_H
