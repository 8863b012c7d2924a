#include "runtime/executor/SlotStore.h"

#include "absl/strings/str_cat.h"
#include "janus/ABI/Kernels.h"

#include <algorithm>
#include <cstring>
#include <xxhash.h>

namespace janus::executor {
namespace {

int64_t Aligned(int64_t bytes) { return (bytes + abi::kAlignment - 1) / abi::kAlignment * abi::kAlignment; }

} // namespace

/// A load under way.
struct SlotStore::Loading {
  struct FreeState {
    void operator()(XXH3_state_t *state) const { XXH3_freeState(state); }
  };
  int64_t layer = 0, slot = 0;
  int32_t expert = -1;
  uint32_t epoch = 0;
  char *block = nullptr;              // owned
  std::vector<const void *> mapped;   // [parts], mapped
  std::vector<UncheckedWeight> parts; // what the artifact says
  int64_t done = 0, total = 0;        // bytes of the stream
  size_t part = 0;                    // where the next byte belongs
  int64_t in_part = 0;
  std::unique_ptr<XXH3_state_t, FreeState> hash; // of the part so far
};

SlotStore::SlotStore(WeightSource *source, int64_t slots, bool own, int64_t spare)
    : source(source), slots(slots), spare(spare), own(own) {}

SlotStore::~SlotStore() = default;

absl::Status SlotStore::Declare(int64_t layer, const std::string &name, int64_t experts) {
  if (layer >= static_cast<int64_t>(layers.size()))
    layers.resize(layer + 1);
  Layer &of = layers[layer];
  of.experts = experts;
  if (std::none_of(of.parts.begin(), of.parts.end(), [&](const Part &part) { return part.name == name; }))
    of.parts.push_back({name, 0, std::vector<const void *>(slots)});
  of.expert.assign(slots, -1);
  of.mapped.assign(slots, 0);
  int64_t offset = 0; // each part has room for its largest expert
  for (Part &part : of.parts) {
    part.offset = offset;
    int64_t most = 0;
    for (int64_t expert = 0; expert < experts; ++expert) {
      absl::StatusOr<int64_t> bytes = source->Bytes(part.name, expert);
      if (!bytes.ok())
        return bytes.status();
      most = std::max(most, Aligned(*bytes));
    }
    offset += most;
  }
  block_bytes = std::max(block_bytes, offset);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SlotStore::ExpertBytes(int64_t layer, int32_t expert) const {
  int64_t total = 0;
  for (const Part &part : layers[layer].parts) {
    absl::StatusOr<int64_t> bytes = source->Bytes(part.name, expert);
    if (!bytes.ok())
      return bytes.status();
    total += *bytes;
  }
  return total;
}

int64_t SlotStore::Blocks() const {
  int64_t blocks = spare;
  for (const Layer &layer : layers)
    blocks += layer.parts.empty() ? 0 : slots;
  return blocks;
}

absl::StatusOr<int64_t> SlotStore::Plan(const ExpertOf &expert_of) const {
  if (own)
    return block_bytes ? Buffer::Rounded(Blocks() * block_bytes) : 0;
  int64_t total = 0;
  for (size_t layer = 0; layer < layers.size(); ++layer)
    for (int64_t slot = 0; slot < slots && !layers[layer].parts.empty(); ++slot)
      if (const int32_t expert = expert_of(static_cast<int64_t>(layer), slot); expert >= 0) {
        absl::StatusOr<int64_t> bytes = ExpertBytes(static_cast<int64_t>(layer), expert);
        if (!bytes.ok())
          return bytes.status();
        total += *bytes;
      }
  return total;
}

int64_t SlotStore::bytes() const {
  int64_t total = memory.bytes();
  for (const Layer &layer : layers)
    for (int64_t mapped : layer.mapped)
      total += mapped;
  return total;
}

absl::Status SlotStore::Fill(const ExpertOf &expert_of) {
  if (own && block_bytes) {
    memory = Buffer(Blocks() * block_bytes);
    char *block = memory.as();
    for (Layer &layer : layers)
      for (int64_t slot = 0; slot < slots && !layer.parts.empty(); ++slot, block += block_bytes)
        layer.block.push_back(block);
    for (int64_t i = 0; i < spare; ++i, block += block_bytes)
      spares.push_back(block);
    std::reverse(spares.begin(), spares.end()); // the first is taken first
  }
  for (size_t layer = 0; layer < layers.size(); ++layer)
    for (int64_t slot = 0; slot < slots && !layers[layer].parts.empty(); ++slot)
      if (const int32_t expert = expert_of(static_cast<int64_t>(layer), slot); expert >= 0) {
        if (own) // nothing is there yet: into the slot's own block
          spares.push_back(std::exchange(layers[layer].block[slot], nullptr));
        if (absl::Status status = Load(static_cast<int64_t>(layer), slot, expert); !status.ok())
          return status;
      }
  return absl::OkStatus();
}

const void *const *SlotStore::Table(int64_t layer, const std::string &name) const {
  for (const Part &part : layers[layer].parts)
    if (part.name == name)
      return part.table.data();
  return nullptr;
}

absl::Status SlotStore::Check(int64_t layer, int64_t slot, int32_t expert) const {
  if (layer < 0 || layer >= static_cast<int64_t>(layers.size()) || layers[layer].parts.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("slots: found layer ", layer, ", expected one with experts, of ", layers.size()));
  if (slot < 0 || slot >= slots)
    return absl::InvalidArgumentError(
        absl::StrCat("slots of layer ", layer, ": found slot ", slot, ", expected one of ", slots));
  if (expert < 0 || expert >= layers[layer].experts)
    return absl::InvalidArgumentError(
        absl::StrCat("slots of layer ", layer, ": found expert ", expert, ", expected one of ", layers[layer].experts));
  return absl::OkStatus();
}

SlotStore::Loading *SlotStore::Find(int64_t layer, int64_t slot) const {
  for (const std::unique_ptr<Loading> &loading : loads)
    if (loading->layer == layer && loading->slot == slot)
      return loading.get();
  return nullptr;
}

void SlotStore::Cancel(int64_t layer, int64_t slot) {
  Loading *loading = Find(layer, slot);
  if (!loading)
    return;
  if (loading->block)
    spares.push_back(loading->block);
  std::erase_if(loads, [&](const auto &other) { return other.get() == loading; });
}

void SlotStore::CancelUpTo(uint32_t epoch) {
  for (size_t i = loads.size(); i-- > 0;)
    if (loads[i]->epoch <= epoch)
      Cancel(loads[i]->layer, loads[i]->slot);
}

absl::Status SlotStore::Fail(const Loading &loading, const absl::Status &status) {
  const absl::Status named(status.code(), absl::StrCat("expert ", loading.expert, " for slot ", loading.slot,
                                                       " of layer ", loading.layer, ": ", status.message()));
  Cancel(loading.layer, loading.slot);
  return named;
}

absl::Status SlotStore::Begin(int64_t layer, int64_t slot, int32_t expert, uint32_t epoch) {
  if (absl::Status status = Check(layer, slot, expert); !status.ok())
    return status;
  Cancel(layer, slot);
  if (own && spares.empty())
    return absl::ResourceExhaustedError(absl::StrCat("slots: all ", spare,
                                                     " spare blocks are in use, expected one for "
                                                     "expert ",
                                                     expert, " of layer ", layer));
  loads.push_back(std::make_unique<Loading>());
  Loading &loading = *loads.back();
  loading.layer = layer, loading.slot = slot, loading.expert = expert, loading.epoch = epoch;
  for (const Part &part : layers[layer].parts) {
    absl::StatusOr<UncheckedWeight> weight = source->Unchecked(part.name, expert);
    if (!weight.ok())
      return Fail(loading, weight.status());
    loading.parts.push_back(*weight);
    loading.total += weight->bytes;
  }
  if (!own)
    return absl::OkStatus();
  loading.block = spares.back();
  spares.pop_back();
  loading.hash.reset(XXH3_createState());
  if (!loading.hash)
    return Fail(loading, absl::ResourceExhaustedError("no memory for a checksum"));
  XXH3_64bits_reset(loading.hash.get());
  return absl::OkStatus();
}

absl::Status SlotStore::Map(Loading &loading) {
  for (const Part &part : layers[loading.layer].parts) {
    absl::StatusOr<WeightView> view = source->Expert(part.name, loading.expert);
    if (!view.ok())
      return view.status();
    loading.mapped.push_back(view->data);
  }
  loading.done = loading.total;
  return absl::OkStatus();
}

/// Takes the next bytes of the stream; they lie in one part.
absl::Status SlotStore::Append(Loading &loading, const char *bytes, int64_t count) {
  const Part &part = layers[loading.layer].parts[loading.part];
  const UncheckedWeight &expected = loading.parts[loading.part];
  char *to = loading.block + part.offset;
  std::memcpy(to + loading.in_part, bytes, count);
  XXH3_64bits_update(loading.hash.get(), to + loading.in_part, count); // of what has arrived, not of what was sent
  loading.in_part += count;
  loading.done += count;
  if (loading.in_part < expected.bytes)
    return absl::OkStatus();
  if (XXH3_64bits_digest(loading.hash.get()) != expected.hash)
    return absl::DataLossError(absl::StrCat("weight '", part.name,
                                            "' does not match its checksum; the artifact, or the "
                                            "slot it was copied from, is damaged"));
  std::memset(to + expected.bytes, 0, Aligned(expected.bytes) - expected.bytes); // kernels read up to here
  XXH3_64bits_reset(loading.hash.get());
  loading.in_part = 0;
  ++loading.part;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SlotStore::CopyFromSource(int64_t layer, int64_t slot, int64_t most) {
  Loading *loading = Find(layer, slot);
  if (!loading)
    return absl::FailedPreconditionError(absl::StrCat("slot ", slot, " of layer ", layer, ": no load is under way"));
  if (!own && loading->done < loading->total)
    if (absl::Status status = Map(*loading); !status.ok())
      return Fail(*loading, status);
  while (most > 0 && loading->done < loading->total) {
    const UncheckedWeight &part = loading->parts[loading->part];
    const int64_t count = std::min(most, part.bytes - loading->in_part);
    if (absl::Status status = Append(*loading, static_cast<const char *>(part.data) + loading->in_part, count);
        !status.ok())
      return Fail(*loading, status);
    most -= count;
  }
  return loading->total - loading->done;
}

absl::StatusOr<int64_t> SlotStore::Write(int64_t layer, int64_t slot, int64_t offset, absl::Span<const char> bytes) {
  Loading *loading = Find(layer, slot);
  if (!loading || !own)
    return absl::FailedPreconditionError(
        absl::StrCat("slot ", slot, " of layer ", layer, ": ", own ? "no load is under way" : "it owns no bytes"));
  const auto size = static_cast<int64_t>(bytes.size());
  if (offset != loading->done || size > loading->total - loading->done)
    return absl::InvalidArgumentError(absl::StrCat("slot ", slot, " of layer ", layer, ": found ", size, " bytes at ",
                                                   offset, ", expected at most ", loading->total - loading->done,
                                                   " at ", loading->done));
  for (int64_t at = 0; at < size;) {
    const int64_t count = std::min(size - at, loading->parts[loading->part].bytes - loading->in_part);
    if (absl::Status status = Append(*loading, bytes.data() + at, count); !status.ok())
      return Fail(*loading, status);
    at += count;
  }
  return loading->total - loading->done;
}

absl::Status SlotStore::Read(int64_t layer, int64_t slot, int64_t offset, absl::Span<char> out) const {
  const int32_t held = layer >= 0 && layer < static_cast<int64_t>(layers.size()) && slot >= 0 && slot < slots &&
                               !layers[layer].parts.empty()
                           ? expert(layer, slot)
                           : -1;
  if (held < 0)
    return absl::FailedPreconditionError(absl::StrCat("slot ", slot, " of layer ", layer, ": holds no expert to send"));
  int64_t begin = 0;
  const int64_t end = offset + static_cast<int64_t>(out.size());
  for (const Part &part : layers[layer].parts) {
    absl::StatusOr<int64_t> bytes = source->Bytes(part.name, held);
    if (!bytes.ok())
      return bytes.status();
    const int64_t from = std::max(begin, offset), to = std::min(begin + *bytes, end);
    if (from < to)
      std::memcpy(out.data() + (from - offset), static_cast<const char *>(part.table[slot]) + (from - begin),
                  to - from);
    begin += *bytes;
  }
  return offset >= 0 && end <= begin
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat("slot ", slot, " of layer ", layer, ": asked for bytes ", offset,
                                                       " to ", end, ", expected at most ", begin));
}

bool SlotStore::holds(int64_t layer, int64_t slot, int32_t expert) const {
  return Check(layer, slot, expert).ok() && layers[layer].expert[slot] == expert;
}

int64_t SlotStore::position(int64_t layer, int64_t slot, int32_t expert, uint32_t epoch) const {
  const Loading *loading = Find(layer, slot);
  return loading && loading->expert == expert && loading->epoch == epoch ? loading->done : -1;
}

bool SlotStore::loaded(int64_t layer, int64_t slot, int32_t expert) const {
  const Loading *loading = Find(layer, slot);
  return loading && loading->expert == expert && loading->done == loading->total;
}

absl::Status SlotStore::Commit(int64_t layer, int64_t slot) {
  Loading *loading = Find(layer, slot);
  if (!loading || loading->done < loading->total)
    return absl::FailedPreconditionError(
        absl::StrCat("slot ", slot, " of layer ", layer, ": its load is not complete; expected all bytes, verified"));
  Layer &of = layers[layer];
  for (size_t part = 0; part < of.parts.size(); ++part)
    of.parts[part].table[slot] = own ? loading->block + of.parts[part].offset : loading->mapped[part];
  of.expert[slot] = loading->expert;
  if (own) {
    std::swap(of.block[slot], loading->block);
    if (loading->block)
      spares.push_back(loading->block);
  } else {
    of.mapped[slot] = loading->total;
  }
  std::erase_if(loads, [&](const auto &other) { return other.get() == loading; });
  return absl::OkStatus();
}

void SlotStore::Evict(int64_t layer, int64_t slot) {
  Layer &of = layers[layer];
  for (Part &part : of.parts)
    part.table[slot] = nullptr;
  of.expert[slot] = -1;
  of.mapped[slot] = 0;
}

absl::Status SlotStore::Load(int64_t layer, int64_t slot, int32_t expert) {
  if (absl::Status status = Begin(layer, slot, expert); !status.ok())
    return status;
  if (absl::StatusOr<int64_t> left = CopyFromSource(layer, slot, INT64_MAX); !left.ok())
    return left.status();
  return Commit(layer, slot);
}

} // namespace janus::executor
