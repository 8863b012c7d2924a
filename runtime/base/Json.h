//===- Json.h - JSON from and about what may hold anything ------*- C++ -*-===//
#ifndef JANUS_RUNTIME_BASE_JSON_H
#define JANUS_RUNTIME_BASE_JSON_H

#include "nlohmann/json.hpp"

#include <string>
#include <string_view>

namespace janus {

/// Parses text from outside. Discarded when it is no JSON or nested deeper than
/// `depth`: whoever copies or prints a value walks it recursively, so depth is
/// stack.
inline nlohmann::json ParseJson(std::string_view text, int depth = 64) {
  bool deep = false;
  nlohmann::json document = nlohmann::json::parse(
      text,
      [&](int level, nlohmann::json::parse_event_t, nlohmann::json &) {
        deep |= level > depth;
        return !deep;
      },
      /*allow_exceptions=*/false);
  return deep ? nlohmann::json(nlohmann::json::value_t::discarded) : document;
}

/// The text of `value`; names in it may hold anything: bytes that are not UTF-8
/// become U+FFFD, where dump() would throw. indent -1: one line.
inline std::string JsonText(const nlohmann::json &value, int indent = -1) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

} // namespace janus

#endif // JANUS_RUNTIME_BASE_JSON_H
