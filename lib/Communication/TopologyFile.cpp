#include "lib/Communication/TopologyFile.h"

#include "absl/strings/str_cat.h"

#include <set>

using nlohmann::json;

namespace janus {
namespace {

absl::Status fieldError(const std::string &field, const json &found, const std::string &expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("topology file: '", field, "' is ", found.dump(), ", expected ", expected, " (docs/topology.md)"));
}

/// A list of integers in [low, 2^20].
absl::StatusOr<std::vector<int>> integers(const json &file, const std::string &field, int low) {
  json list = file.value(field, json());
  std::string expected = absl::StrCat("a non-empty list of integers from ", low, " to 1048576");
  if (!list.is_array() || list.empty() || list.size() > 4096)
    return fieldError(field, list, expected);
  std::vector<int> result;
  for (const json &element : list) {
    if (!element.is_number_integer() || element < low || element > 1048576)
      return fieldError(field, element, expected);
    result.push_back(element);
  }
  return result;
}

absl::Status readCount(const json &file, const std::string &field, int64_t &value) {
  auto found = file.find(field);
  if (found == file.end())
    return absl::OkStatus();
  if (!found->is_number_integer() || *found < 0 || *found > (int64_t(1) << 40))
    return fieldError(field, *found, "an integer from 0");
  value = *found;
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<TopologyFile> parseTopologyFile(const json &file) {
  if (!file.is_object())
    return absl::InvalidArgumentError("topology file: expected a JSON object (docs/topology.md)");
  static const std::set<std::string> known = {"attention_nodes", "expert_nodes", "rows",
                                              "slots",           "kv_tokens",    "profile"};
  for (const auto &[key, value] : file.items())
    if (!known.contains(key))
      return absl::InvalidArgumentError(absl::StrCat("topology file: unknown field '", key,
                                                     "', expected attention_nodes, expert_nodes, rows, slots, "
                                                     "kv_tokens or profile (docs/topology.md)"));
  TopologyFile result;
  auto attention = integers(file, "attention_nodes", 0);
  if (!attention.ok())
    return attention.status();
  auto experts = integers(file, "expert_nodes", 0);
  if (!experts.ok())
    return experts.status();
  auto topology = Topology::Make(*attention, *experts);
  if (!topology.ok())
    return topology.status();
  result.topology = *topology;
  if (file.contains("rows")) {
    auto rows = integers(file, "rows", 1);
    if (!rows.ok())
      return rows.status();
    result.rows = *rows;
  }
  if (absl::Status status = readCount(file, "slots", result.slots); !status.ok())
    return status;
  if (absl::Status status = readCount(file, "kv_tokens", result.kv_tokens); !status.ok())
    return status;
  if (auto profile = file.find("profile"); profile != file.end()) {
    auto parsed = traffic::HardwareProfile::FromJson(profile->dump());
    if (!parsed.ok())
      return parsed.status();
    result.profile = *parsed;
  }
  return result;
}

} // namespace janus
