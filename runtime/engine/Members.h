//===- Members.h - which instances are there --------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_MEMBERS_H
#define JANUS_RUNTIME_ENGINE_MEMBERS_H

#include "runtime/transport/Transport.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace janus {

/// The instances of a run. One that failed is lost until a new one takes its
/// place, which then knows nothing of what the lost one knew.
class Members {
public:
  Members(int attention, int experts) : attention_(attention), experts_(experts) {}
  int attention() const { return static_cast<int>(attention_.size()); }
  int experts() const { return static_cast<int>(experts_.size()); }
  int live_attention() const { return attention() - static_cast<int>(lost_attention_.size()); }
  int live_experts() const { return experts() - static_cast<int>(lost_experts_.size()); }
  bool known(Address address) const {
    return address.kind != EndpointKind::kController && address.id >= 0 &&
           address.id < (attends(address) ? attention() : experts());
  }
  bool live(Address address) const { return Of(address).live; }
  /// Changes whenever the instance is lost or replaced.
  int64_t generation(Address address) const { return Of(address).generation; }
  /// Ascending.
  const std::vector<int32_t> &lost_attention() const { return lost_attention_; }
  const std::vector<int32_t> &lost_experts() const { return lost_experts_; }

  void Lose(Address address) { Set(address, false); }
  void Join(Address address) { Set(address, true); }

  /// Attention instances first, ascending.
  std::vector<Address> Everyone() const {
    std::vector<Address> all;
    for (int i = 0; i < attention() + experts(); ++i)
      all.push_back(i < attention() ? Address{EndpointKind::kAttention, i}
                                    : Address{EndpointKind::kExpert, i - attention()});
    return all;
  }

private:
  struct Member {
    bool live = true;
    int64_t generation = 0;
  };
  static bool attends(Address address) { return address.kind == EndpointKind::kAttention; }
  const Member &Of(Address address) const { return (attends(address) ? attention_ : experts_)[address.id]; }
  void Set(Address address, bool live) {
    Member &member = (attends(address) ? attention_ : experts_)[address.id];
    ++member.generation;
    member.live = live;
    std::vector<int32_t> &lost = attends(address) ? lost_attention_ : lost_experts_;
    std::erase(lost, address.id);
    if (!live)
      lost.insert(std::lower_bound(lost.begin(), lost.end(), address.id), address.id);
  }
  std::vector<Member> attention_, experts_;
  std::vector<int32_t> lost_attention_, lost_experts_;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_MEMBERS_H
