//===- JsonReader.h - checked members of a JSON object ----------*- C++ -*-===//
#ifndef JANUS_RUNTIME_PROGRAM_JSONREADER_H
#define JANUS_RUNTIME_PROGRAM_JSONREADER_H

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace janus {

/// Reads the members of one JSON object and remembers the first error.
/// `where` names the object in messages ("program.steps[3]").
class JsonReader {
public:
  JsonReader(const nlohmann::json &object, std::string where) : object(object), where(std::move(where)) {
    if (!object.is_object())
      Fail("", absl::StrCat("found ", object.type_name(), ", expected an object"));
  }

  const nlohmann::json *Member(absl::string_view name) {
    if (!status.ok())
      return nullptr;
    auto it = object.find(std::string(name));
    if (it == object.end()) {
      Fail(name, "is missing; the manifest is incomplete, compile the model again");
      return nullptr;
    }
    return &*it;
  }
  int64_t Int(absl::string_view name, int64_t low, int64_t high) {
    const nlohmann::json *member = Member(name);
    return member ? Number(*member, name, low, high) : 0;
  }
  std::string String(absl::string_view name) {
    const nlohmann::json *member = Member(name);
    if (!member)
      return {};
    if (!member->is_string()) {
      Fail(name, absl::StrCat("found ", member->type_name(), ", expected a string"));
      return {};
    }
    return member->get<std::string>();
  }
  const nlohmann::json *Array(absl::string_view name) {
    const nlohmann::json *member = Member(name);
    if (member && !member->is_array()) {
      Fail(name, absl::StrCat("found ", member->type_name(), ", expected an array"));
      return nullptr;
    }
    return member;
  }
  std::vector<int64_t> Indices(absl::string_view name, int64_t count) {
    std::vector<int64_t> result;
    if (const nlohmann::json *array = Array(name))
      for (const nlohmann::json &element : *array)
        result.push_back(Number(element, name, 0, count - 1));
    return result;
  }
  std::map<std::string, int64_t> NamedIndices(absl::string_view name, int64_t count) {
    std::map<std::string, int64_t> result;
    const nlohmann::json *member = Member(name);
    if (!member)
      return result;
    if (!member->is_object()) {
      Fail(name, absl::StrCat("found ", member->type_name(), ", expected an object of value indices"));
      return result;
    }
    for (const auto &[key, value] : member->items())
      result[key] = Number(value, absl::StrCat(name, ".", key), 0, count - 1);
    return result;
  }
  int64_t Number(const nlohmann::json &value, absl::string_view name, int64_t low, int64_t high) {
    bool fits = value.is_number_integer() &&
                !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()));
    if (fits && value.get<int64_t>() >= low && value.get<int64_t>() <= high)
      return value.get<int64_t>();
    if (high < low)
      Fail(name, absl::StrCat("found ", value.dump(), ", but there is nothing it could refer to"));
    else
      Fail(name, absl::StrCat("found ", value.dump(), ", expected an integer in [", low, ", ", high, "]"));
    return low;
  }
  void Fail(absl::string_view name, std::string message) {
    if (status.ok())
      status = absl::InvalidArgumentError(
          absl::StrCat(where, name.empty() || where.empty() ? "" : ".", name, ": ", message));
  }

  const nlohmann::json &object;
  std::string where;
  absl::Status status;
};

} // namespace janus

#endif // JANUS_RUNTIME_PROGRAM_JSONREADER_H
