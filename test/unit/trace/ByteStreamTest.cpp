// What comes out of gzip files, whole and damaged.
#include "runtime/trace/ByteStream.h"
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

/// All of a stream in reads of `step` bytes.
absl::StatusOr<std::string> Drain(ByteStream &stream, size_t step) {
  std::string all, part(step, '\0');
  while (true) {
    absl::StatusOr<int64_t> count = stream.Read(part.data(), static_cast<int64_t>(step));
    if (!count.ok())
      return count.status();
    if (*count == 0)
      return all;
    all.append(part, 0, *count);
  }
}

std::string Text() {
  std::mt19937 random(1);
  std::string text;
  for (int i = 0; i < 200000; ++i)
    text += static_cast<char>('a' + random() % 7);
  return text;
}

TEST(Gunzip, WholeInReadsOfAnySize) {
  const std::string text = Text();
  std::unique_ptr<ByteStream> stream = Gunzip(FromString(Gzip(text)));
  for (size_t step : {1, 7, 65536, 1000000}) {
    EXPECT_EQ(Drain(*stream, step).value(), text) << step;
    ASSERT_TRUE(stream->Rewind().ok());
  }
}

/// gzip files may be put behind each other.
TEST(Gunzip, SeveralMembers) {
  const std::string text = Text();
  std::unique_ptr<ByteStream> stream = Gunzip(FromString(Gzip(text) + Gzip("") + Gzip("end")));
  EXPECT_EQ(Drain(*stream, 1000).value(), text + "end");
}

TEST(Gunzip, CutOffAtEveryPlace) {
  const std::string whole = Gzip(Text().substr(0, 300));
  for (size_t size = 0; size < whole.size(); ++size) {
    const absl::Status status = Drain(*Gunzip(FromString(whole.substr(0, size))), 4096).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(std::string(status.message()), size ? HasSubstr("cut off") : HasSubstr("empty"));
  }
}

TEST(Gunzip, EveryFlippedByteIsFoundOrChangesNothing) {
  const std::string text = Text().substr(0, 300), whole = Gzip(text);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    const absl::StatusOr<std::string> read = Drain(*Gunzip(FromString(damaged)), 4096);
    EXPECT_TRUE(read.ok() ? *read == text : read.status().code() == absl::StatusCode::kDataLoss) << at; // time, system
  }
}

TEST(Gunzip, WhatIsNoGzip) {
  for (const std::string &bytes : {std::string("hello, world"), Gzip("x") + "rest"}) {
    const absl::Status status = Drain(*Gunzip(FromString(bytes)), 100).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("damaged gzip"));
  }
}

TEST(File, ReadsRewindsAndNamesWhatIsMissing) {
  const std::string path = testing::TempDir() + "/janus-stream";
  std::ofstream(path) << "content";
  std::unique_ptr<ByteStream> file = *OpenFile(path);
  EXPECT_EQ(Drain(*file, 3).value(), "content");
  ASSERT_TRUE(file->Rewind().ok());
  EXPECT_EQ(Drain(*file, 100).value(), "content");
  char bytes[8];
  ASSERT_TRUE(file->Rewind().ok());
  EXPECT_THAT(std::string(ReadExactly(*file, bytes, 8, "a head").message()),
              HasSubstr("found 7 bytes, expected 8 of a head"));
  EXPECT_EQ(ReadText(path, 7).value(), "content");
  EXPECT_EQ(ReadText(path, 6).status().code(), absl::StatusCode::kInvalidArgument);
  std::filesystem::remove(path);
  EXPECT_THAT(std::string(OpenFile(path).status().message()), AllOf(HasSubstr(path), HasSubstr("No such file")));
  EXPECT_FALSE(ReadText(testing::TempDir(), 100).ok()) << "a directory";
}

} // namespace
} // namespace janus::trace
