//===- Orders.h - how a placement changes while steps go on -----*- C++ -*-===//
//
// Messages of docs/online.md, and what they hold. None is of a step: they are
// numbered (MessageName::step), and named by the epoch they prepare, which is
// above the present one; those of a present or earlier epoch are dropped.
//
//   controller            destination            source
//       ──load, from the artifact──>                      a piece of an expert
//       ──load, from a peer─────────────────────────>
//                              <────────weights──────     the piece
//       <────────loaded─────────                          how far the load is
//   ... until all loads of the epoch are complete, then to every instance
//       ──epoch─────────────────> one message a changed layer
//       <────────ready───────────
//   the descriptor of the next step names the epoch: each instance switches.
//
// A load goes on aside (SlotStore.h) and one piece of it is under way at a
// time; a piece that is not the next one is dropped. A load of a later epoch
// begins anew at offset 0 and voids all of earlier ones: the controller begins
// a change when the one before it has taken effect or was given up.
//
// Decode checks lengths and enums; whoever carries out an order checks indices.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_ORDERS_H
#define JANUS_RUNTIME_EXECUTOR_ORDERS_H

#include "absl/status/status.h"
#include "absl/types/span.h"

#include <cstdint>
#include <string>
#include <vector>

namespace janus {

struct PlacementShape;

/// Phase kLoad, controller to expert instance: bytes [offset, offset + bytes)
/// of the expert's stream (all of them at once where slots are mapped).
struct LoadOrder {
  int32_t layer = 0, slot = 0; // of the destination
  int32_t expert = 0;
  int32_t to = 0; // the destination, an expert instance
  int32_t from_slot =
      -1; // of the receiver, who sends the piece to `to`; -1: the receiver is `to` and copies from the artifact
  int32_t reserved = 0;
  int64_t offset = 0, bytes = 0;
};

/// Phase kWeights, expert instance to expert instance: the head of a piece.
struct WeightsHead {
  int32_t layer = 0, slot = 0, expert = 0, reserved = 0;
  int64_t offset = 0;
};

/// Phase kLoaded, expert instance to controller, after each piece.
struct LoadReport {
  int32_t layer = 0, slot = 0, expert = 0;
  int32_t error_code = 0;      // absl status code; the load is forgotten then
  int64_t done = 0, total = 0; // complete and verified when equal
  std::string error;
};

/// Phase kEpoch, controller to every instance: a layer of the next epoch's
/// placement. Layers without a message stay as they are.
struct EpochPart {
  uint32_t base = 0;          // the epoch it follows; those after it that were announced are void
  int32_t parts = 0;          // messages of this epoch, at least 1
  int32_t layer = -1;         // -1: none; only `dead` changes
  std::vector<int32_t> dead;  // expert instances, ascending; the same in every part
  std::vector<int32_t> slots; // [instances * slots] expert or -1
};

/// Phase kReady, every instance to controller.
struct ReadyReport {
  int32_t error_code = 0;
  std::string error;
};

/// Their bytes. The largest piece is given by whoever orders it.
std::vector<char> Encode(const LoadOrder &order);
std::vector<char> Encode(const WeightsHead &head);
std::vector<char> Encode(const LoadReport &report);
std::vector<char> Encode(const EpochPart &part);
std::vector<char> Encode(const ReadyReport &report);
absl::Status Decode(absl::Span<const char> bytes, LoadOrder &out);
/// The piece follows the head.
absl::Status Decode(absl::Span<const char> bytes, WeightsHead &out, absl::Span<const char> &piece);
absl::Status Decode(absl::Span<const char> bytes, LoadReport &out);
absl::Status Decode(absl::Span<const char> bytes, EpochPart &out);
absl::Status Decode(absl::Span<const char> bytes, ReadyReport &out);

/// The largest of these messages, with pieces of at most `piece` bytes.
int64_t MaxOrderBytes(const PlacementShape &shape, int64_t piece);

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_ORDERS_H
