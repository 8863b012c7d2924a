// Version 2: what a reader gives, and what it refuses.
#include "test/unit/trace/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace janus::trace {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Head(uint64_t step, uint32_t rows, uint32_t layers) {
  return Bytes<uint64_t>({step}) + Bytes<uint32_t>({rows, layers});
}
std::string Origins(const std::vector<uint32_t> &sources, const std::vector<uint32_t> &positions,
                    const std::vector<uint8_t> &phases) {
  return Bytes(sources) + Bytes(positions) + Bytes(phases);
}

/// Two layers: 2 of 4 experts, and 1 of 300, whose ids have two bytes. Steps 7 and 9.
struct Files {
  std::string layers = R"([{"layer": 2, "experts": 4, "k": 2}, {"layer": 5, "experts": 300, "k": 1}])";
  std::string counts = R"("steps": 2, "rows": 3, "dropped_steps": 1)";
  std::string first =
      Head(7, 2, 2) + Origins({30, 11}, {0, 8}, {1, 0}) + Bytes<uint8_t>({0, 1, 3, 2}) + Bytes<uint16_t>({299, 0});
  std::string second = Head(9, 1, 2) + Origins({11}, {9}, {0}) + Bytes<uint8_t>({1, 3}) + Bytes<uint16_t>({256});

  std::string Meta() const {
    return R"({"format": "janus-routing", "version": 2, "model": "toy", "layers": )" + layers + ", " + counts + "}";
  }
  absl::StatusOr<std::unique_ptr<Trace>> Open() const {
    return ReadTrace({"T", Meta(), Gunzip(FromString(Gzip(first + second))), nullptr});
  }
  std::string Error() const {
    absl::StatusOr<std::unique_ptr<Trace>> trace = Open();
    const absl::Status status = trace.ok() ? ReadAll(**trace).status : trace.status();
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) << status;
    return std::string(status.message());
  }
};

TEST(StepTrace, RowsAndTheirOrigins) {
  absl::StatusOr<std::unique_ptr<Trace>> trace = Files().Open();
  ASSERT_TRUE(trace.ok()) << trace.status();
  const TraceInfo &info = (*trace)->info();
  EXPECT_EQ(info.version, 2);
  EXPECT_EQ(info.model, "toy");
  EXPECT_EQ(info.steps, 2);
  EXPECT_EQ(info.rows, 3);
  EXPECT_EQ(info.dropped_steps, 1);
  EXPECT_EQ(info.layers[1].layer, 5);
  const std::vector<Row> expected = {
      {7, 0, 0, 30, 0, true, {0, 1}}, {7, 0, 1, 11, 8, false, {3, 2}}, {7, 1, 0, 30, 0, true, {299}},
      {7, 1, 1, 11, 8, false, {0}},   {9, 0, 2, 11, 9, false, {1, 3}}, {9, 1, 2, 11, 9, false, {256}},
  };
  EXPECT_EQ(ReadAll(**trace), (Content{expected, absl::OkStatus()}));
  TraceBlock block;
  EXPECT_EQ((*trace)->Next(block).value(), false) << "the end stays the end";
  const std::vector<TraceSequence> sequences = *(*trace)->Sequences();
  ASSERT_EQ(sequences.size(), 2u);
  EXPECT_EQ(sequences[0].id, 11u);
  EXPECT_EQ(sequences[0].rows(), 2);
  EXPECT_EQ(sequences[1].id, 30u);
  EXPECT_EQ(sequences[1].rows_of[1], 1);
  EXPECT_EQ(ReadAll(**trace).rows, expected) << "Sequences rewinds";
}

/// A step of more rows than a block, and k of more than a block.
TEST(StepTrace, LargeSteps) {
  const uint32_t rows = 60000;
  std::vector<uint32_t> sources, positions;
  std::vector<uint8_t> ids;
  std::vector<uint16_t> wide;
  for (uint32_t i = 0; i < rows; ++i) {
    sources.push_back(i);
    positions.push_back(i * 3);
    for (int rank = 0; rank < 2; ++rank)
      ids.push_back(static_cast<uint8_t>((i * 7 + rank) % 250));
  }
  for (int i = 0; i < 40000; ++i)
    wide.push_back(static_cast<uint16_t>(39999 - i));
  Files files;
  files.layers = R"([{"experts": 250, "k": 2}])";
  files.first = Head(1, rows, 1) + Origins(sources, positions, std::vector<uint8_t>(rows)) + Bytes(ids);
  files.second = "";
  files.counts = R"("steps": 1, "rows": 60000, "dropped_steps": 0)";
  absl::StatusOr<std::unique_ptr<Trace>> trace = files.Open();
  ASSERT_TRUE(trace.ok()) << trace.status();
  Content content = ReadAll(**trace);
  ASSERT_TRUE(content.status.ok()) << content.status;
  ASSERT_EQ(content.rows.size(), rows);
  for (uint32_t i = 0; i < rows; ++i)
    ASSERT_EQ(content.rows[i], (Row{1, 0, i, i, i * 3, false, {ids[2 * i], ids[2 * i + 1]}}));

  files.layers = R"([{"experts": 40000, "k": 40000}])";
  files.first = Head(1, 1, 1) + Origins({0}, {0}, {0}) + Bytes(wide);
  files.counts = R"("steps": 1, "rows": 1, "dropped_steps": 0)";
  trace = files.Open();
  ASSERT_TRUE(trace.ok()) << trace.status();
  content = ReadAll(**trace);
  ASSERT_TRUE(content.status.ok()) << content.status;
  EXPECT_EQ(content.rows.at(0).ids, wide);
}

