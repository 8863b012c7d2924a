//===- Controller.h - steps as messages -------------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_CONTROLLER_H
#define JANUS_RUNTIME_ENGINE_CONTROLLER_H

#include "runtime/executor/Executor.h"
#include "runtime/executor/Step.h"
#include "runtime/transport/Transport.h"

#include <functional>
#include <memory>
#include <vector>

namespace janus {

/// Sends a step's descriptors to all instances and gathers the results of those
/// that have rows. Knows nothing of requests.
class Controller {
public:
  /// `drive` makes progress on the instances of this process, if any, and tells
  /// whether it did. After `deadline_ms` without progress or message a step
  /// fails.
  Controller(std::unique_ptr<Endpoint> endpoint, int attention, int experts, std::function<bool()> drive,
             int64_t deadline_ms);

  /// One step: sequences[i] are those of attention instance i, in row order.
  /// results[i] answers sequences[i]. An error is that of the step as a whole.
  /// Steps of the same shape allocate nothing when the vectors are reused.
  absl::Status Step(int scheme, std::vector<std::vector<StepSequence>> &sequences, std::vector<StepResult> &results);
  /// Tells every instance to stop.
  void Shutdown();

  /// Between steps: makes progress, and hands what has come to the listener. True
  /// if there was any.
  bool Drain();
  /// Names the epoch of the steps to come; every instance is ready for it.
  void set_epoch(uint32_t epoch) { descriptor_.epoch = epoch; }
  /// Of the last step that succeeded: every expert instance has switched to it.
  uint32_t completed_epoch() const { return completed_epoch_; }
  /// Gets every message that is no StepResult, while a step is awaited.
  void set_listener(std::function<void(const Incoming &)> listener) { listener_ = std::move(listener); }
  Endpoint &endpoint() { return *endpoint_; }

  int64_t steps() const { return static_cast<int64_t>(step_); }
  const TransportCounters &counters() const { return endpoint_->counters(); }

private:
  absl::Status Send(Address to, const StepDescriptor &descriptor);
  absl::Status Gather(std::vector<StepResult> &results);

  std::unique_ptr<Endpoint> endpoint_;
  int attention_, experts_;
  std::function<bool()> drive_;
  std::function<void(const Incoming &)> listener_;
  int64_t deadline_ms_;
  uint64_t step_ = 0;
  uint32_t completed_epoch_ = 0;
  // Of the current step, kept for their memory.
  StepDescriptor descriptor_;
  StepResult result_;
  std::vector<char> done_; // by attention instance
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_CONTROLLER_H
