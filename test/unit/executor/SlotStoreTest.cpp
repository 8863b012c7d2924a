// Slots hold what the artifact says, mapped or owned, from the start, after a load and while one goes on.
#include "runtime/executor/SlotStore.h"
#include "test/unit/base/CountAllocations.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <map>
#include <xxhash.h>

namespace janus::executor {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kExperts = 5, kSlots = 2;
constexpr int64_t kFirst = 1, kLast = 3; // layers with experts; 0 and 2 have none
int32_t None(int64_t, int64_t) { return -1; }
/// Expert 1 and 2 in the first layer, expert 4 and nothing in the last.
int32_t Held(int64_t layer, int64_t slot) { return static_cast<int32_t>(layer == kFirst ? 1 + slot : slot ? -1 : 4); }

/// Weights "a1", "b1", "a3", "b3" with bytes of their own for each expert. Sizes are no multiple of the alignment, and
/// those of "b" differ by expert.
class Weights : public WeightSource {
public:
  Weights() {
    for (const char *name : {"a1", "b1", "a3", "b3"})
      for (int64_t expert = 0; expert < kExperts; ++expert) {
        std::string &bytes = all[{name, expert}];
        bytes.resize(name[0] == 'a' ? 100 : name[1] == '1' ? 40 + 30 * expert : 999);
        for (size_t i = 0; i < bytes.size(); ++i)
          bytes[i] = static_cast<char>(7 * i + 31 * expert + name[0] + 3 * name[1] + i / 50);
        hashes[{name, expert}] = XXH3_64bits(bytes.data(), bytes.size());
      }
  }
  absl::StatusOr<int64_t> Experts(const std::string &) override { return kExperts; }
  absl::StatusOr<int64_t> Bytes(const std::string &name, int64_t expert) override {
    return static_cast<int64_t>(all[{name, expert}].size());
  }
  absl::StatusOr<WeightView> Tensor(const std::string &) override { return absl::NotFoundError("none"); }
  absl::StatusOr<WeightView> Expert(const std::string &name, int64_t expert) override {
    const std::string &bytes = all[{name, expert}];
    if (XXH3_64bits(bytes.data(), bytes.size()) != hashes[{name, expert}])
      return absl::DataLossError("damaged");
    return WeightView{bytes.data(), static_cast<int64_t>(bytes.size())};
  }
  absl::StatusOr<UncheckedWeight> Unchecked(const std::string &name, int64_t expert) override {
    const std::string &bytes = all[{name, expert}];
    return UncheckedWeight{bytes.data(), static_cast<int64_t>(bytes.size()), hashes[{name, expert}]};
  }
  std::string Stream(int64_t layer, int64_t expert) {
    return all[{absl::StrCat("a", layer), expert}] + all[{absl::StrCat("b", layer), expert}];
  }
  std::map<std::pair<std::string, int64_t>, std::string> all;

private:
  std::map<std::pair<std::string, int64_t>, uint64_t> hashes;
};

struct Store : SlotStore {
  Store(Weights &weights, bool own, int64_t spare = 1) : SlotStore(&weights, kSlots, own, spare), weights(weights) {
    for (const char *name : {"a1", "b1", "a3", "b3", "a3"}) // the last one again: another call of the layer
      EXPECT_TRUE(Declare(name[1] - '0', name, kExperts).ok());
  }
  /// Through the tables, as a call reads it, with what follows up to the alignment.
  void ExpectHolds(int64_t layer, int64_t slot, int64_t expert) {
    EXPECT_EQ(this->expert(layer, slot), expert);
    for (const char *kind : {"a", "b"}) {
      const std::string name = absl::StrCat(kind, layer);
      const void *data = Table(layer, name)[slot];
      if (expert < 0) {
        EXPECT_EQ(data, nullptr);
        continue;
      }
      std::string bytes = weights.all[{name, expert}];
      ASSERT_NE(data, nullptr);
      EXPECT_EQ(std::string_view(static_cast<const char *>(data), bytes.size()), bytes) << name;
      if (owned()) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
        const std::string zeros((64 - bytes.size() % 64) % 64, '\0');
        EXPECT_EQ(std::string_view(static_cast<const char *>(data) + bytes.size(), zeros.size()), zeros) << name;
      }
    }
  }
  Weights &weights;
};

