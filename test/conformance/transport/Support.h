//===- Support.h - transports under test ------------------------*- C++ -*-===//
//
// Every test of the suite runs over every transport. A transport that this
// machine cannot make (Unavailable) skips; everything else fails.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_CONFORMANCE_TRANSPORT_SUPPORT_H
#define JANUS_TEST_CONFORMANCE_TRANSPORT_SUPPORT_H

#include "runtime/transport/Failing.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <chrono>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace janus::conformance {

struct TransportKind {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Transport>>(const TransportOptions &)> make;
};
inline void PrintTo(const TransportKind &kind, std::ostream *out) { *out << kind.name; }

inline std::vector<TransportKind> TransportKinds() {
  std::vector<TransportKind> kinds = {{"inproc", [](const TransportOptions &o) { return MakeInprocTransport(o); }}};
  for (uint64_t seed : {1, 2, 3, 17, 1000})
    kinds.push_back({absl::StrCat("strict_seed_", seed),
                     [seed](const TransportOptions &o) { return MakeStrictTransport(o, seed); }});
  kinds.push_back({"failing", [](const TransportOptions &o) { // but not yet
                     FaultPlan plan;
                     plan.faults = {{.instance = {EndpointKind::kAttention, 0}, .step = UINT64_MAX},
                                    {.instance = {EndpointKind::kExpert, 0}, .step = UINT64_MAX}};
                     return MakeFailingTransport(MakeInprocTransport(o), plan);
                   }});
  kinds.push_back({"shm", [](const TransportOptions &o) { return MakeShmTransport(o); }});
  return kinds;
}

inline constexpr Address kController = {EndpointKind::kController, 0};
inline Address Attention(int id) { return {EndpointKind::kAttention, id}; }
inline Address Expert(int id) { return {EndpointKind::kExpert, id}; }

/// All addresses of a run, in no order that a transport knows of.
inline std::vector<Address> Everyone(const TransportOptions &options) {
  std::vector<Address> all;
  for (int i = options.experts; i-- > 0;)
    all.push_back(Expert(i));
  all.push_back(kController);
  for (int i = 0; i < options.attention; ++i)
    all.push_back(Attention(i));
  return all;
}

/// A wait that ends: false once `seconds` have passed.
inline bool WaitFor(const std::function<bool()> &done, double seconds = 10) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::yield();
  }
  return true;
}

/// Bytes that tell their length, sender and message: no two messages of a test are alike.
inline std::string Payload(size_t size, uint64_t tag) {
  std::string bytes(size, 0);
  uint64_t state = tag * 2 + 1;
  for (char &byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

inline absl::Status TrySend(Endpoint &from, Address to, const std::string &bytes, MessageName name) {
  absl::StatusOr<SendBuffer> buffer = from.Acquire(to, bytes.size());
  if (!buffer.ok())
    return buffer.status();
  if (!bytes.empty())
    std::memcpy(buffer->bytes.data(), bytes.data(), bytes.size());
  from.Post(*buffer, name);
  return absl::OkStatus();
}

inline MessageName Named(uint64_t step, Phase phase = Phase::kDirect, int32_t part = 0) {
  MessageName name;
  name.step = step;
  name.phase = phase;
  name.part = part;
  return name;
}

/// Polls whatever is there for `polls` polls in a row that find nothing, and releases it. Long enough for every late
/// message of a strict transport.
inline void Drain(Endpoint &endpoint, const std::function<void(const Incoming &)> &take, int polls = 100) {
  for (int idle = 0; idle < polls;) {
    Incoming message;
    if (!endpoint.Poll(message)) {
      ++idle;
      continue;
    }
    idle = 0;
    take(message);
    endpoint.Release(message);
  }
}

class TransportSuite : public testing::TestWithParam<TransportKind> {
protected:
  void SetUp() override {}
  void Make(const TransportOptions &wanted) {
    options = wanted;
    absl::StatusOr<std::unique_ptr<Transport>> made = GetParam().make(options);
    if (absl::IsUnavailable(made.status()))
      GTEST_SKIP() << "unavailable: " << made.status();
    ASSERT_TRUE(made.ok()) << made.status();
    transport = *std::move(made);
  }
  std::unique_ptr<Endpoint> Open(Address address) {
    absl::StatusOr<std::unique_ptr<Endpoint>> endpoint = transport->Open(address);
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    return endpoint.ok() ? *std::move(endpoint) : nullptr;
  }
  bool strict() const { return GetParam().name.starts_with("strict"); }

  TransportOptions options;
  std::unique_ptr<Transport> transport;
};

/// Makes the transport of a test, which is skipped where it is unavailable.
#define JANUS_MAKE_TRANSPORT(...)                                                                                      \
  do {                                                                                                                 \
    Make(__VA_ARGS__);                                                                                                 \
    if (!transport)                                                                                                    \
      return;                                                                                                          \
  } while (false)

#define JANUS_EVERY_TRANSPORT(suite)                                                                                   \
  INSTANTIATE_TEST_SUITE_P(Transports, suite, testing::ValuesIn(TransportKinds()),                                     \
                           [](const auto &info) { return info.param.name; })

} // namespace janus::conformance

#endif // JANUS_TEST_CONFORMANCE_TRANSPORT_SUPPORT_H
