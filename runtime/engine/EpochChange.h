//===- EpochChange.h - a transition by messages -----------------*- C++ -*-===//
//
// The controller's side of runtime/executor/Orders.h: orders the loads of a
// transition piece by piece, and when all are confirmed announces the epoch to
// every live instance. When all of them are ready the caller names the epoch in
// the next step's descriptor. Nothing here waits: steps go on meanwhile.
//
//   change.Begin(transition, present, alive);
//   before each step:  change.Advance(budget, largest);
//   for each message of phase kLoaded or kReady:  change.Receive(message);
//   once ready():      descriptor.epoch = change.epoch(), and after a step that
//                      succeeded with it  change.End();
//
// Who cannot go on without the loads, for an expert that lived on a dead
// instance only, calls Advance with no bounds and polls until ready().
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ENGINE_EPOCHCHANGE_H
#define JANUS_RUNTIME_ENGINE_EPOCHCHANGE_H

#include "runtime/placement/Transition.h"
#include "runtime/transport/Transport.h"

#include <map>
#include <optional>
#include <vector>

namespace janus {

class EpochChange {
public:
  /// `endpoint` is the controller's.
  explicit EpochChange(Endpoint &endpoint) : endpoint_(&endpoint) {}

  /// `transition` follows `present`, whose epoch is below that of its placement;
  /// epochs never come twice, also when a change failed. `alive`: the instances
  /// that take part. One that was under way is given up.
  void Begin(Transition transition, const Placement &present, std::vector<Address> alive);
  /// Posts orders of at most `budget` bytes, in pieces of at most `largest`, and
  /// announcements, as far as there is credit. Once a step. At most
  /// kUnderWay pieces wait at an instance, so that what else the controller has
  /// to say finds credit even if it cannot send them on.
  void Advance(int64_t budget, int64_t largest);
  /// Takes in a message of phase kLoaded or kReady; others are ignored.
  void Receive(const Incoming &message);
  /// It took effect, or is not wanted any more.
  void End() { transition_.reset(); }

  bool active() const { return transition_.has_value(); }
  /// From now on steps name the epoch; it cannot fail any more.
  void Name() { named_ = true; }
  bool named() const { return named_; }
  /// Every instance is ready.
  bool ready() const { return active() && status_.ok() && announced_ && waiting_for_.empty(); }
  uint32_t epoch() const { return transition_ ? transition_->next().epoch() : 0; }
  const Transition &transition() const { return *transition_; }
  /// Why it cannot be completed: what an instance reported, DeadlineExceeded
  /// after kPatience calls of Advance without news.
  const absl::Status &status() const { return status_; }
  /// Over all changes, those that were given up included.
  struct Counts {
    int64_t pieces = 0, loaded_bytes = 0;    // confirmed; bytes of complete loads
    int64_t peer_pieces = 0, peer_bytes = 0; // of these, from peers
    int64_t announced = 0;                   // epochs
    int64_t announcements = 0, ready = 0;    // messages posted; answers
  };
  const Counts &counts() const { return counts_; }
  /// Nothing that was posted for the change under way awaits an answer.
  bool settled() const {
    return !active() || !status_.ok() || (outstanding_.empty() && (!announced_ || waiting_for_.empty()));
  }

private:
  static constexpr int kPatience = 1024, kUnderWay = 8;
  bool Post(Address to, Phase phase, int32_t layer, const std::vector<char> &bytes);
  bool PostPiece(const Transition::Piece &piece);
  void Announce();
  std::string Awaited() const;

  Endpoint *endpoint_;
  std::optional<Transition> transition_;
  uint32_t base_ = 0;
  std::vector<Address> alive_, waiting_for_; // those that have not said ready
  struct Announcement {
    Address to;
    int32_t layer;
    std::vector<char> bytes;
  };
  std::vector<Announcement> announcements_; // that wait for credit, last first
  std::vector<int64_t> changed_;            // layers
  bool announced_ = false, named_ = false;
  int quiet_ = 0;                          // calls of Advance since there was news
  std::map<Address, int64_t> outstanding_; // pieces that were ordered and not confirmed, by who is to send or copy them
  uint64_t orders_ = 0;
  Counts counts_;
  absl::Status status_;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_EPOCHCHANGE_H
