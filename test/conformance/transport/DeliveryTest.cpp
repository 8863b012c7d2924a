// What is posted arrives: whole, under its name, from whoever sent it.
#include "test/conformance/transport/Support.h"

#include <map>

namespace janus::conformance {
namespace {

class Delivery : public TransportSuite {};
JANUS_EVERY_TRANSPORT(Delivery);

TEST_P(Delivery, ANameArrivesAsItWasPosted) {
  JANUS_MAKE_TRANSPORT(TransportOptions{});
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  MessageName name;
  name.epoch = 0xfffffffe;
  name.step = 0x123456789abcdef0;
  name.micro_batch = 0xfedc;
  name.attempt = 7;
  name.layer = -3;
  name.phase = Phase::kScatter;
  name.part = 0x7fffffff;
  name.source = Expert(0); // set by the endpoint, whatever the caller says
  ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(100, 1), name).ok());
  name.source = Attention(0);
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return receiver->Poll(message); }));
  EXPECT_EQ(message.name, name);
  EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), Payload(100, 1));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(message.bytes.data()) % 64, 0u);
  receiver->Release(message);
}

/// Also when the sender is the receiver, and when nobody has opened the receiver yet.
TEST_P(Delivery, ToItselfAndBeforeThePeerIsOpen) {
  JANUS_MAKE_TRANSPORT(TransportOptions{});
  auto sender = Open(Attention(0));
  EXPECT_TRUE(sender->PeerStatus(Expert(0)).ok());
  ASSERT_TRUE(TrySend(*sender, Attention(0), "to itself", Named(1)).ok());
  ASSERT_TRUE(TrySend(*sender, Expert(0), "early", Named(2)).ok());
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return sender->Poll(message); }));
  EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), "to itself");
  sender->Release(message);
  auto receiver = Open(Expert(0));
  ASSERT_TRUE(WaitFor([&] { return receiver->Poll(message); }));
  EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), "early");
  receiver->Release(message);
}

TEST_P(Delivery, EverySizeFromZeroToTheLargest) {
  TransportOptions wanted;
  wanted.max_message_bytes = 3 << 20;
  JANUS_MAKE_TRANSPORT(wanted);
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  const std::vector<size_t> sizes = {
      0, 1, 63, 64, 65, 4095, 4096, 4097, 100000, wanted.max_message_bytes - 1, wanted.max_message_bytes};
  for (int round = 0; round < 3; ++round) // a byte ring wraps at another place each time
    for (size_t i = 0; i < sizes.size(); ++i) {
      ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(sizes[i], i), Named(i)).ok()) << sizes[i];
      size_t found = 0;
      Drain(*receiver, [&](const Incoming &message) {
        ++found;
        ASSERT_EQ(message.name.step, i);
        ASSERT_EQ(message.bytes.size(), sizes[i]);
        EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), Payload(sizes[i], i));
      });
      EXPECT_GE(found, 1u) << sizes[i] << " bytes";
    }
}

TEST_P(Delivery, LargerThanTheLargestIsRefused) {
  TransportOptions wanted;
  wanted.max_message_bytes = 1000;
  JANUS_MAKE_TRANSPORT(wanted);
  auto sender = Open(Attention(0));
  absl::StatusOr<SendBuffer> largest = sender->Acquire(Expert(0), 1000);
  ASSERT_TRUE(largest.ok()) << largest.status();
  sender->Cancel(*largest);
  for (size_t size : {size_t{1001}, size_t{1} << 40, ~size_t{0}}) {
    const absl::Status status = sender->Acquire(Expert(0), size).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
    EXPECT_THAT(status.message(), testing::HasSubstr(absl::StrCat(size)));
    EXPECT_THAT(status.message(), testing::HasSubstr("1000"));
  }
}

/// No order is promised and none may be assumed: all arrive, each name any number of times but at least once, with its
/// own bytes; a transport that is not strict gives each once.
TEST_P(Delivery, AllOfMany) {
  TransportOptions wanted;
  wanted.credits = 8;
  JANUS_MAKE_TRANSPORT(wanted);
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  constexpr uint64_t kMessages = 2000;
  std::map<uint64_t, int> found;
  auto take = [&](const Incoming &message) {
    ++found[message.name.step];
    const size_t size = message.name.step % 97 * 13;
    EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), Payload(size, message.name.step));
  };
  for (uint64_t i = 0; i < kMessages; ++i)
    ASSERT_TRUE(WaitFor([&] {
      if (TrySend(*sender, Expert(0), Payload(i % 97 * 13, i), Named(i)).ok())
        return true;
      Drain(*receiver, take, 1);
      return false;
    })) << "message "
        << i;
  Drain(*receiver, take);
  ASSERT_EQ(found.size(), kMessages);
  EXPECT_EQ(found.begin()->first, 0u);
  EXPECT_EQ(found.rbegin()->first, kMessages - 1);
  if (!strict()) {
    for (auto [step, times] : found)
      EXPECT_EQ(times, 1) << "message " << step;
  }
}

