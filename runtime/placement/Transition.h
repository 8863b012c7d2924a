//===- Transition.h - from one placement to the next ------------*- C++ -*-===//
//
// Which experts have to be loaded where, and how far that is. Knows no clock,
// thread or message: whoever drives it says how many bytes may be ordered now
// and what was confirmed (the controller by messages, docs/online.md; a replay
// by itself).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_TRANSITION_H
#define JANUS_RUNTIME_PLACEMENT_TRANSITION_H

#include "absl/types/span.h"
#include "runtime/placement/Placement.h"

#include <cstdint>
#include <vector>

namespace janus {

/// An expert on its way into a slot.
struct Move {
  int32_t layer = 0, expert = 0;
  int32_t to = 0, slot = 0;         // instance and its slot
  int32_t from = -1, from_slot = 0; // a peer that holds it; -1: from the artifact
  int64_t bytes = 0;                // of the expert in this layer
};

/// What `next` needs that does not lie there in `present`, in order of layer,
/// instance and slot. bytes[layer] are those of one expert. With `peers` a move
/// comes from the other live instance that holds the expert and has least to
/// send so far (ties: the lower), else, and without one, from the artifact. Dead
/// instances of `next` get nothing.
std::vector<Move> MovesBetween(const Placement &present, const Placement &next, absl::Span<const int64_t> bytes,
                               bool peers);

class Transition {
public:
  Transition(Placement next, std::vector<Move> moves);

  const Placement &next() const { return next_; }
  const std::vector<Move> &moves() const { return moves_; }
  int64_t bytes() const;

  struct Piece {
    size_t move = 0;
    int64_t offset = 0, bytes = 0;
  };
  /// The next piece to be ordered: of the first move that has none under way, at
  /// most `most` bytes. False when there is none.
  bool Next(int64_t most, Piece &piece);
  /// A piece that was given could not be ordered: it is given again.
  void Withdraw(const Piece &piece);
  /// The load of that slot is at `done` bytes. False if that is news of no move
  /// here. A load of another size than Move::bytes has `total`. `piece`: what was
  /// confirmed.
  bool Confirm(int32_t layer, int32_t to, int32_t slot, int64_t done, int64_t total, Piece *piece = nullptr);
  /// All moves are confirmed.
  bool loaded() const { return left_ == 0; }

private:
  struct Progress {
    int64_t done = 0;
    bool waiting = false; // for the confirmation of a piece
  };
  Placement next_;
  std::vector<Move> moves_;
  std::vector<Progress> progress_;
  size_t left_ = 0; // moves that are not complete
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_TRANSITION_H
