// What the writer records a reader gives back; steps that cannot be recorded are counted; the step path allocates
// nothing.
#include "runtime/trace/TraceWriter.h"
#include "test/unit/base/CountAllocations.h"
#include "test/unit/trace/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

namespace janus::trace {
namespace {

/// Layers 1 and 3 of a model: 2 of 8 experts, 3 of 1000.
TraceInfo Model() {
  TraceInfo info;
  info.model = "toy";
  info.layers = {{1, 8, 2}, {3, 1000, 3}};
  return info;
}

/// A step of random rows, as the runtime tells it.
struct Step {
  uint64_t number;
  std::vector<RowOrigin> origins;
  std::vector<std::vector<int32_t>> ids, slots; // by layer

  Step(uint64_t number, int64_t rows, std::mt19937 &random) : number(number) {
    for (int64_t i = 0; i < rows; ++i)
      origins.push_back({static_cast<uint32_t>(random() % 50), static_cast<uint32_t>(random() % 1000),
                         random() % 2 ? RowPhase::kPrefill : RowPhase::kDecode});
    for (const TraceLayer &layer : Model().layers) {
      ids.emplace_back();
      for (int64_t i = 0; i < rows * layer.k; ++i)
        ids.back().push_back(static_cast<int32_t>(random() % layer.experts));
      slots.emplace_back(layer.experts, -1);
      for (int32_t id : ids.back())
        slots.back()[id] = id % 5 * 3 + 1;
    }
  }
  void Give(TraceWriter &writer) const {
    for (size_t l = 0; l < ids.size(); ++l)
      writer.Layer(number, static_cast<int64_t>(l), ids[l], slots[l], 3);
    const int64_t rows = static_cast<int64_t>(origins.size());
    const int64_t by_instance[] = {rows / 2, rows - rows / 2};
    writer.EndStep(number, origins, by_instance, "direct");
  }
  std::vector<Row> Rows(int64_t first) const {
    std::vector<Row> rows;
    for (size_t l = 0; l < ids.size(); ++l)
      for (size_t i = 0; i < origins.size(); ++i) {
        const size_t k = Model().layers[l].k;
        rows.push_back({number,
                        static_cast<int64_t>(l),
                        first + static_cast<int64_t>(i),
                        origins[i].sequence,
                        origins[i].position,
                        origins[i].phase == RowPhase::kPrefill,
                        {ids[l].begin() + i * k, ids[l].begin() + (i + 1) * k}});
      }
    return rows;
  }
};

class Writer : public testing::Test {
protected:
  void SetUp() override { std::filesystem::remove_all(path); }
  void Create(int64_t ring_bytes = 1 << 20) {
    absl::StatusOr<std::unique_ptr<TraceWriter>> created = TraceWriter::Create(path, Model(), {ring_bytes});
    ASSERT_TRUE(created.ok()) << created.status();
    writer = *std::move(created);
  }
  Content Read() {
    absl::StatusOr<std::unique_ptr<Trace>> trace = OpenTrace(path);
    if (!trace.ok())
      return {{}, trace.status()};
    info = (*trace)->info();
    return ReadAll(**trace);
  }
  std::string path = testing::TempDir() + "/janus-trace-writer";
  std::unique_ptr<TraceWriter> writer;
  TraceInfo info;
  std::mt19937 random{3};
};

TEST_F(Writer, RoundTrip) {
  Create();
  std::vector<Row> expected;
  int64_t first = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    const Step step(i * 2, 1 + random() % 40, random);
    step.Give(*writer);
    const std::vector<Row> rows = step.Rows(first);
    expected.insert(expected.end(), rows.begin(), rows.end());
    first += static_cast<int64_t>(step.origins.size());
  }
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_EQ(Read(), (Content{expected, absl::OkStatus()}));
  EXPECT_EQ(info.steps, 300);
  EXPECT_EQ(info.rows, first);
  EXPECT_EQ(info.dropped_steps, 0);
  EXPECT_EQ(info.model, "toy");
  EXPECT_EQ(info.layers[1].layer, 3);
}

/// schedule.gz and steps.tsv of one step, by hand.
TEST_F(Writer, ScheduleAndSteps) {
  Create();
  Step step(5, 1, random);
  step.ids = {{1, 7}, {0, 1, 999}};
  step.slots = {{-1, 4, -1, -1, -1, -1, -1, 0}, std::vector<int32_t>(1000, -1)};
  step.slots[1][0] = 2, step.slots[1][1] = 3, step.slots[1][999] = 11;
  step.Give(*writer);
  ASSERT_TRUE(writer->Close().ok());
  std::vector<uint16_t> wide(1000, 0xffff);
  wide[0] = 0, wide[1] = 1, wide[999] = 3;
  const uint16_t no = 0xffff;
  const std::string expected = Bytes<uint64_t>({5}) + Bytes<uint32_t>({1, 8}) +
                               Bytes<uint16_t>({no, 1, no, no, no, no, no, 0}) + Bytes<uint64_t>({5}) +
                               Bytes<uint32_t>({3, 1000}) + Bytes(wide);
  std::string found(expected.size() + 1, '\0');
  found.resize(*Gunzip(*OpenFile(path + "/schedule.gz"))->Read(found.data(), static_cast<int64_t>(found.size())));
  EXPECT_EQ(found, expected);
  EXPECT_EQ(ReadText(path + "/steps.tsv", 100).value(), "step\tscheme\trows\n5\tdirect\t0,1\n");
}

/// Steps that never fit are left out and counted; what comes after is recorded.
TEST_F(Writer, AStepThatIsLargerThanTheRing) {
  Create(1 << 12);
  Step(1, 600, random).Give(*writer);
  Step(2, 600, random).Give(*writer);
  const Step small(3, 2, random);
  small.Give(*writer);
  EXPECT_EQ(writer->steps(), 3);
  EXPECT_EQ(writer->dropped(), 2);
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_EQ(Read(), (Content{small.Rows(0), absl::OkStatus()}));
  EXPECT_EQ(info.dropped_steps, 2);
}

/// Faster than they can be written: whatever is lost is lost whole and counted, and the rest is right.
TEST_F(Writer, FasterThanTheRingIsEmptied) {
  Create(1 << 13);
  std::map<uint64_t, Step> given;
  for (uint64_t i = 1; i <= 3000; ++i) {
    const Step &step = given.emplace(i, Step(i, 1 + random() % 20, random)).first->second;
    step.Give(*writer);
  }
  ASSERT_TRUE(writer->Close().ok());
  const Content content = Read();
  ASSERT_TRUE(content.status.ok()) << content.status;
  EXPECT_EQ(info.steps + info.dropped_steps, 3000);
  EXPECT_GT(info.steps, 0);
  EXPECT_GT(info.dropped_steps, 0) << "a ring of three steps and a writer that sleeps";
  std::vector<Row> expected;
  int64_t first = 0;
  uint64_t previous = 0;
  for (const Row &row : content.rows)
    if (row.step != previous) {
      ASSERT_GT(row.step, previous);
      previous = row.step;
      const std::vector<Row> rows = given.at(row.step).Rows(first);
      expected.insert(expected.end(), rows.begin(), rows.end());
      first += static_cast<int64_t>(given.at(row.step).origins.size());
    }
  EXPECT_EQ(content.rows, expected);
}

/// A layer that is scheduled again after a failure counts as it was the last time; steps without all layers or with
/// other rows than their layers are left out.
TEST_F(Writer, RetriesAndStepsThatFailed) {
  Create();
  const Step again(1, 4, random), before(1, 4, random), failed(2, 3, random), other(3, 5, random), last(4, 1, random);
  writer->Layer(1, 0, before.ids[0], before.slots[0], 3);
  writer->Layer(1, 1, before.ids[1], before.slots[1], 3);
  writer->Layer(1, 0, again.ids[0], again.slots[0], 3);
  again.Give(*writer);
  writer->Layer(2, 0, failed.ids[0], failed.slots[0], 3); // and no EndStep
  writer->Layer(3, 0, other.ids[0], other.slots[0], 3);
  writer->EndStep(3, other.origins, std::vector<int64_t>{5}, "direct");
  const Step wrong(5, 2, random);
  writer->Layer(5, 0, wrong.ids[0], wrong.slots[0], 3);
  writer->Layer(5, 1, wrong.ids[1], wrong.slots[1], 3);
  writer->EndStep(5, other.origins, std::vector<int64_t>{5}, "direct");
  last.Give(*writer);
  ASSERT_TRUE(writer->Close().ok());
  std::vector<Row> expected = again.Rows(0);
  for (const Row &row : last.Rows(4))
    expected.push_back(row);
  EXPECT_EQ(Read(), (Content{expected, absl::OkStatus()}));
  EXPECT_EQ(info.dropped_steps, 3);
}

/// The count is of the whole process, and the writer's thread allocates while it writes: between two of its turns there
/// are windows in which only the step path runs.
TEST_F(Writer, TheStepPathAllocatesNothing) {
  Create();
  const Step step(0, 30, random);
  const int64_t by_instance[] = {30};
  int64_t least = INT64_MAX;
  for (uint64_t window = 0; window < 1000 && least > 0; ++window) {
    const int64_t before = CountAllocations();
    for (uint64_t i = 0; i < 10; ++i) {
      for (size_t l = 0; l < 2; ++l)
        writer->Layer(window * 10 + i, static_cast<int64_t>(l), step.ids[l], step.slots[l], 3);
      writer->EndStep(window * 10 + i, step.origins, by_instance, "direct");
    }
    least = std::min(least, CountAllocations() - before);
  }
  EXPECT_EQ(least, 0);
  ASSERT_TRUE(writer->Close().ok());
}

/// Without Close there is no meta.json, and so no trace; an earlier one does not survive its files.
TEST_F(Writer, UnfinishedIsNoTrace) {
  Create();
  Step(1, 2, random).Give(*writer);
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_TRUE(Read().status.ok());
  Create();
  Step(2, 2, random).Give(*writer);
  writer.reset();
  EXPECT_TRUE(absl::IsNotFound(Read().status));
}

TEST_F(Writer, WhereNothingCanBeWritten) {
  const std::string file = testing::TempDir() + "/janus-trace-file";
  std::ofstream(file) << "x";
  for (const std::string &directory : {file, file + "/below"}) {
    const absl::Status status = TraceWriter::Create(directory, Model()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(directory));
  }
}

} // namespace
} // namespace janus::trace
