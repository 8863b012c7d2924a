// Endpoints that fail on purpose: when, what their peers see, and that a new one can take their place.
#include "test/conformance/transport/Support.h"

namespace janus::conformance {
namespace {

using testing::HasSubstr;

TransportOptions Few() {
  TransportOptions options;
  options.attention = options.experts = 2;
  options.credits = 4;
  return options;
}

std::unique_ptr<FailingTransport> Make(FaultPlan plan, bool strict = false) {
  return MakeFailingTransport(strict ? MakeStrictTransport(Few(), 3) : MakeInprocTransport(Few()), std::move(plan));
}

FaultPlan Plan(absl::string_view fault, absl::string_view restoration = "") {
  FaultPlan plan;
  plan.faults.push_back(*ParseFault(fault));
  if (!restoration.empty())
    plan.restorations.push_back(*ParseRestoration(restoration));
  return plan;
}

MessageName At(uint64_t step, int32_t layer, Phase phase) {
  MessageName name = Named(step, phase);
  name.layer = layer;
  return name;
}

/// Messages of `names` that arrive.
int Arrive(Endpoint &from, Endpoint &to, const std::vector<MessageName> &names) {
  int arrived = 0;
  for (const MessageName &name : names) {
    (void)TrySend(from, to.self(), "x", name);
    Incoming message;
    while (to.Poll(message)) {
      ++arrived;
      to.Release(message);
    }
  }
  return arrived;
}

TEST(Failing, AtTheChosenMessageThatIsSent) {
  struct Case {
    const char *fault;
    int arrive; // of the messages below
  };
  const std::vector<MessageName> names = {
      At(36, 1, Phase::kReturn), At(37, 0, Phase::kNode),   At(37, 0, Phase::kReturn), At(37, 1, Phase::kNode),
      At(37, 1, Phase::kReturn), At(37, 0, Phase::kResult), At(38, 0, Phase::kNode)};
  for (const Case &c : {Case{"expert:1@step=36", 0}, Case{"expert:1@step=37", 1}, Case{"expert:1@step=37,after=2", 3},
                        Case{"expert:1@step=37,layer=1", 3}, Case{"expert:1@step=37,phase=return", 2},
                        Case{"expert:1@step=37,layer=1,phase=return", 4}, Case{"expert:1@step=37,phase=result", 5},
                        Case{"expert:1@step=37,layer=0,phase=fanout", 2}, // has none: at what comes after it
                        Case{"expert:1@step=38,how=silent", 6}, Case{"expert:0@step=1", 7}}) {
    auto transport = Make(Plan(c.fault));
    auto expert = *transport->Open(Expert(1)), attention = *transport->Open(Attention(0));
    EXPECT_EQ(Arrive(*expert, *attention, names), c.arrive) << c.fault;
  }
}

TEST(Failing, AtTheChosenMessageThatIsTakenIn) {
  auto transport = Make(Plan("attention:0@step=5,layer=1,phase=return"));
  auto expert = *transport->Open(Expert(1)), attention = *transport->Open(Attention(0));
  EXPECT_EQ(Arrive(*expert, *attention, {At(5, 0, Phase::kReturn), At(5, 1, Phase::kReturn), At(5, 0, Phase::kReturn)}),
            1);
  EXPECT_FALSE(TrySend(*attention, Expert(1), "x", Named(1)).ok()) << "it sends nothing either";
  EXPECT_TRUE(absl::IsUnavailable(expert->PeerStatus(Attention(0))));
}

TEST(Failing, DeadIsSeenAndSilentIsNot) {
  for (bool strict : {false, true}) {
    auto dead = Make(Plan("expert:1@step=1"), strict), silent = Make(Plan("expert:1@step=1,how=silent"), strict);
    for (auto *transport : {&dead, &silent}) {
      auto expert = *(*transport)->Open(Expert(1)), attention = *(*transport)->Open(Attention(0));
      const bool gone = transport == &dead;
      EXPECT_TRUE(attention->PeerStatus(Expert(1)).ok());
      EXPECT_TRUE(TrySend(*attention, Expert(1), "before", Named(0)).ok());
      EXPECT_EQ(Arrive(*expert, *attention, {Named(1)}), 0);
      EXPECT_EQ(attention->PeerStatus(Expert(1)).ok(), !gone);
      EXPECT_EQ(TrySend(*attention, Expert(1), "after", Named(1)).ok(), !gone);
      Incoming message;
      for (int i = 0; i < 50; ++i)
        EXPECT_FALSE(expert->Poll(message));
    }
  }
}

/// Messages that change the placement have numbers instead of steps: what counts is the step the controller began.
TEST(Failing, AtTheChosenMessageOfNoStep) {
  auto transport = Make(Plan("expert:1@step=5,phase=load"));
  auto control = *transport->Open(kController), expert = *transport->Open(Expert(1));
  int arrived = 0;
  auto order = [&](uint64_t number, Phase phase) { arrived += Arrive(*control, *expert, {At(number, 0, phase)}); };
  auto step = [&](uint64_t number) {
    ASSERT_TRUE(TrySend(*control, Attention(0), "", Named(number, Phase::kStep)).ok());
  };
  step(4);
  order(100, Phase::kLoad);
  step(5);
  order(101, Phase::kEpoch);
  EXPECT_EQ(arrived, 2);
  EXPECT_TRUE(control->PeerStatus(Expert(1)).ok());
  order(1, Phase::kLoad);
  EXPECT_EQ(arrived, 2);
  EXPECT_FALSE(control->PeerStatus(Expert(1)).ok());
}

/// A buffer that was acquired before and posted after is not lost to the sender.
TEST(Failing, CreditsComeBackFromWhatIsNotSent) {
  auto transport = Make(Plan("expert:1@step=2", "expert:1@step=3"));
  auto control = *transport->Open(kController), expert = *transport->Open(Expert(1)),
       attention = *transport->Open(Attention(0));
  std::vector<SendBuffer> buffers;
  for (int i = 0; i < 4; ++i)
    buffers.push_back(*expert->Acquire(Attention(0), 8));
  for (const SendBuffer &buffer : buffers)
    expert->Post(buffer, Named(2));
  ASSERT_TRUE(TrySend(*control, Attention(0), "go", Named(3, Phase::kStep)).ok());
  EXPECT_EQ(transport->TakeRestorable(), std::vector<Address>{Expert(1)});
  expert.reset();
  expert = *transport->Open(Expert(1));
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(TrySend(*expert, Attention(0), "x", Named(3)).ok()) << i;
}

TEST(Failing, ANewEndpointTakesThePlace) {
  auto transport = Make(Plan("expert:1@step=2", "expert:1@step=4"));
  auto control = *transport->Open(kController), expert = *transport->Open(Expert(1)),
       attention = *transport->Open(Attention(0));
  EXPECT_TRUE(absl::IsFailedPrecondition(transport->Open(Expert(1)).status()));
  ASSERT_TRUE(TrySend(*attention, Expert(1), "waits", Named(1)).ok());
  EXPECT_EQ(Arrive(*expert, *attention, {Named(2)}), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(transport->Open(Expert(1)).status())) << "the failed one is still there";
  for (uint64_t step : {2, 3}) {
    ASSERT_TRUE(TrySend(*control, Attention(0), "go", Named(step, Phase::kStep)).ok());
    EXPECT_TRUE(transport->TakeRestorable().empty());
  }
  ASSERT_TRUE(TrySend(*control, Attention(0), "go", Named(5, Phase::kStep)).ok());
  EXPECT_EQ(transport->TakeRestorable(), std::vector<Address>{Expert(1)});
  EXPECT_TRUE(transport->TakeRestorable().empty()) << "told once";
  EXPECT_FALSE(attention->PeerStatus(Expert(1)).ok()) << "not opened yet";
  expert.reset();
  expert = *transport->Open(Expert(1));
  EXPECT_TRUE(attention->PeerStatus(Expert(1)).ok());
  Incoming message;
  EXPECT_FALSE(expert->Poll(message)) << "what waited for the failed one";
  EXPECT_EQ(Arrive(*expert, *attention, {Named(9)}), 4) << "three steps and this one";
  EXPECT_EQ(Arrive(*attention, *expert, {Named(9)}), 1);
}

TEST(Failing, MoreThanOnce) {
  FaultPlan plan = Plan("expert:1@step=2", "expert:1@step=4");
  plan.faults.push_back(*ParseFault("expert:1@step=6"));
  auto transport = Make(plan);
  auto control = *transport->Open(kController), expert = *transport->Open(Expert(1)),
       attention = *transport->Open(Attention(0));
  EXPECT_EQ(Arrive(*expert, *attention, {Named(1), Named(2), Named(3)}), 1);
  ASSERT_TRUE(TrySend(*control, Attention(1), "go", Named(4, Phase::kStep)).ok());
  expert.reset();
  expert = *transport->Open(Expert(1));
  EXPECT_EQ(Arrive(*expert, *attention, {Named(4), Named(5), Named(6), Named(7)}), 2);
}

TEST(Faults, WhatIsRead) {
  const Fault fault = *ParseFault("attention:3@step=37,layer=2,phase=return-gather,after=1,how=silent");
  EXPECT_EQ(fault.instance, Attention(3));
  EXPECT_EQ(fault.step, 37u);
  EXPECT_EQ(fault.layer, 2);
  EXPECT_EQ(fault.phase, Phase::kReturnGather);
  EXPECT_EQ(fault.after, 1);
  EXPECT_TRUE(fault.silent);
  EXPECT_FALSE(ParseFault("expert:2@step=1")->silent);
  EXPECT_FALSE(ParseFault("expert:2@step=1")->layer.has_value());
}

TEST(Faults, WhatIsRefused) {
  for (auto [text, message] : {std::pair("", "instance ''"),
                               {"gate:1@step=1", "instance 'gate:1'"},
                               {"expert@step=1", "instance 'expert'"},
                               {"expert:-1@step=1", "instance 'expert:-1'"},
                               {"expert:x@step=1", "instance 'expert:x', expected attention:ID or expert:ID"},
                               {"expert:1", "found '', expected step=N after '@'"},
                               {"expert:1@37", "found '37', expected step=N"},
                               {"expert:1@layer=1,step=2", "expected step=N after '@'"},
                               {"expert:1@step=0", "step '0', expected an integer from 1"},
                               {"expert:1@step=9999999999", "step '9999999999'"},
                               {"expert:1@step=", "step ''"},
                               {"expert:1@step=3,step=4", "found 'step' twice, expected each part once"},
                               {"expert:1@step=3,layer=-1", "layer '-1'"},
                               {"expert:1@step=3,phase=lunch", "phase 'lunch', expected one of step, result,"},
                               {"expert:1@step=3,how=asleep", "how 'asleep', expected dead or silent"},
                               {"expert:1@step=3,", "found '', expected step, layer, phase, after or how"},
                               {"expert:1@step=3,when=now", "found 'when'"}})
    EXPECT_THAT(std::string(ParseFault(text).status().message()), HasSubstr(message)) << text;
  EXPECT_THAT(std::string(ParseRestoration("expert:1@step=3,layer=1").status().message()), HasSubstr("nothing after"));
  EXPECT_THAT(std::string(CheckFaults(Plan("expert:2@step=1"), 3, 2, 4).message()),
              HasSubstr("expected an id below 2"));
  EXPECT_THAT(std::string(CheckFaults(Plan("expert:1@step=1,layer=4"), 3, 2, 4).message()), HasSubstr("found layer 4"));
  EXPECT_TRUE(CheckFaults(Plan("attention:2@step=1"), 3, 2, 4).ok());
  EXPECT_THAT(std::string(CheckFaults(Plan("expert:1@step=5", "expert:1@step=5"), 3, 2, 4).message()),
              HasSubstr("expert 1 does not fail before step 5"));
  EXPECT_THAT(std::string(CheckFaults(Plan("expert:1@step=5", "expert:0@step=9"), 3, 2, 4).message()),
              HasSubstr("expert 0 does not fail"));
}

} // namespace
} // namespace janus::conformance
