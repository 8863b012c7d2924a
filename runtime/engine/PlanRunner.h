//===- PlanRunner.h - plans beside the steps --------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_PLANRUNNER_H
#define JANUS_RUNTIME_ENGINE_PLANRUNNER_H

#include "runtime/placement/Rebalancer.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace janus {

/// Makes plans on a thread of the lowest priority that works a quarter of the
/// time, so that it takes what the steps leave and never more than a quarter of
/// a core; or, `at_once`, on the caller's. One plan at a time.
class PlanRunner {
public:
  explicit PlanRunner(bool at_once) : at_once_(at_once) {}
  ~PlanRunner();
  PlanRunner(const PlanRunner &) = delete;
  PlanRunner &operator=(const PlanRunner &) = delete;

  void Start(PlanRequest request);
  /// The plan, once it is made.
  std::optional<PlanResult> Take();

private:
  static constexpr double kShare = 0.25; // of a core
  void Run(const PlanRequest &request);
  /// Sleeps as much as the share asks for after `worked` seconds.
  void Rest(double worked);

  bool at_once_;
  std::thread thread_;
  std::atomic<bool> done_{false}, stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<PlanResult> result_; // of the thread until done_
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_PLANRUNNER_H
