// Bytes in a shared ring come from another process and are believed only after checks: whatever they are, the reader
// refuses them with DataLoss, and goes on with its other peers.
#include "runtime/transport/ShmRegion.h"
#include "test/conformance/transport/Support.h"

#include <random>

namespace janus::conformance {
namespace {

using testing::HasSubstr;
using transport::Record;
using transport::Ring;

class Malformed : public testing::Test {
protected:
  void SetUp() override {
    TransportOptions options;
    options.attention = 2;
    options.max_message_bytes = 1000;
    options.credits = 4;
    absl::StatusOr<std::shared_ptr<transport::ShmRegion>> mapped = transport::ShmRegion::Map(options);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    region = *mapped;
    transport = transport::MakeShmTransport(region);
    reader = *transport->Open(Expert(0));
    honest = *transport->Open(Attention(1));
  }
  /// The ring that attention 0 writes and the reader reads, and the one the other way.
  Ring &ring() { return region->ring(region->directory.index(Attention(0)), region->directory.index(Expert(0))); }
  Ring &back() { return region->ring(region->directory.index(Expert(0)), region->directory.index(Attention(0))); }

  static Record Good(uint32_t size) {
    Record record{};
    record.magic = transport::kRecordMagic;
    record.size = size;
    record.name = Named(1);
    record.name.source = Attention(0);
    return record;
  }
  void Write(const Record &record, uint64_t written) {
    std::memcpy(ring().bytes(), &record, sizeof record);
    ring().written.store(written);
  }
  void ExpectRefused(const std::string &what) {
    Incoming message;
    for (int i = 0; i < 10; ++i)
      EXPECT_FALSE(reader->Poll(message)) << what;
    const absl::Status status = reader->PeerStatus(Attention(0));
    EXPECT_TRUE(absl::IsDataLoss(status)) << what << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr("attention 0"));
    EXPECT_TRUE(absl::IsDataLoss(reader->Acquire(Attention(0), 1).status())) << what;
    // The others' messages still arrive.
    ASSERT_TRUE(TrySend(*honest, Expert(0), "honest", Named(2)).ok());
    ASSERT_TRUE(WaitFor([&] { return reader->Poll(message); }));
    EXPECT_EQ(message.name.source, Attention(1));
    reader->Release(message);
  }

  std::shared_ptr<transport::ShmRegion> region;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Endpoint> reader, honest;
};

/// The record that the cases below spoil is itself accepted.
TEST_F(Malformed, NotThisOne) {
  Write(Good(100), transport::Footprint(100));
  Incoming message;
  ASSERT_TRUE(WaitFor([&] { return reader->Poll(message); }));
  EXPECT_EQ(message.bytes.size(), 100u);
  EXPECT_EQ(message.name.source, Attention(0));
  reader->Release(message);
  EXPECT_TRUE(reader->PeerStatus(Attention(0)).ok());
}

TEST_F(Malformed, Magic) {
  Record record = Good(100);
  record.magic ^= 1;
  Write(record, transport::Footprint(100));
  ExpectRefused("magic");
}

TEST_F(Malformed, SizeAboveTheLargestMessage) {
  Write(Good(1001), transport::Footprint(1001));
  ExpectRefused("1001 bytes");
}

TEST_F(Malformed, SizeThatWrapsAround) {
  Write(Good(0xffffffff), transport::Footprint(100));
  ExpectRefused("2^32 - 1 bytes");
}

TEST_F(Malformed, SizeAboveWhatWasWritten) {
  Write(Good(900), transport::Footprint(100));
  ExpectRefused("900 bytes in a ring with fewer");
}

TEST_F(Malformed, LessThanAHeader) {
  Write(Good(0), sizeof(Record) - 1);
  ExpectRefused("half a header");
}

TEST_F(Malformed, MoreThanTheRingHolds) {
  Write(Good(100), region->capacity + 64);
  ExpectRefused("written beyond the ring");
}

TEST_F(Malformed, PositionThatGoesBackwards) {
  Write(Good(100), transport::Footprint(100));
  Incoming message;
  ASSERT_TRUE(reader->Poll(message));
  reader->Release(message);
  ring().written.store(0);
  ExpectRefused("position before what was read");
}

TEST_F(Malformed, Phase) {
  Record record = Good(100);
  record.name.phase = static_cast<Phase>(kPhaseCount);
  Write(record, transport::Footprint(100));
  ExpectRefused("phase");
}

TEST_F(Malformed, SourceOfAnother) {
  for (Address other : {Attention(1), Expert(0), Address{static_cast<EndpointKind>(77), -5}}) {
    SetUp();
    Record record = Good(100);
    record.name.source = other;
    Write(record, transport::Footprint(100));
    ExpectRefused("source " + Describe(other));
  }
}

/// The reader of a ring reports what it read and released; a writer believes no more than it sent.
TEST_F(Malformed, MoreReadThanSent) {
  back().read.store(64);
  EXPECT_TRUE(absl::IsDataLoss(reader->Acquire(Attention(0), 1).status()));
  ExpectRefused("read beyond what was written");
}

TEST_F(Malformed, MoreReleasedThanSent) {
  ASSERT_TRUE(TrySend(*reader, Attention(0), "one", Named(1)).ok());
  back().released.store(2);
  EXPECT_TRUE(absl::IsDataLoss(reader->Acquire(Attention(0), 1).status()));
  ExpectRefused("released more than was sent");
}

/// Positions a writer published before are its own to know: a peer that changes them does not move it.
TEST_F(Malformed, AChangedWritePositionOfOnesOwn) {
  std::unique_ptr<Endpoint> peer = *transport->Open(Attention(0));
  ASSERT_TRUE(TrySend(*reader, Attention(0), "first", Named(1)).ok());
  back().written.store(0x123456789abcdef);
  ASSERT_TRUE(TrySend(*reader, Attention(0), "second", Named(2)).ok());
  std::vector<std::string> found;
  Drain(*peer, [&](const Incoming &message) { found.emplace_back(message.bytes.data(), message.bytes.size()); });
  EXPECT_EQ(found, (std::vector<std::string>{"first", "second"}));
}

/// Random rings, some with a header that is nearly right: never more than DataLoss, and what is delivered lies within
/// the limits.
TEST_F(Malformed, RandomBytes) {
  std::mt19937_64 random(20240607);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    SetUp();
    for (size_t i = 0; i < region->capacity; ++i)
      ring().bytes()[i] = static_cast<char>(random());
    Record record = Good(static_cast<uint32_t>(random() % 2000));
    if (round % 2)
      reinterpret_cast<char *>(&record)[random() % sizeof record] ^= 1 << random() % 8;
    std::memcpy(ring().bytes(), &record, sizeof record);
    ring().written.store(round % 3 ? random() % (region->capacity + 100) : random());
    for (int i = 0; i < 20; ++i) {
      Incoming message;
      if (!reader->Poll(message))
        continue;
      ASSERT_LE(message.bytes.size(), 1000u);
      ASSERT_LT(static_cast<int>(message.name.phase), kPhaseCount);
      ASSERT_EQ(message.name.source, Attention(0));
      reader->Release(message);
    }
    refused += absl::IsDataLoss(reader->PeerStatus(Attention(0)));
  }
  EXPECT_GT(refused, 250);
}

} // namespace
} // namespace janus::conformance
