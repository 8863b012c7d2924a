#include "test/integration/equal_bytes/Trace.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace janus::equal_bytes {
namespace {

std::string Contents(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The experts on each instance of a layer.
nlohmann::json Place(const std::vector<int64_t> &active, int64_t instances, int64_t slots) {
  const int64_t experts = static_cast<int64_t>(active.size());
  std::vector<int64_t> replicas(experts, 1);
  auto share = [&](int64_t e) { return static_cast<double>(active[e]) / static_cast<double>(replicas[e]); };
  for (int64_t spare = instances * slots - experts; spare > 0; --spare) {
    int64_t busiest = -1;
    for (int64_t e = 0; e < experts; ++e)
      if (replicas[e] < instances && (busiest < 0 || share(e) > share(busiest)))
        busiest = e;
    if (busiest >= 0)
      ++replicas[busiest];
  }
  // Experts with most replicas first, each to the instances with most free slots and least load: if all replicas fit
  // at all, those with the most replicas never run out of instances this way.
  std::vector<int64_t> order(experts);
  for (int64_t e = 0; e < experts; ++e)
    order[e] = e;
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return replicas[a] != replicas[b] ? replicas[a] > replicas[b] : active[a] > active[b];
  });
  std::vector<std::vector<int64_t>> hosts(instances);
  std::vector<double> load(instances);
  for (int64_t e : order) {
    std::vector<int64_t> by_room(instances);
    for (int64_t g = 0; g < instances; ++g)
      by_room[g] = g;
    std::stable_sort(by_room.begin(), by_room.end(), [&](int64_t a, int64_t b) {
      return hosts[a].size() != hosts[b].size() ? hosts[a].size() < hosts[b].size() : load[a] < load[b];
    });
    for (int64_t r = 0; r < replicas[e]; ++r) {
      hosts[by_room[r]].push_back(e);
      load[by_room[r]] += share(e);
    }
  }
  return hosts;
}

} // namespace

absl::StatusOr<Activity> ReadActivity(const std::string &directory) {
  const nlohmann::json meta = nlohmann::json::parse(Contents(directory + "/meta.json"), nullptr, false);
  if (meta.is_discarded() || meta.value("version", 0) != 2)
    return absl::InvalidArgumentError(absl::StrCat(directory, "/meta.json: expected a routing trace, version 2"));
  Activity activity;
  std::vector<int64_t> k;
  for (const nlohmann::json &layer : meta["layers"]) {
    activity.emplace_back(layer["experts"].get<size_t>());
    k.push_back(layer["k"].get<int64_t>());
  }
  const std::string records = Contents(directory + "/routing.bin");
  for (size_t at = 0; at < records.size();) {
    struct {
      uint64_t step;
      uint32_t layer, rows;
    } header = {};
    const bool whole = records.size() - at >= sizeof header;
    if (whole)
      std::memcpy(&header, records.data() + at, sizeof header);
    at += sizeof header;
    const size_t count = whole && header.layer < k.size() ? header.rows * k[header.layer] : 0;
    if (count == 0 || (records.size() - at) / sizeof(uint16_t) < count)
      return absl::InvalidArgumentError(absl::StrCat(directory, "/routing.bin: a damaged record before byte ", at));
    std::set<uint16_t> chosen;
    for (size_t i = 0; i < count; ++i, at += sizeof(uint16_t)) {
      uint16_t expert;
      std::memcpy(&expert, records.data() + at, sizeof expert);
      chosen.insert(expert);
    }
    for (uint16_t expert : chosen)
      ++activity[header.layer].at(expert);
  }
  return activity;
}

std::string PlacementFor(const Activity &activity, int64_t instances, int64_t slots) {
  nlohmann::json layers = nlohmann::json::array();
  for (const std::vector<int64_t> &active : activity)
    layers.push_back(Place(active, instances, slots));
  return nlohmann::json{{"format", "janus-placement"}, {"version", 1}, {"layers", layers}}.dump() + "\n";
}

} // namespace janus::equal_bytes
