// Version 1: what a reader gives, and what it refuses.
#include "test/unit/trace/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <filesystem>
#include <fstream>
#include <random>

namespace janus::trace {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// 5 tokens, 2 layers, 2 of 4 experts; token 2 is of no sequence.
struct Files {
  std::string meta = R"({"model": "toy", "experts": 4, "layer_ids": [1, 3], "tokens": 5, "layers": 2, "top_k": 2})";
  std::string table =
      "seq\tstart\tlen\tdomain\tphase\trepetition\tother\n0\t0\t2\tprose\tdecode\t0\tx\n1\t3\t2\tlaw\tprefill\t1\t\n";
  std::string shape = "5, 2, 2", descr = "|u1";
  std::string data = Bytes<uint8_t>({0, 1, 2, 3, 1, 2, 3, 0, 0, 3, 1, 0, 3, 2, 2, 1, 2, 0, 0, 1});

  absl::StatusOr<std::unique_ptr<Trace>> Open() const {
    TraceParts parts;
    parts.where = "T";
    parts.meta = meta;
    parts.data = Gunzip(FromString(Gzip(Npy(descr, shape, data))));
    parts.sequences = FromString(table);
    return ReadTrace(std::move(parts));
  }
  std::string Error() const {
    absl::StatusOr<std::unique_ptr<Trace>> trace = Open();
    const absl::Status status = trace.ok() ? ReadAll(**trace).status : trace.status();
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) << status;
    return std::string(status.message());
  }
};

TEST(ArrayTrace, RowsAndTheirOrigins) {
  absl::StatusOr<std::unique_ptr<Trace>> trace = Files().Open();
  ASSERT_TRUE(trace.ok()) << trace.status();
  const TraceInfo &info = (*trace)->info();
  EXPECT_EQ(info.version, 1);
  EXPECT_EQ(info.model, "toy");
  EXPECT_EQ(info.rows, 5);
  ASSERT_EQ(info.layers.size(), 2u);
  EXPECT_EQ(info.layers[1].layer, 3);
  EXPECT_EQ(info.layers[1].experts, 4);
  EXPECT_EQ(info.layers[1].k, 2);
  const uint32_t none = RowOrigin::kNone;
  const std::vector<Row> expected = {
      {0, 0, 0, 0, 0, false, {0, 1}}, {0, 0, 1, 0, 1, false, {1, 2}},    {0, 0, 2, none, 0, false, {0, 3}},
      {0, 0, 3, 1, 0, true, {3, 2}},  {0, 0, 4, 1, 1, true, {2, 0}},     {0, 1, 0, 0, 0, false, {2, 3}},
      {0, 1, 1, 0, 1, false, {3, 0}}, {0, 1, 2, none, 0, false, {1, 0}}, {0, 1, 3, 1, 0, true, {2, 1}},
      {0, 1, 4, 1, 1, true, {0, 1}},
  };
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(ReadAll(**trace), (Content{expected, absl::OkStatus()}));
    ASSERT_TRUE((*trace)->Rewind().ok());
  }
  const std::vector<TraceSequence> sequences = *(*trace)->Sequences();
  ASSERT_EQ(sequences.size(), 2u);
  EXPECT_EQ(sequences[0].domain, "prose");
  EXPECT_EQ(sequences[1].domain, "law");
  EXPECT_EQ(sequences[1].first_row, 3);
  EXPECT_EQ(sequences[1].rows(), 2);
  EXPECT_EQ(sequences[1].rows_of[1], 2);
  EXPECT_EQ(sequences[1].repetition, 1);
}

/// More tokens than a chunk, in the order of the array whatever the chunk.
TEST(ArrayTrace, ManyChunks) {
  const int64_t tokens = 50000, layers = 3;
  std::mt19937 random(2);
  std::vector<uint8_t> ids;
  for (int64_t i = 0; i < tokens * layers; ++i)
    ids.push_back(static_cast<uint8_t>(random() % 256));
  Files files;
  files.meta = R"({"experts": 256, "layer_ids": [0, 1, 2]})";
  files.shape = "50000, 3, 1";
  files.table = "start\tlen\n0\t50000\n";
  files.data = Bytes(ids);
  absl::StatusOr<std::unique_ptr<Trace>> trace = files.Open();
  ASSERT_TRUE(trace.ok()) << trace.status();
  const Content content = ReadAll(**trace);
  ASSERT_TRUE(content.status.ok()) << content.status;
  ASSERT_EQ(content.rows.size(), ids.size());
  std::vector<int64_t> next(layers);
  for (const Row &row : content.rows) {
    ASSERT_EQ(row.row, next[row.layer]++);
    ASSERT_EQ(row.ids[0], ids[row.row * layers + row.layer]);
    ASSERT_EQ(row.position, row.row);
  }
}

TEST(ArrayTrace, Directory) {
  const std::string path = testing::TempDir() + "/janus-array-trace";
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  const Files files;
  std::ofstream(path + "/seqs.tsv") << files.table;
  std::ofstream(path + "/topk.npy.gz", std::ios::binary) << Gzip(Npy(files.descr, files.shape, files.data));
  EXPECT_THAT(std::string(OpenTrace(path).status().message()),
              AllOf(HasSubstr("meta.json"), HasSubstr("--record-routing")));
  std::ofstream(path + "/meta.json") << files.meta;
  absl::StatusOr<std::unique_ptr<Trace>> trace = OpenTrace(path);
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(ReadAll(**trace), ReadAll(**files.Open()));
  for (const char *name : {"seqs.tsv", "topk.npy.gz"}) {
    std::filesystem::remove(path + "/" + name);
    EXPECT_THAT(std::string(OpenTrace(path).status().message()), HasSubstr(name));
  }
}

