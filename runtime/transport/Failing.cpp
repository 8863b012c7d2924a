#include "runtime/transport/Failing.h"
#include "runtime/transport/Common.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <tuple>

namespace janus {
namespace {
using namespace transport;

/// Where a message stands in its step: descriptor first, result last, between them layer by layer.
std::tuple<int, int32_t, int> Place(Phase phase, int32_t layer) {
  if (phase == Phase::kStep)
    return {0, 0, 0};
  if (phase == Phase::kResult)
    return {2, 0, 0};
  return {1, layer, static_cast<int>(phase)};
}

/// Messages that change the placement: they are numbered, and of no step.
bool IsOrder(Phase phase) { return phase >= Phase::kLoad; }

/// Whether a message is at the fault's place or after it. `step`: that the controller began last.
bool Reached(const Fault &fault, const MessageName &name, uint64_t step) {
  if (IsOrder(name.phase) || (fault.phase && IsOrder(*fault.phase)))
    return step >= fault.step && name.phase == fault.phase;
  if (name.step != fault.step)
    return name.step > fault.step;
  if (!fault.phase && !fault.layer)
    return true;
  const auto here = Place(name.phase, name.layer);
  if (!fault.phase)
    return here >= std::tuple{1, *fault.layer, 0};
  if (!fault.layer)
    return name.phase == *fault.phase || name.phase == Phase::kResult;
  return here >= Place(*fault.phase, *fault.layer);
}

enum class Health : uint8_t { kWell, kSilent, kDead };

/// One address, over all instances that had it.
struct Member {
  std::atomic<Health> health{Health::kWell};
  std::atomic<bool> open{false};
  // Of the endpoint's thread.
  std::unique_ptr<Endpoint> inner;
  std::vector<Fault> faults; // to come, by step
  int64_t seen = 0;          // messages at the place of the first of them
};

struct Shared {
  Shared(std::unique_ptr<Transport> transport, FaultPlan given)
      : transport(std::move(transport)), plan(std::move(given)) {
    std::stable_sort(plan.faults.begin(), plan.faults.end(),
                     [](const Fault &a, const Fault &b) { return a.step < b.step; });
    for (const Fault &fault : plan.faults)
      members[fault.instance].faults.push_back(fault);
  }
  std::unique_ptr<Transport> transport;
  FaultPlan plan;
  std::map<Address, Member> members; // those that fail some time; fixed at creation
  std::atomic<uint64_t> step{0};     // that the controller began
  std::mutex mutex;                  // guards `restorable`
  std::vector<Address> restorable;

  Health HealthOf(Address address) const {
    auto member = members.find(address);
    return member == members.end() ? Health::kWell : member->second.health.load(std::memory_order_acquire);
  }
};

class FailingEndpoint : public Endpoint {
public:
  /// `member`: null of one that never fails, which then owns `inner`.
  FailingEndpoint(std::shared_ptr<Shared> shared, std::unique_ptr<Endpoint> owned, Member *member)
      : shared_(std::move(shared)), owned_(std::move(owned)), member_(member),
        inner_(member ? *member->inner : *owned_) {}
  ~FailingEndpoint() override {
    if (!member_)
      return;
    if (!failed()) // closed as it should be; one that failed may come back
      member_->inner.reset();
    member_->open = false;
  }
  Address self() const override { return inner_.self(); }

  absl::StatusOr<SendBuffer> Acquire(Address to, size_t size) override {
    if (failed())
      return NoCredit(to);
    if (shared_->HealthOf(to) == Health::kDead)
      return Gone(to);
    return inner_.Acquire(to, size);
  }
  void Post(SendBuffer buffer, MessageName name) override {
    if (Fails(name))
      return inner_.Cancel(buffer);
    if (self().kind == EndpointKind::kController && name.phase == Phase::kStep)
      Begin(name.step);
    inner_.Post(buffer, name);
  }
  void Cancel(SendBuffer buffer) override { inner_.Cancel(buffer); }

  bool Poll(Incoming &message) override {
    if (failed() || !inner_.Poll(message))
      return false;
    if (!Fails(message.name))
      return true;
    inner_.Release(message);
    return false;
  }
  void Release(Incoming &message) override { inner_.Release(message); }

  absl::Status PeerStatus(Address peer) override {
    return shared_->HealthOf(peer) == Health::kDead ? Gone(peer) : inner_.PeerStatus(peer);
  }
  const TransportCounters &counters() const override { return inner_.counters(); }
  void ResetCounters() override { inner_.ResetCounters(); }

private:
  bool failed() const { return member_ && member_->health.load(std::memory_order_relaxed) != Health::kWell; }

  /// Whether the endpoint has failed, now that this message would pass.
  bool Fails(const MessageName &name) {
    if (!member_ || failed())
      return member_ != nullptr;
    if (member_->faults.empty() || !Reached(member_->faults.front(), name, shared_->step.load()) ||
        member_->seen++ < member_->faults.front().after)
      return false;
    member_->health.store(member_->faults.front().silent ? Health::kSilent : Health::kDead, std::memory_order_release);
    member_->faults.erase(member_->faults.begin());
    member_->seen = 0;
    return true;
  }

  /// Tells what may be restored now.
  void Begin(uint64_t step) {
    const uint64_t before = shared_->step.exchange(step);
    for (const Restoration &restoration : shared_->plan.restorations)
      if (restoration.step > before && restoration.step <= step &&
          shared_->HealthOf(restoration.instance) != Health::kWell) {
        std::lock_guard lock(shared_->mutex);
        shared_->restorable.push_back(restoration.instance);
      }
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Endpoint> owned_;
  Member *member_;
  Endpoint &inner_;
};

class FailingTransportOf : public FailingTransport {
public:
  FailingTransportOf(std::unique_ptr<Transport> inner, FaultPlan plan)
      : shared_(std::make_shared<Shared>(std::move(inner), std::move(plan))) {}

  absl::StatusOr<std::unique_ptr<Endpoint>> Open(Address address) override {
    auto found = shared_->members.find(address);
    if (found == shared_->members.end()) {
      absl::StatusOr<std::unique_ptr<Endpoint>> inner = shared_->transport->Open(address);
      if (!inner.ok())
        return inner.status();
      return std::make_unique<FailingEndpoint>(shared_, *std::move(inner), nullptr);
    }
    Member &member = found->second;
    if (member.open || (member.inner && member.health == Health::kWell))
      return AlreadyOpen(address);
    if (member.inner) { // what waited for the one that failed is lost with it
      for (Incoming message; member.inner->Poll(message);)
        member.inner->Release(message);
    } else {
      absl::StatusOr<std::unique_ptr<Endpoint>> inner = shared_->transport->Open(address);
      if (!inner.ok())
        return inner.status();
      member.inner = *std::move(inner);
    }
    member.open = true;
    member.health.store(Health::kWell, std::memory_order_release);
    return std::make_unique<FailingEndpoint>(shared_, nullptr, &member);
  }

  std::vector<Address> TakeRestorable() override {
    std::lock_guard lock(shared_->mutex);
    return std::exchange(shared_->restorable, {});
  }

private:
  std::shared_ptr<Shared> shared_;
};

} // namespace

std::unique_ptr<FailingTransport> MakeFailingTransport(std::unique_ptr<Transport> inner, FaultPlan plan) {
  return std::make_unique<FailingTransportOf>(std::move(inner), std::move(plan));
}

} // namespace janus
