// Back-pressure, and who owns which bytes until when.
#include "test/conformance/transport/Support.h"

namespace janus::conformance {
namespace {

class Credits : public TransportSuite {};
JANUS_EVERY_TRANSPORT(Credits);

TransportOptions Few(int credits) {
  TransportOptions options;
  options.experts = 2;
  options.credits = credits;
  options.max_message_bytes = 256;
  return options;
}

/// As many as there are credits, whether acquired, posted or received; then Unavailable while the peer is well.
TEST_P(Credits, EndAtTheirNumberAndComeBackWithRelease) {
  for (int credits : {1, 2, 5, 32}) {
    JANUS_MAKE_TRANSPORT(Few(credits));
    auto sender = Open(Attention(0)), receiver = Open(Expert(0)), other = Open(Expert(1));
    auto refused = [&] {
      const absl::Status status = sender->Acquire(Expert(0), 256).status();
      return absl::IsUnavailable(status) && absl::StrContains(status.message(), "expert 0") &&
             sender->PeerStatus(Expert(0)).ok();
    };
    for (int i = 0; i < credits; ++i)
      ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(256, i), Named(i)).ok()) << i << " of " << credits;
    EXPECT_TRUE(refused()) << credits << " posted";
    // Credits are per peer.
    EXPECT_TRUE(TrySend(*sender, Expert(1), "another peer", Named(0)).ok());

    std::vector<Incoming> held;
    std::set<uint64_t> steps;
    ASSERT_TRUE(WaitFor([&] {
      Incoming message;
      if (receiver->Poll(message)) {
        steps.insert(message.name.step);
        held.push_back(message);
      }
      return static_cast<int>(steps.size()) == credits;
    }));
    EXPECT_TRUE(refused()) << "received, not released";
    for (Incoming &message : held)
      receiver->Release(message);
    Drain(*receiver, [](const Incoming &) {});
    for (int i = 0; i < credits; ++i)
      EXPECT_TRUE(TrySend(*sender, Expert(0), Payload(256, i), Named(i)).ok()) << "after release, " << i;
    EXPECT_TRUE(refused());
  }
}

TEST_P(Credits, ACancelledBufferGivesItsCreditBack) {
  JANUS_MAKE_TRANSPORT(Few(3));
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  for (int round = 0; round < 100; ++round) {
    std::vector<SendBuffer> buffers;
    for (int i = 0; i < 3; ++i) {
      absl::StatusOr<SendBuffer> buffer = sender->Acquire(Expert(0), 100);
      ASSERT_TRUE(buffer.ok()) << buffer.status();
      buffers.push_back(*buffer);
    }
    EXPECT_TRUE(absl::IsUnavailable(sender->Acquire(Expert(0), 100).status()));
    for (SendBuffer buffer : buffers)
      sender->Cancel(buffer);
  }
  Drain(*receiver, [](const Incoming &message) { ADD_FAILURE() << "a cancelled message arrived"; });
}

/// Buffers are posted in any order; each carries its own bytes.
TEST_P(Credits, BuffersAreIndependent) {
  JANUS_MAKE_TRANSPORT(Few(6));
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  std::vector<SendBuffer> buffers;
  for (int i = 0; i < 6; ++i) {
    absl::StatusOr<SendBuffer> buffer = sender->Acquire(Expert(0), 200);
    ASSERT_TRUE(buffer.ok());
    EXPECT_EQ(buffer->bytes.size(), 200u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->bytes.data()) % 64, 0u);
    buffers.push_back(*buffer);
  }
  for (int i = 0; i < 6; ++i)
    std::memcpy(buffers[i].bytes.data(), Payload(200, i).data(), 200);
  for (int i : {4, 0, 5, 2, 1, 3})
    sender->Post(buffers[i], Named(i));
  std::set<uint64_t> steps;
  Drain(*receiver, [&](const Incoming &message) {
    steps.insert(message.name.step);
    EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), Payload(200, message.name.step));
  });
  EXPECT_EQ(steps.size(), 6u);
}

/// A posted buffer is handed out again only when its message has been released: what the receiver holds does not change
/// under its eyes however much is sent meanwhile, by this sender or by others.
TEST_P(Credits, AReceivedMessageStaysUntilItsRelease) {
  TransportOptions wanted = Few(4);
  wanted.attention = 2;
  JANUS_MAKE_TRANSPORT(wanted);
  auto sender = Open(Attention(0)), second = Open(Attention(1)), receiver = Open(Expert(0));
  ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(256, 12345), Named(12345)).ok());
  Incoming held;
  ASSERT_TRUE(WaitFor([&] { return receiver->Poll(held); }));
  int sent = 0;
  for (int i = 0; i < 2000; ++i) {
    sent += TrySend(*sender, Expert(0), Payload(256, i), Named(i)).ok();
    sent += TrySend(*second, Expert(0), Payload(256, i), Named(i)).ok();
    Incoming message;
    if (receiver->Poll(message))
      receiver->Release(message);
    ASSERT_EQ(std::string(held.bytes.data(), held.bytes.size()), Payload(256, 12345)) << "after " << sent;
  }
  EXPECT_GT(sent, 200);
  EXPECT_EQ(held.name.step, 12345u);
  receiver->Release(held);
  EXPECT_EQ(held.handle, nullptr);
}

/// The largest message can always be sent when nothing is on its way.
TEST_P(Credits, TheLargestMessageAlwaysFinds) {
  TransportOptions wanted;
  wanted.max_message_bytes = 1 << 20;
  wanted.credits = 1;
  JANUS_MAKE_TRANSPORT(wanted);
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(1 << 20, i), Named(i)).ok()) << i;
    Drain(*receiver, [&](const Incoming &message) { EXPECT_EQ(message.bytes.size(), size_t{1} << 20); });
    ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(i * 64 + 1, i), Named(i)).ok()) << i;
    Drain(*receiver, [](const Incoming &) {});
  }
}

} // namespace
} // namespace janus::conformance
