// Placements change while sequences are generated: the same bytes, in one process and in many, over every transport.
#include "runtime/engine/EpochChange.h"
#include "test/unit/executor/Forked.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

#include <cstring>

namespace janus::hand {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<Address> Everyone(const Options &options) {
  std::vector<Address> all;
  for (int i = 0; i < options.m; ++i)
    all.push_back({EndpointKind::kAttention, i});
  for (int i = 0; i < options.n; ++i)
    all.push_back({EndpointKind::kExpert, i});
  return all;
}

/// Plays the controller: moves to one random placement after the other.
struct Restless {
  Restless(Deployment &deployment, bool peers)
      : deployment(deployment), change(*deployment.controller), present(*deployment.placement), peers(peers) {
    for (const char *weight : {"up", "down", "up_bias", "down_bias"})
      bytes += *deployment.weights.Bytes(absl::StrCat("l0.", weight), 0);
    deployment.before_step = [this] { BeforeStep(); };
    deployment.other_message = [this](const Incoming &message) { change.Receive(message); };
  }
  void BeforeStep() {
    if (change.active() && change.epoch() == deployment.epoch) { // the last step was of the new epoch
      present = change.transition().next();
      change.End();
    }
    EXPECT_TRUE(change.status().ok()) << change.status();
    if (!change.active()) {
      const Placement random = *Placement::Random(present.shape(), ++seed);
      const auto layer = static_cast<int64_t>(seed % kLayers); // there are spare blocks for one layer
      Placement next = *present.With({{layer, random.layer(layer)}}, deployment.epoch + 1, {});
      std::vector<Move> moves = MovesBetween(present, next, std::vector<int64_t>(kLayers, bytes), peers);
      change.Begin(Transition(std::move(next), std::move(moves)), present, Everyone(deployment.options));
    }
    change.Advance(budget, largest);
    if (change.ready())
      deployment.epoch = change.epoch();
  }
  Deployment &deployment;
  EpochChange change;
  Placement present;
  bool peers;
  int64_t bytes = 0, budget = 40000, largest = 5000;
  uint64_t seed = 100;
};

std::vector<Sequence> ManySteps() {
  std::vector<Sequence> sequences = TestSequences();
  for (Sequence &sequence : sequences)
    sequence.new_tokens += 40;
  sequences.resize(4); // each keeps its slot
  return sequences;
}

void ExpectSame(const std::vector<Outcome> &found, const std::vector<Outcome> &expected, const std::string &where) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t s = 0; s < expected.size(); ++s) {
    EXPECT_EQ(found[s].tokens, expected[s].tokens) << where;
    ASSERT_EQ(found[s].logits.size(), expected[s].logits.size()) << where;
    EXPECT_EQ(std::memcmp(found[s].logits.data(), expected[s].logits.data(), expected[s].logits.size() * 4), 0)
        << where;
  }
}

std::vector<Outcome> PlayStill() {
  Deployment alone((Options()));
  EXPECT_TRUE(alone.Create([](Address) { return true; }).ok());
  return *alone.Play(ManySteps());
}

TEST(Epochs, SameBitsWhileExpertsMove) {
  const std::vector<Outcome> expected = PlayStill();
  for (const auto &[side, mail] : {std::pair(GateSide::kExpert, Options::Mail::kInproc),
                                   {GateSide::kAttention, Options::Mail::kInproc},
                                   {GateSide::kExpert, Options::Mail::kStrict},
                                   {GateSide::kAttention, Options::Mail::kStrict}})
    for (const auto &[own, peers] : {std::pair(true, true), {true, false}, {false, false}}) {
      Options options;
      options.m = 2, options.n = 3, options.nodes = 2, options.scheme = 1, options.side = side, options.mail = mail;
      options.replicas = true, options.own = own, options.seed = 5;
      Deployment deployment(options);
      ASSERT_TRUE(deployment.Create([](Address) { return true; }).ok());
      Restless restless(deployment, peers);
      absl::StatusOr<std::vector<Outcome>> found = deployment.Play(ManySteps());
      ASSERT_TRUE(found.ok()) << found.status();
      const std::string where = absl::StrCat(options.str(), peers ? " from peers" : " from the artifact");
      ExpectSame(*found, expected, where);
      EXPECT_GT(deployment.epoch, 3u) << where;
      EXPECT_GT(restless.change.counts().loaded_bytes, 10 * restless.bytes) << where;
      uint64_t pieces = 0;
      for (const auto &endpoint : deployment.endpoints)
        for (const auto &count : endpoint->counters().by_phase[static_cast<int>(Phase::kWeights)])
          pieces += count.bytes;
      EXPECT_EQ(pieces > 0, peers);
      for (const auto &instance : deployment.executor.instances())
        EXPECT_EQ(instance->stats().epochs, deployment.epoch) << where;
    }
}

