// Reading a routing trace: what the document says is what is counted, and damaged files are refused.
#include "runtime/placement/RoutingTrace.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace janus {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A directory that is removed again.
class TraceDirectory : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/janus-trace-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    path = name;
    Write("meta.json", R"({"format": "janus-routing", "version": 2, "layers": [{"experts": 4, "k": 2}, )"
                       R"({"experts": 300, "k": 1}]})");
  }
  void TearDown() override { std::filesystem::remove_all(path); }
  void Write(const std::string &file, const std::string &bytes) {
    std::ofstream(path + "/" + file, std::ios::binary) << bytes;
  }
  /// A record of routing.bin, byte by byte as in docs/routing-trace.md.
  static std::string Record(uint64_t step, uint32_t layer, uint32_t rows, const std::vector<int> &ids) {
    std::string bytes;
    auto put = [&](uint64_t value, int size) {
      for (int i = 0; i < size; ++i)
        bytes += static_cast<char>(value >> 8 * i);
    };
    put(step, 8);
    put(layer, 4);
    put(rows, 4);
    for (int id : ids)
      put(id, 2);
    return bytes;
  }
  absl::Status Error() { return ReadRoutingTrace(path).status(); }

  std::string path;
};

TEST_F(TraceDirectory, CountsStepsAndPairs) {
  Write("routing.bin", Record(1, 0, 3, {0, 1, 0, 1, 0, 2}) + Record(1, 1, 3, {299, 7, 7}) + Record(2, 0, 1, {0, 2}) +
                           Record(2, 1, 1, {7}) + Record(3, 0, 0, {}) + Record(4, 0, 1, {3, 0}));
  const absl::StatusOr<std::vector<ActivationWindow>> windows = ReadRoutingTrace(path);
  ASSERT_TRUE(windows.ok()) << windows.status();
  ASSERT_EQ(windows->size(), 2u);
  const ActivationWindow &first = (*windows)[0], &second = (*windows)[1];
  EXPECT_EQ(first.experts(), 4);
  EXPECT_EQ(first.steps(), 4);
  const std::vector<int64_t> frequency = {first.Frequency(0), first.Frequency(1), first.Frequency(2),
                                          first.Frequency(3)};
  EXPECT_EQ(frequency, (std::vector<int64_t>{3, 1, 2, 1}));
  EXPECT_EQ(first.Both(0, 1), 1);
  EXPECT_EQ(first.Both(2, 0), 2);
  EXPECT_EQ(first.Both(1, 2), 1);
  EXPECT_EQ(first.Both(1, 3), 0);
  EXPECT_EQ(second.steps(), 2);
  EXPECT_EQ(second.Frequency(7), 2);
  EXPECT_EQ(second.Both(7, 299), 1);
  EXPECT_EQ(second.Frequency(0), 0);
}

/// Only the last steps count.
TEST_F(TraceDirectory, TheWindowMovesOn) {
  std::string bytes;
  const int steps = ActivationWindow::kSteps + 100;
  for (int step = 0; step < steps; ++step)
    bytes += Record(step, 0, 1, {step < 150 ? 0 : 1, 2 + step % 2});
  Write("routing.bin", bytes);
  const absl::StatusOr<std::vector<ActivationWindow>> windows = ReadRoutingTrace(path);
  ASSERT_TRUE(windows.ok()) << windows.status();
  const ActivationWindow &window = windows->front();
  EXPECT_EQ(window.steps(), ActivationWindow::kSteps);
  EXPECT_EQ(window.Frequency(0), 50);
  EXPECT_EQ(window.Frequency(1), ActivationWindow::kSteps - 50);
  EXPECT_EQ(window.Both(0, 2), 25);
  EXPECT_EQ(window.Frequency(2) + window.Frequency(3), ActivationWindow::kSteps);
}

/// Cut anywhere but between records, the file is refused.
TEST_F(TraceDirectory, Truncated) {
  const std::string first = Record(1, 0, 3, {0, 1, 0, 1, 0, 2}), whole = first + Record(1, 1, 2, {299, 7});
  for (size_t size = 0; size <= whole.size(); ++size) {
    Write("routing.bin", whole.substr(0, size));
    if (size == 0 || size == first.size() || size == whole.size())
      EXPECT_TRUE(Error().ok()) << size;
    else
      EXPECT_TRUE(absl::IsDataLoss(Error())) << size << ": " << Error();
  }
}

TEST_F(TraceDirectory, Corrupt) {
  auto message = [&](const std::string &bytes, absl::StatusCode code) {
    Write("routing.bin", Record(1, 0, 1, {0, 1}) + bytes);
    EXPECT_EQ(Error().code(), code) << Error();
    EXPECT_THAT(std::string(Error().message()), AllOf(HasSubstr("routing.bin"), HasSubstr("record 1")));
    return std::string(Error().message());
  };
  EXPECT_THAT(message(Record(2, 2, 1, {0}), absl::StatusCode::kInvalidArgument), HasSubstr("layer 2"));
  EXPECT_THAT(message(Record(2, 0, 1, {0, 4}), absl::StatusCode::kInvalidArgument),
              AllOf(HasSubstr("expert 4"), HasSubstr("0 to 3")));
  EXPECT_THAT(message(Record(2, 0, 0xffffffff, {0, 1}), absl::StatusCode::kDataLoss), HasSubstr("4294967295 rows"));
}

TEST_F(TraceDirectory, Missing) {
  EXPECT_TRUE(absl::IsNotFound(Error()));
  EXPECT_THAT(std::string(Error().message()), HasSubstr("routing.bin"));
  std::filesystem::remove(path + "/meta.json");
  EXPECT_TRUE(absl::IsNotFound(Error()));
  EXPECT_THAT(std::string(Error().message()), AllOf(HasSubstr("meta.json"), HasSubstr("--record-routing")));
}

TEST_F(TraceDirectory, BadMeta) {
  Write("routing.bin", "");
  auto message = [&](const std::string &text) {
    Write("meta.json", text);
    EXPECT_EQ(Error().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(Error().message()), HasSubstr("meta.json"));
    return std::string(Error().message());
  };
  auto layers = [](const std::string &text) {
    return R"({"format": "janus-routing", "version": 2, "layers": )" + text + "}";
  };
  EXPECT_THAT(message(""), HasSubstr("no JSON object"));
  EXPECT_THAT(message(R"({"format": "janus-routing", "version": 1, "layers": []})"),
              AllOf(HasSubstr("version 1"), HasSubstr("version 2")));
  EXPECT_THAT(message(R"({"layers": []})"), HasSubstr("janus-routing"));
  EXPECT_THAT(message(layers("3")), HasSubstr("'layers'"));
  for (const char *layer : {"4", "{}", R"({"experts": 4})", R"({"experts": 0, "k": 0})", R"({"experts": 4, "k": 5})",
                            R"({"experts": -4, "k": 1})", R"({"experts": 65536, "k": 1})",
                            R"({"experts": 18446744073709551615, "k": 1})", R"({"experts": "4", "k": 1})"})
    EXPECT_THAT(message(layers(std::string("[{\"experts\": 2, \"k\": 1}, ") + layer + "]")), HasSubstr("layer 1"))
        << layer;
}

} // namespace
} // namespace janus