/// Wherever the file ends but between two steps, and there the number of steps tells.
TEST(StepTrace, CutOffAtEveryPlace) {
  const Files whole;
  const std::string records = whole.first + whole.second;
  for (size_t size = 0; size < records.size(); ++size) {
    Files files;
    files.first = records.substr(0, size);
    files.second = "";
    const std::string message = files.Error();
    EXPECT_THAT(message, AllOf(HasSubstr("T/routing.gz: record "), HasSubstr("found "), HasSubstr("expected ")))
        << size;
  }
}

TEST(StepTrace, BadRecords) {
  auto message = [](const std::string &second) {
    Files files;
    files.second = second;
    const std::string text = files.Error();
    EXPECT_THAT(text, HasSubstr("T/routing.gz: record 1: "));
    return text;
  };
  const std::string ids = Bytes<uint8_t>({1, 3}) + Bytes<uint16_t>({256});
  EXPECT_THAT(message(Head(9, 0, 2)), HasSubstr("found 0 rows"));
  EXPECT_THAT(message(Head(9, 65537, 2)), HasSubstr("1 to 65536 rows"));
  EXPECT_THAT(message(Head(9, 0xffffffff, 2)), HasSubstr("found 4294967295 rows"));
  EXPECT_THAT(message(Head(9, 1, 3)), AllOf(HasSubstr("3 layers"), HasSubstr("at 2 layers")));
  EXPECT_THAT(message(Head(9, 1, 2) + Origins({11}, {9}, {2}) + ids), HasSubstr("found phase 2"));
  EXPECT_THAT(message(Head(9, 1, 2) + Origins({0xffffffff}, {9}, {0}) + ids), HasSubstr("found source 4294967295"));
  EXPECT_THAT(message(Head(9, 1, 2) + Origins({11}, {9}, {0}) + Bytes<uint8_t>({1, 4}) + Bytes<uint16_t>({256})),
              AllOf(HasSubstr("step 9, layer 0, row 0"), HasSubstr("expert 4"), HasSubstr("0 to 3")));
  EXPECT_THAT(message(Head(9, 1, 2) + Origins({11}, {9}, {0}) + Bytes<uint8_t>({1, 3}) + Bytes<uint16_t>({300})),
              AllOf(HasSubstr("layer 1"), HasSubstr("expert 300")));
}

TEST(StepTrace, OtherCountsThanMetaSays) {
  Files files;
  files.counts = R"("steps": 3, "rows": 3, "dropped_steps": 0)";
  EXPECT_THAT(files.Error(), HasSubstr("after 2 steps of 3 rows in all, expected 3 of 3"));
  files.counts = R"("steps": 2, "rows": 4, "dropped_steps": 0)";
  EXPECT_THAT(files.Error(), HasSubstr("expected 2 of 4"));
}

TEST(StepTrace, BadMeta) {
  auto message = [](auto change) {
    Files files;
    change(files);
    const std::string text = files.Error();
    EXPECT_THAT(text, HasSubstr("T/meta.json: "));
    return text;
  };
  for (const char *layer :
       {"4", "{}", R"({"experts": 4})", R"({"experts": 0, "k": 0})", R"({"experts": 4, "k": 5})",
        R"({"experts": -4, "k": 1})", R"({"experts": 65536, "k": 1})", R"({"experts": 18446744073709551615, "k": 1})",
        R"({"experts": "4", "k": 1})", R"({"experts": 4, "k": 1, "layer": -1})", R"([4, 1])"})
    EXPECT_THAT(message([&](Files &f) { f.layers = std::string("[{\"experts\": 2, \"k\": 1}, ") + layer + "]"; }),
                HasSubstr("layer 1"))
        << layer;
  for (const char *layers : {"3", "[]", "null"})
    EXPECT_THAT(message([&](Files &f) { f.layers = layers; }), HasSubstr("'layers'"));
  for (const char *counts : {R"("steps": 2, "rows": 3)", R"("steps": -2, "rows": 3, "dropped_steps": 0)",
                             R"("steps": 2.5, "rows": 3, "dropped_steps": 0)"})
    EXPECT_THAT(message([&](Files &f) { f.counts = counts; }), HasSubstr("whole numbers"));
  auto version = [](const std::string &meta) { return std::string(TraceVersion("T", meta).status().message()); };
  EXPECT_THAT(version(R"({"format": "janus-routing", "version": 3})"),
              AllOf(HasSubstr("version 3"), HasSubstr("version 2")));
  EXPECT_THAT(version(R"({"layers": []})"), HasSubstr("janus-routing"));
  EXPECT_EQ(TraceVersion("T", R"({"layer_ids": []})").value(), 1);
}

} // namespace
} // namespace janus::trace
