// Endpoints on threads of their own: everyone sends to everyone at once, through few credits.
#include "test/conformance/transport/Support.h"

#include <atomic>

namespace janus::conformance {
namespace {

class Threads : public TransportSuite {};
JANUS_EVERY_TRANSPORT(Threads);

TEST_P(Threads, EveryoneToEveryone) {
  TransportOptions wanted;
  wanted.attention = 2, wanted.experts = 3;
  wanted.credits = 3;
  wanted.max_message_bytes = 5000;
  JANUS_MAKE_TRANSPORT(wanted);
  const std::vector<Address> everyone = Everyone(options);
  constexpr uint64_t kEach = 60;
  std::atomic<size_t> complete{0};
  std::vector<std::string> trouble(everyone.size());
  auto play = [&](size_t me, Endpoint &endpoint) {
    std::vector<uint64_t> next(everyone.size(), 0);
    std::set<MessageName> found;
    bool told = false;
    const bool ended = WaitFor(
        [&] {
          for (size_t to = 0; to < everyone.size(); ++to)
            if (next[to] < kEach) {
              const uint64_t tag = (me * everyone.size() + to) * kEach + next[to];
              next[to] += TrySend(endpoint, everyone[to], Payload(tag % 5000, tag), Named(tag)).ok();
            }
          Incoming message;
          while (endpoint.Poll(message)) {
            const uint64_t tag = message.name.step;
            if (std::string(message.bytes.data(), message.bytes.size()) != Payload(tag % 5000, tag) ||
                message.name.source != everyone[tag / kEach / everyone.size()])
              trouble[me] = absl::StrCat("message ", tag, " has other bytes");
            found.insert(message.name);
            endpoint.Release(message);
          }
          if (!told && found.size() == kEach * everyone.size()) {
            told = true;
            ++complete;
          }
          return complete == everyone.size(); // until then the others may need this one's polls
        },
        60);
    if (!ended)
      trouble[me] = absl::StrCat("found ", found.size(), " of ", kEach * everyone.size(), " messages");
  };
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  std::vector<std::thread> threads;
  for (Address address : everyone)
    endpoints.push_back(Open(address));
  for (size_t i = 0; i < everyone.size(); ++i)
    threads.emplace_back([&, i] { play(i, *endpoints[i]); });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < everyone.size(); ++i)
    EXPECT_EQ(trouble[i], "") << Describe(everyone[i]);
}

} // namespace
} // namespace janus::conformance
