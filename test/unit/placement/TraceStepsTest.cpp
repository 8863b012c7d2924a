// Steps out of traces: drawn batches against the rows looked up one by one, recorded steps against their rows.
#include "runtime/placement/TraceSteps.h"
#include "runtime/placement/BatchSampler.h"
#include "runtime/trace/TraceWriter.h"
#include "test/unit/trace/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <filesystem>
#include <map>
#include <random>
#include <set>

namespace janus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using trace::RowPhase;

constexpr int64_t kLayers = 3, kExperts = 100, kK = 2;

/// 40 sequences of 1 to 30 rows with a gap after every third.
std::unique_ptr<trace::Trace> ArrayOfSequences(bool phases = false) {
  std::mt19937 random(1);
  std::string table = "start\tlen\tphase\n";
  int64_t rows = 0;
  for (int i = 0; i < 40; ++i) {
    const int64_t length = 1 + random() % 30;
    table +=
        std::to_string(rows) + "\t" + std::to_string(length) + "\t" + (phases && i % 2 ? "prefill" : "decode") + "\n";
    rows += length + (i % 3 == 2 ? 4 : 0);
  }
  std::string ids;
  for (int64_t i = 0; i < rows * kLayers * kK; ++i)
    ids += static_cast<char>(random() % kExperts);
  trace::TraceParts parts;
  parts.meta = R"({"experts": 100, "layer_ids": [0, 2, 3]})";
  parts.data = trace::FromString(trace::Npy("|u1", std::to_string(rows) + ", 3, 2", ids));
  parts.sequences = trace::FromString(table);
  return *trace::ReadTrace(std::move(parts));
}

/// A run of 60 steps: requests of which each is a row or a prompt's rows in some of them.
std::unique_ptr<trace::Trace> RecordedRun() {
  const std::string path = testing::TempDir() + "/janus-trace-steps";
  std::filesystem::remove_all(path);
  trace::TraceInfo info;
  info.layers = {{0, kExperts, kK}, {2, kExperts, kK}, {3, kExperts, kK}};
  std::unique_ptr<trace::TraceWriter> writer = *trace::TraceWriter::Create(path, info);
  std::mt19937 random(2);
  std::map<uint32_t, uint32_t> next;
  for (uint64_t step = 1; step <= 60; ++step) {
    std::vector<trace::RowOrigin> rows;
    for (uint32_t request = 1; request <= 30; ++request)
      if (random() % 3 == 0) {
        const bool prefill = next[request] == 0;
        for (int i = 0; i < (prefill ? 5 : 1); ++i)
          rows.push_back({request, next[request]++, prefill ? RowPhase::kPrefill : RowPhase::kDecode});
      }
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      std::vector<int32_t> ids, slots(kExperts, -1);
      for (size_t i = 0; i < rows.size() * kK; ++i)
        ids.push_back(static_cast<int32_t>(random() % kExperts));
      for (int32_t id : ids)
        slots[id] = 0;
      writer->Layer(step, layer, ids, slots, 1);
    }
    writer->EndStep(step, rows, std::vector<int64_t>{static_cast<int64_t>(rows.size())}, "direct");
  }
  EXPECT_TRUE(writer->Close().ok());
  return *trace::OpenTrace(path);
}

using Experts = std::set<int32_t>;
Experts ActiveIn(const ActivationWindow &window, int64_t step) {
  Experts experts;
  for (int32_t e = 0; e < window.experts(); ++e)
    if (window.Active(step, e))
      experts.insert(e);
  return experts;
}

/// The rows of each sequence that count, by layer, in order.
using RowsOf = std::map<std::pair<uint32_t, int64_t>, std::vector<std::vector<uint16_t>>>;
RowsOf AllRows(trace::Trace &trace, const RowFilter &filter) {
  EXPECT_TRUE(trace.Rewind().ok());
  const trace::Content content = trace::ReadAll(trace);
  EXPECT_TRUE(content.status.ok());
  RowsOf rows;
  for (const trace::Row &row : content.rows)
    if (filter.Takes(row.prefill ? RowPhase::kPrefill : RowPhase::kDecode))
      rows[{row.sequence, row.layer}].push_back(row.ids);
  return rows;
}

/// The same draw, row by row out of all rows.
void ExpectDraw(RowsOf &rows, const std::vector<trace::TraceSequence> &sequences, const BatchDraw &draw,
                const DrawnSteps &steps) {
  std::vector<SequenceRange> ranges;
  std::vector<std::pair<uint32_t, int64_t>> of_number; // sequence and ordinal by the number that is drawn
  for (const trace::TraceSequence &sequence : sequences) {
    const int64_t count = static_cast<int64_t>(rows[{sequence.id, 0}].size());
    if (count == 0)
      continue;
    ranges.push_back({static_cast<int64_t>(of_number.size()), count});
    for (int64_t i = 0; i < count; ++i)
      of_number.emplace_back(sequence.id, i);
  }
  BatchSampler sampler(ranges, draw.seed);
  std::vector<std::vector<uint16_t>> ids(kLayers);
  for (int64_t step = 0; step < draw.steps; ++step) {
    std::vector<Experts> expected(kLayers);
    for (int64_t number : sampler.Draw(draw.batch))
      for (int64_t layer = 0; layer < kLayers; ++layer) {
        const std::vector<uint16_t> &row = rows[{of_number[number].first, layer}][of_number[number].second];
        expected[layer].insert(row.begin(), row.end());
        ids[layer].insert(ids[layer].end(), row.begin(), row.end());
      }
    for (int64_t layer = 0; layer < kLayers; ++layer)
      ASSERT_EQ(ActiveIn(steps.layers[layer], step), expected[layer]) << "step " << step << ", layer " << layer;
  }
  EXPECT_EQ(steps.ids, draw.keep_rows ? ids : std::vector<std::vector<uint16_t>>());
}