TEST(Epochs, SameBitsInOneProcessPerInstance) {
  const std::vector<Outcome> expected = PlayStill();
  for (GateSide side : {GateSide::kExpert, GateSide::kAttention}) {
    Options options;
    options.m = 2, options.n = 3, options.nodes = 2, options.scheme = 2, options.side = side;
    options.mail = Options::Mail::kShm, options.replicas = options.own = true;
    Deployment deployment(options);
    const std::vector<pid_t> children = Fork(deployment);
    Restless restless(deployment, true);
    absl::StatusOr<std::vector<Outcome>> found = deployment.Play(ManySteps());
    EXPECT_TRUE(found.ok()) << found.status();
    if (found.ok())
      ExpectSame(*found, expected, options.str());
    EXPECT_GT(deployment.epoch, 3u);
    deployment.before_step = nullptr;
    deployment.Shutdown();
    ExpectExits(children);
  }
}

/// One step of one token; the status of the step.
absl::Status OneStep(Deployment &deployment, int32_t token = 1) {
  StepSequence sequence;
  sequence.tokens = {token};
  sequence.opens = true;
  sequence.pages = {0};
  sequence.logits = StepSequence::Logits::kLast;
  sequence.sample = true;
  std::vector<std::vector<StepSequence>> rows(deployment.options.m);
  rows[0].push_back(sequence);
  StepDescriptor step;
  step.step = deployment.next_step++;
  deployment.Begin(step, rows);
  const auto results = deployment.Await(step.step, 1);
  if (results.empty())
    return absl::DeadlineExceededError("no result");
  const StepResult &result = results[0].second;
  return absl::Status(static_cast<absl::StatusCode>(result.error_code), {result.error.data(), result.error.size()});
}

struct Two {
  Two() {
    options.n = 2, options.replicas = options.own = true, options.seed = 3;
    deployment = std::make_unique<Deployment>(options);
    EXPECT_TRUE(deployment->Create([](Address) { return true; }).ok());
    change.emplace(*deployment->controller);
    deployment->other_message = [this](const Incoming &message) { change->Receive(message); };
  }
  /// The first layer's slots with some change.
  Placement Next(uint32_t epoch, const std::function<void(LayerSlots &)> &edit, std::vector<int32_t> dead = {}) {
    LayerSlots slots = deployment->placement->layer(0);
    edit(slots);
    return *deployment->placement->With({{0, slots}}, epoch, std::move(dead));
  }
  void Begin(Placement next, std::vector<Move> moves) {
    change->Begin(Transition(std::move(next), std::move(moves)), *deployment->placement, Everyone(options));
  }
  /// Steps until the change is ready or failed.
  absl::Status Ready() {
    for (int i = 0; i < 200 && change->status().ok() && !change->ready(); ++i) {
      change->Advance(INT64_MAX, 4096);
      if (absl::Status status = OneStep(*deployment); !status.ok())
        return status;
    }
    return change->status();
  }
  Options options;
  std::unique_ptr<Deployment> deployment;
  std::optional<EpochChange> change;
};

TEST(Epochs, OneThatWasNotAnnouncedIsRefused) {
  Two two;
  two.deployment->epoch = 4;
  const absl::Status status = OneStep(*two.deployment);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("found epoch 4, expected 0 or one that is ready"));
  two.deployment->epoch = 0;
  EXPECT_TRUE(OneStep(*two.deployment).ok());
}

/// An instance says so instead of computing with what it does not have.
TEST(Epochs, OneThatNeedsWhatIsNotLoadedIsNotReady) {
  Two two;
  two.Begin(two.Next(1, [](LayerSlots &slots) { std::swap(slots[0][0], slots[0][1]); }), {});
  const absl::Status status = two.Ready();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("expert 0: epoch 1: slot 0 of layer 0 needs expert"), HasSubstr("not loaded")));
  EXPECT_FALSE(two.change->ready());
  // The next one, of a number that was not used, is.
  Placement next = two.Next(2, [](LayerSlots &slots) { std::swap(slots[0][0], slots[0][1]); });
  std::vector<Move> moves = MovesBetween(*two.deployment->placement, next, {{10000, 10000}}, false);
  EXPECT_EQ(moves.size(), 2u);
  two.Begin(std::move(next), std::move(moves));
  EXPECT_TRUE(two.Ready().ok());
  two.deployment->epoch = 2;
  EXPECT_TRUE(OneStep(*two.deployment).ok());
}

/// Expert instance 1 holds one expert more than it has slots for, if 0 is dead: what it does not hold is missing.
TEST(Epochs, ADeadInstanceServesNothing) {
  Two two;
  std::vector<int32_t> held = two.deployment->placement->layer(0)[1];
  two.Begin(two.Next(1, [](LayerSlots &) {}, {0}), {});
  ASSERT_TRUE(two.Ready().ok());
  bool missing = false;
  two.deployment->epoch = 1;
  for (int32_t token = 0; token < 20; ++token) {
    const absl::Status status = OneStep(*two.deployment, token);
    missing |= !status.ok();
    EXPECT_TRUE(status.ok() || absl::StrContains(status.message(), "has no live replica")) << status;
  }
  EXPECT_TRUE(missing);
  EXPECT_LT(held.size(), static_cast<size_t>(kExperts));
}

} // namespace
} // namespace janus::hand
