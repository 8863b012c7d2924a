//===- SlotStore.h - the bytes of an expert instance's slots ----*- C++ -*-===//
//
// A slot of a layer holds one expert: its part of every weight of the layer
// that is addressable by expert. Calls read slots through tables, an address
// for each slot and weight; the tables never move, their entries do.
//
//   mapped   An entry points into the mapped artifact. Nothing is copied and a
//            start costs no more than verifying checksums. A load maps the
//            pages of the new expert and verifies them.
//   owned    All slots, and `spare` blocks more, are memory of the instance,
//            allocated when it is created. A load copies into a spare block,
//            piece by piece; when it takes effect the block that the slot had
//            becomes spare. Blocks are of one size, that of the largest expert
//            of any layer, so that a spare block serves every layer.
//
// A load goes on aside: until Commit the slot keeps its expert and may be read.
//
//   store.Begin(layer, slot, expert);
//   while (left > 0) left = *store.CopyFromSource(layer, slot, budget);
//   store.Commit(layer, slot);
//
// Load() is these three at once, for who cannot wait: an expert that lived on
// a dead instance only. Bytes of an expert are a stream: its weights in the
// order in which they were declared, without gaps. Each weight's XXH3-64 is
// compared with the artifact's when its last byte has come, whether the bytes
// came from the artifact or from a peer.
//
// Used by the instance's thread. Mapped slots allocate when a load begins,
// owned ones a hash state; neither while bytes are copied.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_SLOTSTORE_H
#define JANUS_RUNTIME_EXECUTOR_SLOTSTORE_H

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/executor/Buffer.h"
#include "runtime/executor/WeightSource.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace janus::executor {

class SlotStore {
public:
  /// `slots` of each layer. `spare` blocks are for loads; mapped slots need none.
  SlotStore(WeightSource *source, int64_t slots, bool own, int64_t spare);
  ~SlotStore();
  SlotStore(const SlotStore &) = delete;
  SlotStore &operator=(const SlotStore &) = delete;

  // --- creation, in this order
  /// The layer reads this weight, of `experts` experts. Twice is once.
  absl::Status Declare(int64_t layer, const std::string &name, int64_t experts);
  using ExpertOf = std::function<int32_t(int64_t layer, int64_t slot)>; // -1: empty
  /// What bytes() will be after Fill. Allocates nothing and reads no weight.
  absl::StatusOr<int64_t> Plan(const ExpertOf &expert_of) const;
  /// Allocates, and gives every slot its expert. Throws bad_alloc.
  absl::Status Fill(const ExpertOf &expert_of);
  /// The table of a declared weight, [slots]; null in an empty slot. Its
  /// address stays.
  const void *const *Table(int64_t layer, const std::string &name) const;

  // --- what is there
  bool owned() const { return own; }
  int64_t bytes() const;
  /// Expert in a slot, -1 when empty.
  int32_t expert(int64_t layer, int64_t slot) const { return layers[layer].expert[slot]; }
  /// Whether there is such a slot and it holds the expert.
  bool holds(int64_t layer, int64_t slot, int32_t expert) const;
  /// Bytes of an expert's stream.
  absl::StatusOr<int64_t> ExpertBytes(int64_t layer, int32_t expert) const;

  // --- loads, one at a time for each slot
  /// A load that the slot had is forgotten. `epoch` tells loads apart.
  /// InvalidArgument: no such layer, slot or expert. ResourceExhausted: no spare
  /// block.
  absl::Status Begin(int64_t layer, int64_t slot, int32_t expert, uint32_t epoch = 0);
  /// Copies at most `most` bytes from the artifact; how many are left. DataLoss:
  /// a checksum differs; the load is forgotten then. Mapped slots take all at once.
  absl::StatusOr<int64_t> CopyFromSource(int64_t layer, int64_t slot, int64_t most);
  /// Bytes of the stream that a peer sent; how many are left. `offset` is where
  /// the load stands (position()). DataLoss as above.
  absl::StatusOr<int64_t> Write(int64_t layer, int64_t slot, int64_t offset, absl::Span<const char> bytes);
  /// Fills `out` with the stream of a slot's present expert from `offset` on,
  /// for a peer.
  absl::Status Read(int64_t layer, int64_t slot, int64_t offset, absl::Span<char> out) const;
  /// How far the load of this expert into the slot is; -1: there is none.
  int64_t position(int64_t layer, int64_t slot, int32_t expert, uint32_t epoch = 0) const;
  /// Whether a load of the expert, of any epoch, is complete and verified.
  bool loaded(int64_t layer, int64_t slot, int32_t expert) const;
  void Cancel(int64_t layer, int64_t slot);
  /// Forgets the loads of all epochs up to this one.
  void CancelUpTo(uint32_t epoch);
  /// The slot holds the loaded expert from now on. FailedPrecondition: the load
  /// is not complete.
  absl::Status Commit(int64_t layer, int64_t slot);
  /// The slot is empty from now on.
  void Evict(int64_t layer, int64_t slot);
  /// Begin, all of CopyFromSource, Commit.
  absl::Status Load(int64_t layer, int64_t slot, int32_t expert);

private:
  struct Part {
    std::string name;
    int64_t offset = 0;              // in a block
    std::vector<const void *> table; // [slots]
  };
  struct Layer {
    int64_t experts = 0;
    std::vector<Part> parts;
    std::vector<int32_t> expert; // [slots]
    std::vector<char *> block;   // [slots], owned
    std::vector<int64_t> mapped; // [slots] bytes, mapped
  };
  struct Loading;

  absl::Status Check(int64_t layer, int64_t slot, int32_t expert) const;
  int64_t Blocks() const; // all, owned
  Loading *Find(int64_t layer, int64_t slot) const;
  absl::Status Map(Loading &loading);
  absl::Status Append(Loading &loading, const char *bytes, int64_t count);
  /// The loading is forgotten; `status` with its name.
  absl::Status Fail(const Loading &loading, const absl::Status &status);

  WeightSource *source;
  int64_t slots, spare;
  bool own;
  std::vector<Layer> layers;
  int64_t block_bytes = 0;
  Buffer memory;              // owned: blocks of all slots of layers with weights, then the spare ones
  std::vector<char *> spares; // free ones
  std::vector<std::unique_ptr<Loading>> loads;
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_SLOTSTORE_H