TEST_P(Delivery, AmongManyPeers) {
  TransportOptions wanted;
  wanted.attention = 9, wanted.experts = 15;
  wanted.max_message_bytes = 4096;
  JANUS_MAKE_TRANSPORT(wanted);
  const std::vector<Address> everyone = Everyone(options);
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  for (Address address : everyone)
    endpoints.push_back(Open(address));
  auto tag = [&](size_t from, size_t to) { return from * everyone.size() + to; };
  for (size_t from = 0; from < everyone.size(); ++from)
    for (size_t to = 0; to < everyone.size(); ++to)
      for (int part = 0; part < 3; ++part)
        ASSERT_TRUE(TrySend(*endpoints[from], everyone[to], Payload(40 + part, tag(from, to)),
                            Named(tag(from, to), Phase::kGather, part))
                        .ok());
  for (size_t to = 0; to < everyone.size(); ++to) {
    std::set<MessageName> found;
    Drain(*endpoints[to], [&](const Incoming &message) {
      const size_t from = message.name.step / everyone.size();
      ASSERT_EQ(message.name.step % everyone.size(), to) << "a message for another";
      EXPECT_EQ(message.name.source, everyone[from]);
      EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()),
                Payload(40 + message.name.part, message.name.step));
      found.insert(message.name);
    });
    EXPECT_EQ(found.size(), everyone.size() * 3) << Describe(everyone[to]);
  }
}

/// A peer that floods does not keep another's message away.
TEST_P(Delivery, NobodyStarves) {
  TransportOptions wanted;
  wanted.attention = 2;
  JANUS_MAKE_TRANSPORT(wanted);
  auto flood = Open(Attention(0)), quiet = Open(Attention(1)), receiver = Open(Expert(0));
  for (uint64_t i = 0; TrySend(*flood, Expert(0), "flood", Named(i)).ok(); ++i) {
  }
  ASSERT_TRUE(TrySend(*quiet, Expert(0), "quiet", Named(0)).ok());
  uint64_t next = 1000;
  bool found = false;
  for (int i = 0; i < 1000 && !found; ++i) {
    Incoming message;
    if (!receiver->Poll(message))
      continue;
    found = message.name.source == Attention(1);
    receiver->Release(message);
    (void)TrySend(*flood, Expert(0), "flood", Named(next++));
  }
  EXPECT_TRUE(found);
}

/// Counted by phase and by the link class of the two nodes, at the sender, once a post: a double is the strict
/// transport's doing.
TEST_P(Delivery, CountersByPhaseAndLink) {
  TransportOptions wanted;
  wanted.attention = 2, wanted.experts = 3;
  wanted.attention_nodes = {0, 1};
  wanted.expert_nodes = {1, 1, 2};
  JANUS_MAKE_TRANSPORT(wanted);
  const std::vector<Address> everyone = Everyone(options);
  auto node = [&](Address a) {
    return a.kind == EndpointKind::kAttention ? wanted.attention_nodes[a.id] : wanted.expert_nodes[a.id];
  };
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  for (Address address : everyone)
    endpoints.push_back(Open(address));
  for (const auto &sender : endpoints) {
    const Address from = sender->self();
    std::array<std::array<TransportCounters::Count, 3>, kPhaseCount> want{};
    for (int p = 0; p < kPhaseCount; ++p)
      for (size_t to = 0; to < everyone.size(); ++to) {
        const size_t size = p * 10 + to;
        ASSERT_TRUE(TrySend(*sender, everyone[to], Payload(size, 0), Named(0, static_cast<Phase>(p))).ok());
        const bool control =
            p == static_cast<int>(Phase::kExchange) || from == kController || everyone[to] == kController;
        const Link link = control ? Link::kControl : node(from) == node(everyone[to]) ? Link::kIntra : Link::kInter;
        ++want[p][static_cast<int>(link)].messages;
        want[p][static_cast<int>(link)].bytes += size;
      }
    absl::StatusOr<SendBuffer> unsent = sender->Acquire(everyone[0], 10);
    ASSERT_TRUE(unsent.ok());
    sender->Cancel(*unsent); // not counted
    for (int p = 0; p < kPhaseCount; ++p)
      for (int link = 0; link < 3; ++link) {
        EXPECT_EQ(sender->counters().by_phase[p][link].messages, want[p][link].messages)
            << Describe(from) << " phase " << Name(static_cast<Phase>(p)) << " link " << link;
        EXPECT_EQ(sender->counters().by_phase[p][link].bytes, want[p][link].bytes)
            << Describe(from) << " phase " << Name(static_cast<Phase>(p)) << " link " << link;
      }
    Drain(*sender, [](const Incoming &) {}); // receiving is not counted
    const TransportCounters::Count total = sender->counters().Total(Link::kControl);
    EXPECT_EQ(total.messages, from == kController ? 6u * kPhaseCount : 1u * kPhaseCount + 5);
    sender->ResetCounters();
    EXPECT_EQ(sender->counters().Total(Link::kControl).messages, 0u);
    EXPECT_EQ(sender->counters().Total(Link::kInter).bytes, 0u);
  }
}

} // namespace
} // namespace janus::conformance
