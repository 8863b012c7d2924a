//===- Utf8Stream.h - whole characters out of bytes -------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_RUN_UTF8STREAM_H
#define JANUS_TOOLS_JANUS_RUN_UTF8STREAM_H

#include <cstdint>
#include <string>

namespace janus::run {

/// Takes bytes one by one and gives back whole UTF-8 characters. Bytes that
/// belong to no character become U+FFFD.
class Utf8Stream {
public:
  /// What may be printed after this byte; often nothing or one character.
  std::string Push(uint8_t byte);
  /// What is left at the end: U+FFFD for an unfinished character, else nothing.
  std::string Flush();

private:
  std::string pending_;
  size_t length_ = 0;                // of the character in progress
  uint8_t low_ = 0x80, high_ = 0xbf; // what its next byte may be
};

} // namespace janus::run

#endif // JANUS_TOOLS_JANUS_RUN_UTF8STREAM_H
