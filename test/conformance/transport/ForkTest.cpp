// Shared memory between processes: one endpoint a process.
#include "test/conformance/transport/Support.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace janus::conformance {
namespace {

/// Ends its process whatever happens: a test of processes that hangs leaves none behind.
class Child {
public:
  explicit Child(const std::function<int()> &body) : process(fork()) {
    if (process == 0) {
      alarm(60);
      _exit(body());
    }
  }
  ~Child() {
    if (!reaped) {
      kill(process, SIGKILL);
      waitpid(process, nullptr, 0);
    }
  }
  void Kill() { kill(process, SIGKILL); }
  int Wait() {
    int status = -1;
    reaped = waitpid(process, &status, 0) == process;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

private:
  const pid_t process;
  bool reaped = false;
};

TransportOptions Sizes() {
  TransportOptions options;
  options.attention = 2, options.experts = 3;
  options.credits = 4;
  options.max_message_bytes = 20000;
  return options;
}

constexpr uint64_t kEach = 50;

/// Sends kEach messages to everyone and awaits as many from everyone; 0 when all came with their bytes. Nobody leaves
/// before it has all: `done` is a message to and from the controller.
int Exchange(Endpoint &endpoint, const std::vector<Address> &everyone, size_t me) {
  std::vector<uint64_t> next(everyone.size(), 0);
  std::set<uint64_t> found;
  bool right = true;
  const bool ended = WaitFor(
      [&] {
        for (size_t to = 0; to < everyone.size(); ++to)
          if (next[to] < kEach) {
            const uint64_t tag = (me * everyone.size() + to) * kEach + next[to];
            next[to] += TrySend(endpoint, everyone[to], Payload(tag * 37 % 20001, tag), Named(tag)).ok();
          }
        Incoming message;
        while (endpoint.Poll(message)) {
          const uint64_t tag = message.name.step;
          right &= std::string(message.bytes.data(), message.bytes.size()) == Payload(tag * 37 % 20001, tag);
          right &= message.name.source == everyone[tag / kEach / everyone.size()];
          right &= found.insert(tag).second;
          endpoint.Release(message);
        }
        return found.size() == kEach * everyone.size() && next == std::vector<uint64_t>(everyone.size(), kEach);
      },
      40);
  return !ended ? 1 : right ? 0 : 2;
}

TEST(Fork, EveryoneToEveryone) {
  const TransportOptions options = Sizes();
  absl::StatusOr<std::unique_ptr<Transport>> transport = MakeShmTransport(options);
  ASSERT_TRUE(transport.ok()) << transport.status();
  const std::vector<Address> everyone = Everyone(options);
  std::vector<std::unique_ptr<Child>> children;
  for (size_t i = 1; i < everyone.size(); ++i)
    children.push_back(std::make_unique<Child>([&, i] {
      absl::StatusOr<std::unique_ptr<Endpoint>> endpoint = (*transport)->Open(everyone[i]);
      return endpoint.ok() ? Exchange(**endpoint, everyone, i) : 3;
    }));
  std::unique_ptr<Endpoint> endpoint = *(*transport)->Open(everyone[0]);
  EXPECT_EQ(Exchange(*endpoint, everyone, 0), 0);
  for (auto &child : children)
    EXPECT_EQ(child->Wait(), 0);
}

/// A process that was killed is gone at once, although nobody has waited for it: it is a zombie until the end.
TEST(Fork, AKilledProcessIsGoneBeforeItIsReaped) {
  absl::StatusOr<std::unique_ptr<Transport>> transport = MakeShmTransport(Sizes());
  ASSERT_TRUE(transport.ok()) << transport.status();
  Child child([&] {
    absl::StatusOr<std::unique_ptr<Endpoint>> endpoint = (*transport)->Open(Expert(1));
    if (!endpoint.ok() || !TrySend(**endpoint, kController, "I am here", Named(1)).ok())
      return 1;
    while (true)
      pause();
  });
  std::unique_ptr<Endpoint> endpoint = *(*transport)->Open(kController);
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return endpoint->Poll(message); }));
  endpoint->Release(message);
  EXPECT_TRUE(endpoint->PeerStatus(Expert(1)).ok());
  EXPECT_TRUE(endpoint->PeerStatus(Expert(2)).ok()) << "not opened yet";
  child.Kill();
  ASSERT_TRUE(WaitFor([&] { return !endpoint->PeerStatus(Expert(1)).ok(); }, 5));
  EXPECT_TRUE(absl::IsUnavailable(endpoint->PeerStatus(Expert(1))));
  EXPECT_TRUE(absl::IsUnavailable(endpoint->Acquire(Expert(1), 1).status()));
  EXPECT_TRUE(endpoint->PeerStatus(Expert(2)).ok());
  EXPECT_EQ(child.Wait(), -1);
  EXPECT_TRUE(absl::IsUnavailable(endpoint->PeerStatus(Expert(1)))) << "still gone once reaped";
}

/// A process that ended well closed its endpoint, or not: both are gone.
TEST(Fork, AnEndedProcessIsGone) {
  for (bool closes : {true, false}) {
    absl::StatusOr<std::unique_ptr<Transport>> transport = MakeShmTransport(Sizes());
    ASSERT_TRUE(transport.ok()) << transport.status();
    std::unique_ptr<Endpoint> endpoint = *(*transport)->Open(kController);
    Child child([&] {
      std::unique_ptr<Endpoint> own = *(*transport)->Open(Attention(1));
      const bool sent = TrySend(*own, kController, "last words", Named(1)).ok();
      if (!closes)
        (void)own.release();
      return sent ? 0 : 1;
    });
    EXPECT_TRUE(WaitFor([&] { return absl::IsUnavailable(endpoint->PeerStatus(Attention(1))); }, 5));
    Incoming message;
    ASSERT_TRUE(WaitFor([&] { return endpoint->Poll(message); }));
    EXPECT_EQ(std::string(message.bytes.data(), message.bytes.size()), "last words");
    endpoint->Release(message);
    EXPECT_EQ(child.Wait(), 0);
  }
}

TEST(Fork, AnAddressIsOpenedByOneProcess) {
  absl::StatusOr<std::unique_ptr<Transport>> transport = MakeShmTransport(Sizes());
  ASSERT_TRUE(transport.ok()) << transport.status();
  std::unique_ptr<Endpoint> endpoint = *(*transport)->Open(Expert(0));
  Child child(
      [&] { return (*transport)->Open(Expert(0)).status().code() == absl::StatusCode::kFailedPrecondition ? 0 : 1; });
  EXPECT_EQ(child.Wait(), 0);
}

} // namespace
} // namespace janus::conformance