TEST(SlotStore, MappedSlotsReferToTheArtifact) {
  Weights weights;
  Store store(weights, false);
  const int64_t planned = *store.Plan(Held);
  ASSERT_TRUE(store.Fill(Held).ok());
  EXPECT_EQ(store.bytes(), planned);
  EXPECT_EQ(planned, 100 + 70 + 100 + 100 + 100 + 999);
  EXPECT_EQ(store.Table(kFirst, "a1")[1], (weights.all[{"a1", 2}].data()));
  const void *const *table = store.Table(kFirst, "b1");
  ASSERT_TRUE(store.Load(kFirst, 1, 3).ok());
  EXPECT_EQ(store.Table(kFirst, "b1"), table) << "calls keep its address";
  store.ExpectHolds(kFirst, 0, 1);
  store.ExpectHolds(kFirst, 1, 3);
  EXPECT_EQ(store.bytes(), planned + 30);
  store.Evict(kFirst, 1);
  store.ExpectHolds(kFirst, 1, -1);
  EXPECT_EQ(store.bytes(), planned - 200);
}

TEST(SlotStore, OwnedSlotsAreCopies) {
  Weights weights;
  Store store(weights, true);
  const int64_t planned = *store.Plan(Held);
  ASSERT_TRUE(store.Fill(Held).ok());
  EXPECT_EQ(store.bytes(), planned);
  EXPECT_EQ(planned,
            5 * (128 + 1024)); // two slots in two layers and a spare block, each as large as the largest expert
  for (int64_t layer : {kFirst, kLast})
    for (int64_t slot = 0; slot < kSlots; ++slot)
      store.ExpectHolds(layer, slot, Held(layer, slot));
  weights.all[{"a1", 1}].assign(100, 'x'); // whoever still refers to the artifact sees it
  EXPECT_NE(static_cast<const char *>(store.Table(kFirst, "a1")[0])[0], 'x');
}

/// A slot keeps its expert until the load takes effect; then its block serves the next load, of any layer.
TEST(SlotStore, LoadsGoOnAside) {
  Weights weights;
  Store store(weights, true);
  ASSERT_TRUE(store.Fill(Held).ok());
  for (const auto &[layer, slot, expert] : {std::tuple(kLast, 1, 0), {kFirst, 0, 4}, {kFirst, 1, 0}, {kLast, 0, 3}}) {
    const int32_t before = store.expert(layer, slot);
    ASSERT_TRUE(store.Begin(layer, slot, expert).ok());
    EXPECT_THAT(std::string(store.Commit(layer, slot).message()), HasSubstr("not complete"));
    const int64_t total = *store.ExpertBytes(layer, expert), allocations = CountAllocations();
    int64_t left = total;
    while (left > 7) {
      left = *store.CopyFromSource(layer, slot, 7);
      ASSERT_EQ(store.position(layer, slot, expert), total - left);
    }
    EXPECT_EQ(CountAllocations(), allocations);
    EXPECT_FALSE(store.loaded(layer, slot, expert));
    store.ExpectHolds(layer, slot, before);
    EXPECT_EQ(*store.CopyFromSource(layer, slot, 7), 0);
    EXPECT_TRUE(store.loaded(layer, slot, expert));
    store.ExpectHolds(layer, slot, before);
    ASSERT_TRUE(store.Commit(layer, slot).ok());
    store.ExpectHolds(layer, slot, expert);
  }
  EXPECT_EQ(store.bytes(), *store.Plan(None));
}

