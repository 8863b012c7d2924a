//===- PlacementManager.h - the placement of a run, while it runs -*- C++ -*-===//
//
// The runtime's driver of a Rebalancer: activity reports come in as messages,
// plans are made beside the steps, transitions go out as an EpochChange. Called
// between steps; never waits.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ENGINE_PLACEMENTMANAGER_H
#define JANUS_RUNTIME_ENGINE_PLACEMENTMANAGER_H

#include "runtime/engine/EpochChange.h"
#include "runtime/engine/PlanRunner.h"
#include "runtime/executor/Activity.h"
#include "runtime/placement/Rebalancer.h"

namespace janus {

class Controller;

class PlacementManager {
public:
  struct Setup {
    RebalanceOptions options;
    const ModelDesc *model = nullptr;  // borrowed
    std::vector<int64_t> expert_bytes; // by layer, of one expert
    int64_t spare = 0;                 // blocks for loads of each expert instance
    int64_t piece = 0;                 // the largest bytes of an expert in one message
  };
  /// `present` is the placement of the epoch that the controller names, and
  /// `last_epoch` the last one that was given to any change; the manager keeps
  /// both up to date. All three are borrowed and outlive it. The controller's
  /// listener becomes the manager's.
  PlacementManager(Setup setup, Placement &present, uint32_t &last_epoch, Controller &controller);
  ~PlacementManager();

  /// What the next step is to copy, and its epoch.
  void BeforeStep();

  /// After the last step: takes in the answers to what was ordered, so that
  /// counts are complete. Gives up after some seconds without any.
  void Settle();

  /// `present` was changed by someone else, who repairs what a lost instance
  /// leaves; what the manager had under way is void.
  void Replaced();

  const EpochChange::Counts &counts() const { return change_.counts(); }
  /// Time in which activity was counted.
  int64_t counting_ns() const { return counting_ns_; }
  const Rebalancer &rebalancer() const { return rebalancer_; }

private:
  void Receive(const Incoming &message);
  void Count(const Incoming &message);
  void Begin(Transition transition);

  Setup setup_;
  Placement &present_;
  uint32_t &last_epoch_;
  Controller &controller_;
  Rebalancer rebalancer_;
  EpochChange change_;
  PlanRunner runner_;
  ActivityReport report_; // of the last step, kept for its memory
  uint64_t counted_ = 0;  // step
  int64_t counting_ns_ = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_PLACEMENTMANAGER_H