void ExpectDraws(trace::Trace &trace, const RowFilter &filter) {
  const std::vector<trace::TraceSequence> all = *trace.Sequences();
  std::vector<trace::TraceSequence> even;
  for (size_t i = 0; i < all.size(); i += 2)
    even.push_back(all[i]);
  const std::vector<StepSource> sources = {{all, {{1, 30, 1}, {20, 20, 3, true}, {3, 0, 4}}}, {even, {{8, 50, 2}}}};
  int64_t told = -1;
  absl::StatusOr<std::vector<SourceSteps>> steps =
      DrawSteps(trace, filter, sources, [&](int64_t rows) { told = rows; });
  ASSERT_TRUE(steps.ok()) << steps.status();
  EXPECT_GE(told, 0);
  RowsOf rows = AllRows(trace, filter);
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t d = 0; d < sources[i].draws.size(); ++d)
      ExpectDraw(rows, sources[i].sequences, sources[i].draws[d], (*steps)[i].draws[d]);
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      std::vector<double> tokens(kExperts);
      for (const trace::TraceSequence &sequence : sources[i].sequences)
        for (const std::vector<uint16_t> &row : rows[{sequence.id, layer}])
          for (uint16_t id : row)
            tokens[id] += 1;
      EXPECT_EQ((*steps)[i].tokens[layer], tokens);
    }
  }
}

TEST(DrawSteps, OfSequences) { ExpectDraws(*ArrayOfSequences(), {}); }
TEST(DrawSteps, OfTheRequestsOfARun) { ExpectDraws(*RecordedRun(), {}); }
TEST(DrawSteps, OfDecodeRowsAlone) { ExpectDraws(*RecordedRun(), {true, false}); }

TEST(DrawSteps, MoreThanThereAreSequences) {
  std::unique_ptr<trace::Trace> trace = ArrayOfSequences(true);
  const std::vector<trace::TraceSequence> all = *trace->Sequences();
  EXPECT_TRUE(DrawSteps(*trace, {}, {{all, {{40, 2, 1}}}}).ok());
  const absl::Status status = DrawSteps(*trace, {}, {{all, {{41, 2, 1}}}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("found 40 sequences"), HasSubstr("at least 41")));
  EXPECT_TRUE(DrawSteps(*trace, {true, false}, {{all, {{20, 2, 1}}}}).ok()) << "half of them decode";
  EXPECT_FALSE(DrawSteps(*trace, {true, false}, {{all, {{21, 2, 1}}}}).ok());
  EXPECT_FALSE(DrawSteps(*trace, {}, {{all, {{0, 2, 1}}}}).ok());
}

TEST(RecordedSteps, AreThoseOfTheRun) {
  std::unique_ptr<trace::Trace> trace = RecordedRun();
  const trace::Content content = trace::ReadAll(*trace);
  for (const RowFilter &filter : {RowFilter{}, RowFilter{true, false}, RowFilter{false, true}})
    for (int64_t most : {7, 60, 100}) {
      std::vector<std::vector<Experts>> expected(kLayers); // [layer][step]
      std::vector<uint64_t> last(kLayers);
      for (const trace::Row &row : content.rows) {
        if (!filter.Takes(row.prefill ? RowPhase::kPrefill : RowPhase::kDecode))
          continue;
        if (std::exchange(last[row.layer], row.step) != row.step)
          expected[row.layer].emplace_back();
        expected[row.layer].back().insert(row.ids.begin(), row.ids.end());
      }
      absl::StatusOr<std::vector<ActivationWindow>> windows = RecordedSteps(*trace, filter, most);
      ASSERT_TRUE(windows.ok()) << windows.status();
      for (int64_t layer = 0; layer < kLayers; ++layer) {
        const int64_t steps = static_cast<int64_t>(expected[layer].size());
        ASSERT_EQ((*windows)[layer].steps(), std::min(most, steps));
        for (int64_t i = 0; i < std::min(most, steps); ++i)
          ASSERT_EQ(ActiveIn((*windows)[layer], i), expected[layer][std::max<int64_t>(0, steps - most) + i]);
      }
    }
}

TEST(RecordedSteps, VersionOneHasNone) {
  const absl::Status status = RecordedSteps(*ArrayOfSequences()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 1"));
}

/// A window for every layer of the model, with no experts where the trace lists none.
TEST(ReadRoutingTrace, LayersOfTheModel) {
  RecordedRun();
  const absl::StatusOr<std::vector<ActivationWindow>> windows =
      ReadRoutingTrace(testing::TempDir() + "/janus-trace-steps");
  ASSERT_TRUE(windows.ok()) << windows.status();
  ASSERT_EQ(windows->size(), 4u);
  EXPECT_EQ((*windows)[1].experts(), 0);
  EXPECT_EQ((*windows)[2].experts(), kExperts);
  EXPECT_EQ((*windows)[2].steps(), 60);
  EXPECT_TRUE(absl::IsNotFound(ReadRoutingTrace(testing::TempDir() + "/nowhere").status()));
}

} // namespace
} // namespace janus