TEST(ArrayTrace, BadArray) {
  auto message = [](auto change) {
    Files files;
    change(files);
    const std::string text = files.Error();
    EXPECT_THAT(text, HasSubstr("T/topk.npy.gz: "));
    return text;
  };
  EXPECT_THAT(message([](Files &f) { f.data.pop_back(); }),
              AllOf(HasSubstr("found 4 tokens"), HasSubstr("expected 5")));
  EXPECT_THAT(message([](Files &f) { f.data.clear(); }), HasSubstr("found 0 tokens"));
  EXPECT_THAT(message([](Files &f) { f.data += '\0'; }), HasSubstr("more than the 5 tokens"));
  EXPECT_THAT(message([](Files &f) { f.data[9] = 4; }),
              AllOf(HasSubstr("token 2, layer 0"), HasSubstr("expert 4"), HasSubstr("0 to 3")));
  EXPECT_THAT(message([](Files &f) { f.descr = "<i8"; }), AllOf(HasSubstr("'<i8'"), HasSubstr("'|u1'")));
  for (const char *shape : {"", "5", "5, 2", "5, 2, 2, 1", "5, -2, 2", "5, 2, x", "5, 99999999999999999999, 2"})
    EXPECT_THAT(message([&](Files &f) { f.shape = shape; }), HasSubstr("[tokens, layers, k]")) << shape;
  EXPECT_THAT(message([](Files &f) { f.shape = "4, 2, 2"; }),
              AllOf(HasSubstr("found 4 tokens"), HasSubstr("expected 5")));
  EXPECT_THAT(message([](Files &f) { f.shape = "5, 4, 1"; }), AllOf(HasSubstr("4 layers"), HasSubstr("expected 2")));
  for (const char *shape : {"0, 2, 2", "5, 0, 2", "5, 2, 0", "5, 2, 5", "5, 4097, 2"})
    EXPECT_THAT(message([&](Files &f) {
                  f.shape = shape;
                  f.meta = R"({"experts": 4, "layer_ids": [1, 3]})";
                }),
                HasSubstr("expected at least one token"))
        << shape;
  TraceParts parts = {"T", Files().meta, FromString(std::string("\x93NUMPY\x02\x00 and so on", 18)),
                      FromString(Files().table)};
  EXPECT_THAT(std::string(ReadTrace(std::move(parts)).status().message()), HasSubstr("version 1.0"));
  parts = {"T", Files().meta, FromString(Npy("|u1", "5, 2, 2", Files().data, true)), FromString(Files().table)};
  EXPECT_THAT(std::string(ReadTrace(std::move(parts)).status().message()), HasSubstr("C order"));
}

TEST(ArrayTrace, BadMeta) {
  auto message = [](const std::string &meta) {
    Files files;
    files.meta = meta;
    const std::string text = files.Error();
    EXPECT_THAT(text, HasSubstr("T/meta.json: ")) << meta;
    return text;
  };
  EXPECT_THAT(message(""), HasSubstr("no JSON object"));
  EXPECT_THAT(message(std::string(100000, '[')), HasSubstr("no JSON object"));
  EXPECT_THAT(message(R"({"experts": 4})"), HasSubstr("'layer_ids'"));
  for (const char *experts : {"0", "257", "-1", "4.0", "\"4\"", "99999999999999999999"})
    EXPECT_THAT(message(std::string(R"({"layer_ids": [1, 3], "experts": )") + experts + "}"), HasSubstr("1 to 256"))
        << experts;
  EXPECT_THAT(message(R"({"layer_ids": [1, 3]})"), HasSubstr("found null"));
  for (const char *ids : {"3", "[1]", "[1, -3]", "[1, \"3\"]"})
    EXPECT_THAT(message(std::string(R"({"experts": 4, "layer_ids": )") + ids + "}"), HasSubstr("'layer_ids'")) << ids;
}

TEST(ArrayTrace, BadTable) {
  auto message = [](const std::string &table) {
    Files files;
    files.table = table;
    const std::string text = files.Error();
    EXPECT_THAT(text, HasSubstr("T/seqs.tsv:")) << table;
    return text;
  };
  EXPECT_THAT(message(""), AllOf(HasSubstr("header"), HasSubstr("'start' and 'len'")));
  EXPECT_THAT(message("seq\tstart\n0\t0\n"), HasSubstr("'start' and 'len'"));
  EXPECT_THAT(message("start\tlen\tlen\n0\t1\t1\n"), HasSubstr("twice"));
  EXPECT_THAT(message("start\tlen\n"), HasSubstr("no sequence"));
  EXPECT_THAT(message("start\tlen\n0\t2\n3\n"), AllOf(HasSubstr("seqs.tsv:3"), HasSubstr("1 cells, expected 2")));
  for (const char *line : {"x\t1", "-1\t2", "0\t1.5", "\t", "99999999999999999999\t1"})
    EXPECT_THAT(message(std::string("start\tlen\n") + line + "\n"),
                AllOf(HasSubstr("seqs.tsv:2"), HasSubstr("whole numbers")))
        << line;
  for (const char *line : {"0\t0", "0\t6", "5\t1", "9223372036854775807\t1", "1\t9223372036854775807"})
    EXPECT_THAT(message(std::string("start\tlen\n") + line + "\n"), HasSubstr("all below 5")) << line;
  EXPECT_THAT(message("start\tlen\n0\t3\n2\t1\n"), AllOf(HasSubstr("seqs.tsv:3"), HasSubstr("expected 3 or more")));
  EXPECT_THAT(message("start\tlen\n0\t1\t" + std::string(70000, ' ')), HasSubstr("a line of more than"));
  EXPECT_THAT(message("start\tlen\tdomain\n0\t1\t" + std::string(5000, 'd')), HasSubstr("a name of 5000"));
}

} // namespace
} // namespace janus::trace
