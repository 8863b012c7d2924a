#include "runtime/engine/PlanRunner.h"

#include <chrono>
#include <ctime>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace janus {
namespace {

/// Seconds of processor time that this thread used.
double ThreadSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

} // namespace

PlanRunner::~PlanRunner() {
  stop_ = true;
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void PlanRunner::Rest(double worked) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::duration<double>(worked * (1 / kShare - 1)), [this] { return stop_.load(); });
}

void PlanRunner::Run(const PlanRequest &request) {
  double begin = ThreadSeconds();
  result_ = MakePlan(request, &stop_, [&] {
    Rest(ThreadSeconds() - begin);
    begin = ThreadSeconds();
  });
  done_.store(true, std::memory_order_release);
}

void PlanRunner::Start(PlanRequest request) {
  if (thread_.joinable()) { // done, or nobody waits for it any more
    stop_ = true;
    wake_.notify_all();
    thread_.join();
    stop_ = false;
  }
  result_.reset();
  done_ = false;
  if (at_once_) {
    result_ = MakePlan(request);
    done_ = true;
    return;
  }
  thread_ = std::thread([this, request = std::move(request)] {
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19); // of this thread alone, on Linux
    Run(request);
  });
}

std::optional<PlanResult> PlanRunner::Take() {
  if (!done_.exchange(false, std::memory_order_acquire))
    return std::nullopt;
  return std::exchange(result_, std::nullopt);
}

} // namespace janus