TEST(SlotStore, BytesOfAPeer) {
  Weights weights;
  Store from(weights, true), to(weights, true);
  ASSERT_TRUE(from.Fill(Held).ok() && to.Fill(Held).ok());
  ASSERT_TRUE(from.Load(kFirst, 0, 4).ok());
  ASSERT_TRUE(to.Begin(kFirst, 1, 4).ok());
  const std::string stream = weights.Stream(kFirst, 4);
  char piece[33];
  for (int64_t at = 0, size = static_cast<int64_t>(stream.size()); at < size;) {
    const int64_t count = std::min<int64_t>(sizeof(piece), size - at);
    ASSERT_TRUE(from.Read(kFirst, 0, at, absl::MakeSpan(piece, count)).ok());
    EXPECT_EQ(std::string_view(piece, count), std::string_view(stream).substr(at, count));
    EXPECT_FALSE(to.Write(kFirst, 1, at + 1, absl::MakeConstSpan(piece, count)).ok()) << "bytes are missing";
    ASSERT_EQ(*to.Write(kFirst, 1, at, absl::MakeConstSpan(piece, count)), size - at - count);
    at += count;
  }
  EXPECT_THAT(std::string(from.Read(kFirst, 0, stream.size() - 1, absl::MakeSpan(piece, 2)).message()),
              HasSubstr("at most 260"));
  EXPECT_THAT(std::string(from.Read(kLast, 1, 0, absl::MakeSpan(piece, 2)).message()), HasSubstr("holds no expert"));
  EXPECT_FALSE(to.Write(kFirst, 1, stream.size(), absl::MakeConstSpan(piece, 1)).ok()) << "there is no more";
  ASSERT_TRUE(to.Commit(kFirst, 1).ok());
  to.ExpectHolds(kFirst, 1, 4);
}

TEST(SlotStore, DamageIsFoundAndTheSlotKeepsItsExpert) {
  Weights weights;
  for (bool own : {false, true}) {
    Store store(weights, own);
    ASSERT_TRUE(store.Fill(Held).ok());
    std::string &bytes = weights.all[{"b1", 0}];
    bytes[17] ^= 1;
    for (int again = 0; again < 3; ++again) { // the spare block comes back
      ASSERT_TRUE(store.Begin(kFirst, 0, 0).ok());
      const absl::Status status = store.CopyFromSource(kFirst, 0, INT64_MAX).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("expert 0"), HasSubstr("slot 0 of layer 1")));
      EXPECT_EQ(store.position(kFirst, 0, 0), -1);
    }
    bytes[17] ^= 1;
    store.ExpectHolds(kFirst, 0, 1);
    EXPECT_TRUE(store.Load(kFirst, 0, 0).ok());
    store.ExpectHolds(kFirst, 0, 0);
  }
}

TEST(SlotStore, WhatCannotBe) {
  Weights weights;
  Store store(weights, true);
  ASSERT_TRUE(store.Fill(Held).ok());
  EXPECT_THAT(std::string(store.Begin(0, 0, 0).message()), HasSubstr("found layer 0"));
  EXPECT_THAT(std::string(store.Begin(4, 0, 0).message()), HasSubstr("found layer 4"));
  EXPECT_THAT(std::string(store.Begin(kFirst, 2, 0).message()), HasSubstr("found slot 2"));
  EXPECT_THAT(std::string(store.Begin(kFirst, 0, 5).message()), HasSubstr("found expert 5"));
  EXPECT_FALSE(store.CopyFromSource(kFirst, 0, 1).ok());
  EXPECT_FALSE(store.Commit(kFirst, 0).ok());
  ASSERT_TRUE(store.Begin(kFirst, 0, 0).ok());
  EXPECT_EQ(store.Begin(kFirst, 1, 0).code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(store.Begin(kFirst, 0, 3).ok()) << "takes the place of the slot's earlier load";
  EXPECT_EQ(store.position(kFirst, 0, 0), -1);
  EXPECT_EQ(store.position(kFirst, 0, 3), 0);
  store.Cancel(kFirst, 0);
  EXPECT_TRUE(store.Load(kFirst, 1, 0).ok());
}

} // namespace
} // namespace janus::executor
