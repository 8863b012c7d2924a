//===- Schedules.h - exact schedules that follow a changing layout -*- C++ -*-===//
//
// For each of a number of steps an assignment of its active experts to hosts
// whose largest load is the least possible, kept so while the layout changes by
// a few replicas at a time. A change looks only at the steps it concerns:
//
//   - an expert that was served where its replica goes away moves to another
//     host, and load that then exceeds a_max is moved on along a path of
//     replicas, as the runtime's scheduler does (Aebs.h);
//   - a step above its limit ceil(D / n) knows a closed set: instances so full
//     that a_max cannot be less while every expert served there has all its
//     hosts there. Only a new host outside for such an expert can lower a_max.
//
// Internal to runtime/placement. One thread.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_SCHEDULES_H
#define JANUS_RUNTIME_PLACEMENT_SCHEDULES_H

#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Layout.h"

#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

/// Replicas that leave and replicas that come; each expert at most once in each.
struct LayoutChange {
  struct Replica {
    int32_t expert, instance;
  };
  Replica removed[2], added[2];
  int removals = 0, additions = 0;
};

class Schedules {
public:
  /// Steps that count `weight` each; in no order.
  struct Part {
    const ActivationWindow *window;
    int64_t weight;
  };
  /// The layout places every expert; it and nothing else outlives this.
  Schedules(Layout &layout, absl::Span<const Part> parts);

  int64_t steps() const { return steps_; }
  /// Summed weight * a_max over the steps, and what no layout can beat.
  int64_t total() const { return total_; }
  int64_t limit() const { return limit_total_; }

  /// Applies a change to the layout and the schedules, unless the total would
  /// grow by more than `most`: then nothing is changed. Gives up early where the
  /// first steps make that likely. The growth, or more than `most`.
  int64_t Try(const LayoutChange &change, int64_t most);

  /// Steps above their limit.
  int64_t loose() const { return static_cast<int64_t>(loose_list_.size()); }
  int64_t loose_step(int64_t index) const { return loose_list_[index]; }
  bool InClosedSet(int64_t step, int64_t instance) const { return closed_[step * instances_ + instance] != 0; }
  /// Host of an expert in a step, kInactive when it is not active.
  static constexpr uint16_t kInactive = UINT16_MAX;
  uint16_t host(int64_t step, int64_t expert) const { return host_[expert * steps_ + step]; }
  uint16_t load(int64_t step, int64_t instance) const { return load_[step * instances_ + instance]; }

  /// Units of work so far.
  int64_t work() const { return work_; }

private:
  struct Undo {
    int32_t step, expert;
    uint16_t host;
  };
  struct UndoLargest {
    int32_t step;
    uint16_t largest;
  };

  void Schedule(const ActivationWindow &window, int64_t at, int64_t step);
  uint16_t LeastLoaded(int64_t step, int64_t expert) const;
  void Assign(int64_t step, int64_t expert, uint16_t host);
  bool Relieve(int64_t step, int32_t start, int32_t wanted);
  /// Lowers a_max while it is above the limit and can be.
  void Lower(int64_t step);
  void KeepClosedSet(int64_t step);
  void SetLargest(int64_t step, int64_t largest);
  void ChangeStep(const LayoutChange &change, int64_t step);
  void Apply(const LayoutChange &change);
  void Revert(const LayoutChange &change);

  Layout &layout_;
  int64_t experts_, instances_, steps_, words_;
  int64_t total_ = 0, limit_total_ = 0, work_ = 0;
  std::vector<uint16_t> host_;              // [experts][steps]
  std::vector<uint16_t> load_;              // [steps][instances]
  std::vector<uint16_t> largest_, limit_;   // [steps]
  std::vector<int64_t> weight_;             // [steps]
  std::vector<uint8_t> closed_;             // [steps][instances]
  std::vector<uint64_t> active_, loose_;    // [experts][words], [words]: a bit a step
  std::vector<int32_t> loose_list_, place_; // steps above their limit; where a step stands there, or -1
  // The search of Relieve.
  std::vector<int32_t> queue_, via_, from_;
  std::vector<uint32_t> seen_;
  uint32_t stamp_ = 0;
  int32_t reached_ = 0; // instances in queue_ that were visited
  std::vector<Undo> undo_;
  std::vector<UndoLargest> undo_largest_;
  std::vector<int32_t> undo_closed_steps_;
  std::vector<uint8_t> undo_closed_; // [undo_closed_steps_][instances]
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_SCHEDULES_H
