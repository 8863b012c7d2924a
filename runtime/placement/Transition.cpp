#include "runtime/placement/Transition.h"

#include <algorithm>
#include <utility>

namespace janus {
namespace {

bool Dead(const Placement &placement, int64_t instance) {
  return std::binary_search(placement.dead().begin(), placement.dead().end(), static_cast<int32_t>(instance));
}

/// The peer that holds the expert of `move` and has least to send, if there is one.
void ChooseSource(const Placement &present, const Placement &next, std::vector<int64_t> &sends, Move &move) {
  const scheduler::ReplicaList table = present.replicas(move.layer);
  for (int32_t r = table.begin[move.expert]; r < table.begin[move.expert + 1]; ++r) {
    const int32_t host = table.instance[r];
    if (host >= 0 && host != move.to && !Dead(next, host) && (move.from < 0 || sends[host] < sends[move.from]))
      move.from = host, move.from_slot = static_cast<int32_t>(table.slot[r] % present.shape().slots);
  }
  if (move.from >= 0)
    sends[move.from] += move.bytes;
}

} // namespace

std::vector<Move> MovesBetween(const Placement &present, const Placement &next, absl::Span<const int64_t> bytes,
                               bool peers) {
  std::vector<Move> moves;
  std::vector<int64_t> sends(next.shape().instances);
  for (int64_t layer = 0; layer < next.layers(); ++layer)
    for (int64_t g = 0; g < next.shape().instances; ++g)
      for (int64_t slot = 0; slot < next.shape().slots && !Dead(next, g); ++slot) {
        const int32_t expert = next.expert(layer, g, slot);
        if (expert < 0 || expert == present.expert(layer, g, slot))
          continue;
        Move move = {static_cast<int32_t>(layer),
                     expert,
                     static_cast<int32_t>(g),
                     static_cast<int32_t>(slot),
                     -1,
                     0,
                     bytes[layer]};
        if (peers)
          ChooseSource(present, next, sends, move);
        moves.push_back(move);
      }
  return moves;
}

Transition::Transition(Placement next, std::vector<Move> moves)
    : next_(std::move(next)), moves_(std::move(moves)), progress_(moves_.size()), left_(moves_.size()) {}

int64_t Transition::bytes() const {
  int64_t total = 0;
  for (const Move &move : moves_)
    total += move.bytes;
  return total;
}

bool Transition::Next(int64_t most, Piece &piece) {
  for (size_t i = 0; i < moves_.size() && most > 0; ++i) {
    Progress &progress = progress_[i];
    if (progress.waiting || progress.done >= moves_[i].bytes)
      continue;
    piece = {i, progress.done, std::min(most, moves_[i].bytes - progress.done)};
    progress.waiting = true;
    return true;
  }
  return false;
}

void Transition::Withdraw(const Piece &piece) { progress_[piece.move].waiting = false; }

bool Transition::Confirm(int32_t layer, int32_t to, int32_t slot, int64_t done, int64_t total, Piece *piece) {
  for (size_t i = 0; i < moves_.size(); ++i) {
    Progress &progress = progress_[i];
    if (moves_[i].layer != layer || moves_[i].to != to || moves_[i].slot != slot)
      continue;
    if (!progress.waiting || done <= progress.done)
      return false;
    if (piece)
      *piece = {i, progress.done, done - progress.done};
    moves_[i].bytes = total;
    progress = {done, false};
    left_ -= done >= total;
    return true;
  }
  return false;
}

} // namespace janus
