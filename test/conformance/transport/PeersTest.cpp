// Addresses, and peers that are gone.
#include "test/conformance/transport/Support.h"

namespace janus::conformance {
namespace {

using testing::HasSubstr;

class Peers : public TransportSuite {};
JANUS_EVERY_TRANSPORT(Peers);

TransportOptions Sizes(int attention, int experts) {
  TransportOptions options;
  options.attention = attention, options.experts = experts;
  return options;
}

TEST_P(Peers, AnUnknownAddressIsNamed) {
  JANUS_MAKE_TRANSPORT(Sizes(2, 3));
  auto sender = Open(Attention(0));
  EXPECT_EQ(sender->self(), Attention(0));
  for (Address nobody : {Attention(2), Attention(-1), Expert(3), Expert(-1), Address{EndpointKind::kController, 1},
                         Address{static_cast<EndpointKind>(9), 0}}) {
    EXPECT_TRUE(absl::IsNotFound(transport->Open(nobody).status())) << Describe(nobody);
    const absl::Status status = sender->Acquire(nobody, 1).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr(Describe(nobody)));
    EXPECT_TRUE(absl::IsNotFound(sender->PeerStatus(nobody)));
  }
}

TEST_P(Peers, AnAddressIsOpenedOnce) {
  JANUS_MAKE_TRANSPORT(Sizes(1, 1));
  auto first = Open(Expert(0));
  EXPECT_EQ(transport->Open(Expert(0)).status().code(), absl::StatusCode::kFailedPrecondition);
  first.reset();
  const absl::Status again = transport->Open(Expert(0)).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(again.message(), HasSubstr("expert 0"));
}

/// Whoever waits for a peer that closed learns it within a bounded time, by its status and by Acquire; what the peer
/// posted before is still delivered, and others are not affected.
TEST_P(Peers, OneThatClosedIsGone) {
  JANUS_MAKE_TRANSPORT(Sizes(2, 1));
  auto survivor = Open(Attention(0)), other = Open(Attention(1)), leaver = Open(Expert(0));
  EXPECT_TRUE(survivor->PeerStatus(Expert(0)).ok());
  ASSERT_TRUE(TrySend(*leaver, Attention(0), "last words", Named(1)).ok());
  ASSERT_TRUE(TrySend(*survivor, Expert(0), "never read", Named(2)).ok());
  leaver.reset();
  ASSERT_TRUE(WaitFor([&] { return !survivor->PeerStatus(Expert(0)).ok(); }, 2));
  const absl::Status status = survivor->PeerStatus(Expert(0));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("expert 0"));
  EXPECT_TRUE(absl::IsUnavailable(survivor->Acquire(Expert(0), 10).status()));
  std::set<std::string> found;
  Drain(*survivor, [&](const Incoming &message) { found.emplace(message.bytes.data(), message.bytes.size()); });
  EXPECT_EQ(found, std::set<std::string>{"last words"});
  EXPECT_TRUE(survivor->PeerStatus(Attention(1)).ok());
  EXPECT_TRUE(TrySend(*survivor, Attention(1), "still here", Named(3)).ok());
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return other->Poll(message); }));
  other->Release(message);
}

/// Endpoints outlive the transport that made them, in any order, and messages nobody took are freed.
TEST_P(Peers, AnyOrderOfDestruction) {
  JANUS_MAKE_TRANSPORT(Sizes(1, 1));
  auto sender = Open(Attention(0)), receiver = Open(Expert(0));
  transport.reset();
  ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(1000, 1), Named(1)).ok());
  ASSERT_TRUE(TrySend(*sender, Expert(0), Payload(1000, 2), Named(2)).ok());
  sender.reset();
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return receiver->Poll(message); }));
  receiver->Release(message);
}

} // namespace
} // namespace janus::conformance
