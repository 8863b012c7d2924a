// What the strict transport is for really happens, for each of several seeds, and the same seed does the same again.
#include "test/conformance/transport/Support.h"

#include <map>

namespace janus::conformance {
namespace {

class Strict : public testing::TestWithParam<uint64_t> {
protected:
  void SetUp() override {
    options.credits = 64;
    transport = MakeStrictTransport(options, GetParam());
    sender = *transport->Open(Attention(0));
    receiver = *transport->Open(Expert(0));
  }
  TransportOptions options;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Endpoint> sender, receiver;
};
INSTANTIATE_TEST_SUITE_P(Seeds, Strict, testing::Values(0, 1, 2, 3, 17, 12345));

/// Steps in the order of their arrival, 64 messages at a time.
std::vector<uint64_t> Arrivals(Endpoint &sender, Endpoint &receiver, uint64_t messages) {
  std::vector<uint64_t> order;
  for (uint64_t i = 0; i < messages;) {
    for (int credit = 0; credit < 64; ++credit, ++i)
      EXPECT_TRUE(TrySend(sender, Expert(0), Payload(16, i), Named(i)).ok());
    Drain(receiver, [&](const Incoming &message) { order.push_back(message.name.step); });
  }
  return order;
}

TEST_P(Strict, DoublesSome) {
  std::map<uint64_t, int> times;
  for (uint64_t step : Arrivals(*sender, *receiver, 640))
    ++times[step];
  ASSERT_EQ(times.size(), 640u);
  int doubled = 0;
  for (auto [step, count] : times) {
    EXPECT_LE(count, 2);
    doubled += count == 2;
  }
  EXPECT_GT(doubled, 640 / 16);
  EXPECT_LT(doubled, 640 / 4);
}

TEST_P(Strict, Reorders) {
  const std::vector<uint64_t> order = Arrivals(*sender, *receiver, 640);
  int backwards = 0;
  for (size_t i = 1; i < order.size(); ++i)
    backwards += order[i] < order[i - 1];
  EXPECT_GT(backwards, 100);
}

TEST_P(Strict, DeliversLate) {
  int late = 0;
  for (uint64_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(TrySend(*sender, Expert(0), "x", Named(i)).ok());
    Incoming message;
    int polls = 1;
    while (!receiver->Poll(message) || message.name.step != i) {
      if (message.handle)
        receiver->Release(message);
      ASSERT_LT(++polls, 100);
    }
    receiver->Release(message);
    late += polls > 1;
  }
  EXPECT_GT(late, 32);
}

/// Who reads a buffer after posting it reads something else than it wrote; the message is not affected.
TEST_P(Strict, OverwritesTheSendersBuffer) {
  absl::StatusOr<SendBuffer> buffer = sender->Acquire(Expert(0), 1000);
  ASSERT_TRUE(buffer.ok());
  const std::string sent = Payload(1000, 5);
  std::memcpy(buffer->bytes.data(), sent.data(), sent.size());
  const char *kept = buffer->bytes.data();
  sender->Post(*buffer, Named(5));
  int same = 0;
  for (size_t i = 0; i < sent.size(); ++i)
    same += kept[i] == sent[i];
  EXPECT_LT(same, 50);
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return receiver->Poll(message); }));
  EXPECT_NE(message.bytes.data(), kept) << "expected fresh memory";
  EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), sent);
  receiver->Release(message);
}

TEST_P(Strict, TheSameSeedDoesTheSameAgain) {
  const std::vector<uint64_t> order = Arrivals(*sender, *receiver, 640);
  auto arrivals = [&](uint64_t seed) {
    std::unique_ptr<Transport> again = MakeStrictTransport(options, seed);
    std::unique_ptr<Endpoint> from = *again->Open(Attention(0)), to = *again->Open(Expert(0));
    return Arrivals(*from, *to, 640);
  };
  EXPECT_EQ(arrivals(GetParam()), order);
  EXPECT_NE(arrivals(GetParam() + 1), order);
}

} // namespace
} // namespace janus::conformance
