#include "tools/janus-run/Utf8Stream.h"

#include <gtest/gtest.h>

#include <string_view>

namespace janus::run {
namespace {

#define REPLACEMENT "\xef\xbf\xbd" // U+FFFD

std::string All(std::string_view bytes) {
  Utf8Stream stream;
  std::string text;
  for (char byte : bytes)
    text += stream.Push(static_cast<uint8_t>(byte));
  return text + stream.Flush();
}

TEST(Utf8Stream, WholeCharactersPassUnchanged) {
  for (std::string_view text : {"plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "a\xc3\xa9z"})
    EXPECT_EQ(All(text), text);
}

TEST(Utf8Stream, NothingIsPrintedBeforeACharacterIsWhole) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push(0xe2), "");
  EXPECT_EQ(stream.Push(0x82), "");
  EXPECT_EQ(stream.Push(0xac), "\xe2\x82\xac");
}

TEST(Utf8Stream, ASequenceBrokenByAnotherByteIsOneReplacementAndTheByteCounts) {
  EXPECT_EQ(All("\xe2\x82z"), REPLACEMENT "z");
  EXPECT_EQ(All("\xc3\xc3\xa9"), REPLACEMENT "\xc3\xa9");
  EXPECT_EQ(All("\xf0\x9f\xff"), REPLACEMENT REPLACEMENT);
}

TEST(Utf8Stream, UnfinishedAtTheEndIsAReplacement) { EXPECT_EQ(All("a\xe2\x82"), "a" REPLACEMENT); }

TEST(Utf8Stream, BytesOfNoCharacterAreReplaced) {
  EXPECT_EQ(All("\x80"), REPLACEMENT);
  EXPECT_EQ(All("\xff"), REPLACEMENT);
}

} // namespace
} // namespace janus::run
