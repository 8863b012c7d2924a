//===- KvBudget.h - pages and sequence slots of the instances ---*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_KVBUDGET_H
#define JANUS_RUNTIME_ENGINE_KVBUDGET_H

#include <cstdint>
#include <vector>

namespace janus {

/// Which KV pages and sequence slots of each attention instance are free. The
/// lowest free number is given first, so that runs repeat.
class KvBudget {
public:
  KvBudget(int attention_instances, int64_t pages_per_instance, int64_t slots_per_instance);

  struct Reservation {
    int32_t home = -1, slot = -1; // home -1: nothing fits now
    std::vector<int32_t> pages;
  };
  /// Pages on the instance with most free ones, the lowest id of equal ones.
  Reservation Reserve(int64_t pages);
  void Release(int32_t home, int32_t slot, const std::vector<int32_t> &pages);
  /// All pages and slots of an instance are free; nothing is reserved on it
  /// unless it is `live`.
  void Reset(int32_t instance, bool live);
  int64_t pages_per_instance() const { return pages_; }

private:
  struct Instance {
    std::vector<int32_t> pages, slots; // free ones, descending
  };
  std::vector<Instance> instances_;
  int64_t pages_, slots_;
};

/// Bytes of memory this process may still take: what its control group and the
/// system leave.
int64_t AvailableMemory();

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_KVBUDGET_H
