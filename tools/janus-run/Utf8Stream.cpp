#include "tools/janus-run/Utf8Stream.h"

namespace janus::run {

std::string Utf8Stream::Flush() {
  const bool unfinished = !pending_.empty();
  pending_.clear();
  return unfinished ? "\xef\xbf\xbd" : "";
}

std::string Utf8Stream::Push(uint8_t byte) {
  if (!pending_.empty()) {
    if (byte < low_ || byte > high_) {
      const std::string broken = Flush(); // before Push, which looks at what is pending
      return broken + Push(byte);
    }
    low_ = 0x80, high_ = 0xbf;
    pending_ += static_cast<char>(byte);
    if (pending_.size() < length_)
      return {};
    std::string whole;
    whole.swap(pending_);
    return whole;
  }
  if (byte < 0x80)
    return std::string(1, static_cast<char>(byte));
  if (byte < 0xc2 || byte > 0xf4)
    return "\xef\xbf\xbd";
  // The Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
  length_ = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
  high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
  pending_ = static_cast<char>(byte);
  return {};
}

} // namespace janus::run
