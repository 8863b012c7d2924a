// Which sequences take part, and units that are done by several threads.
#include "runtime/planner/Selection.h"
#include "runtime/planner/ForEach.h"
#include "test/unit/planner/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <atomic>
#include <thread>

namespace janus::planner {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Half = Selection::Half;

std::vector<trace::TraceSequence> Sequences() {
  std::vector<trace::TraceSequence> sequences;
  for (const char *domain : {"exam/law", "exam/art", "examples", "code", "exam"}) {
    trace::TraceSequence &sequence = sequences.emplace_back();
    sequence.id = static_cast<uint32_t>(sequences.size() - 1);
    sequence.domain = domain;
    sequence.repetition = sequence.id == 3;
  }
  return sequences;
}

std::vector<uint32_t> Ids(const Selection &selection) {
  std::vector<uint32_t> ids;
  const absl::StatusOr<std::vector<trace::TraceSequence>> selected = Select(Sequences(), selection);
  EXPECT_TRUE(selected.ok()) << selected.status();
  for (const trace::TraceSequence &sequence : selected.value_or(std::vector<trace::TraceSequence>()))
    ids.push_back(sequence.id);
  return ids;
}

TEST(Selection, DomainsHalvesAndRepetitions) {
  EXPECT_THAT(Ids({}), ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(Ids({{}, true}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Ids({{"exam"}}), ElementsAre(0, 1, 4)) << "and not examples";
  EXPECT_THAT(Ids({{"exam/art", "examples"}}), ElementsAre(1, 2));
  EXPECT_THAT(Ids({{}, true, Half::kEven}), ElementsAre(0, 2, 4));
  EXPECT_THAT(Ids({{}, true, Half::kOdd}), ElementsAre(1, 3));
  EXPECT_THAT(Domains(Sequences()), ElementsAre("exam", "examples", "code"));
}

TEST(Selection, Nothing) {
  auto message = [](const Selection &selection) {
    return std::string(Select(Sequences(), selection).status().message());
  };
  EXPECT_THAT(message({{"exa"}}), AllOf(HasSubstr("'exa'"), HasSubstr("exam, examples, code")));
  EXPECT_THAT(message({{"code"}}), AllOf(HasSubstr("found no sequence"), HasSubstr("--repetitions")));
  EXPECT_THAT(message({{"exam/law"}, false, Half::kOdd}), HasSubstr("in this half"));
}

TEST(ForEach, EveryUnitOnceAndProgressAtHome) {
  for (int threads : {1, 3, 100}) {
    std::vector<std::atomic<int>> times(50);
    const std::thread::id home = std::this_thread::get_id();
    int64_t last = 0;
    const absl::Status status = ForEach(
        50, threads,
        [&](int64_t i) {
          ++times[i];
          return absl::OkStatus();
        },
        "counting",
        [&](const char *what, int64_t done, int64_t all) {
          EXPECT_EQ(std::this_thread::get_id(), home);
          EXPECT_STREQ(what, "counting");
          EXPECT_LE(last, done);
          EXPECT_LE(done, all);
          last = done;
        });
    EXPECT_TRUE(status.ok());
    for (const std::atomic<int> &count : times)
      EXPECT_EQ(count, 1);
  }
}

TEST(ForEach, TheFirstErrorEndsIt) {
  std::atomic<int> done = 0;
  const absl::Status status =
      ForEach(1000, 1,
              [&](int64_t i) {
                ++done;
                return i < 3 ? absl::OkStatus() : absl::InvalidArgumentError("unit " + std::to_string(i));
              },
              "", {});
  EXPECT_EQ(status.message(), "unit 3");
  EXPECT_EQ(done, 4);
}

} // namespace
} // namespace janus::planner
