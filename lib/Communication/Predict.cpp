#include "lib/Communication/Predict.h"

#include "janus/Communication/Explain.h"
#include "lib/Communication/TopologyFile.h"
#include "runtime/base/Json.h"
#include "runtime/traffic/Schemes.h"
#include "llvm/Support/MemoryBuffer.h"

using nlohmann::json;

namespace janus {
namespace {

/// Layers whose transfers cost the same.
struct LayerGroup {
  int64_t columns = 0, k = 0;
  bool routed = false;
  std::vector<int64_t> layers;
};

std::vector<LayerGroup> groupLayers(const json &step) {
  std::vector<LayerGroup> groups;
  bool routed = step["gate_side"] == "attention";
  for (const json &transfer : step["transfers"]) {
    if (transfer["kind"] != "return")
      continue;
    int64_t columns = transfer["columns"], k = transfer["k"];
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const LayerGroup &group) { return group.columns == columns && group.k == k; });
    if (found == groups.end())
      found = groups.insert(groups.end(), {columns, k, routed, {}});
    found->layers.push_back(transfer["layer"]);
  }
  return groups;
}

class Predictor {
public:
  Predictor(const TopologyFile &file, const LayerGroup &group, int rows)
      : file_(file), group_(group), rows_(file.topology.attention(), rows),
        symbols_(traffic::Symbols(file.topology, rows_, group.columns, group.k, nullptr)) {}

  json bucket() const {
    json schemes = json::array();
    for (int index = 0; index < traffic::kSchemeCount; ++index) {
      json phases = json::array();
      std::vector<traffic::PhaseAmount> all;
      if (group_.routed)
        add("exchange", traffic::SchemesOf(traffic::Kind::kExchange)[0], phases, all);
      add("dispatch",
          traffic::SchemesOf(group_.routed ? traffic::Kind::kRoutedDispatch : traffic::Kind::kDispatch)[index], phases,
          all);
      add("return", traffic::SchemesOf(traffic::Kind::kReturn)[index], phases, all);
      schemes.push_back(
          {{"name", nameOf(index)}, {"time_us", traffic::Seconds(all, file_.profile) * 1e6}, {"phases", phases}});
    }
    int chosen = traffic::ChooseScheme(file_.topology, rows_, group_.columns, group_.k, group_.routed, file_.profile);
    return {{"rows", rows_[0]}, {"chosen", nameOf(chosen)}, {"schemes", schemes}};
  }

private:
  static std::string nameOf(int index) { return traffic::SchemesOf(traffic::Kind::kReturn)[index].name; }

  void add(const char *transfer, const traffic::Scheme &scheme, json &phases,
           std::vector<traffic::PhaseAmount> &all) const {
    auto amounts = traffic::Predict(scheme, symbols_);
    if (!amounts.ok()) { // an expression of our own that does not evaluate: say so in the report
      phases.push_back({{"transfer", transfer},
                        {"name", std::string(amounts.status().message())},
                        {"link", "?"},
                        {"messages", -1},
                        {"bytes", -1}});
      return;
    }
    for (const traffic::PhaseAmount &phase : *amounts) {
      all.push_back(phase);
      phases.push_back({{"transfer", transfer},
                        {"name", phase.phase},
                        {"link", traffic::Name(phase.link)},
                        {"messages", phase.amount.messages},
                        {"bytes", phase.amount.bytes}});
    }
  }

  const TopologyFile &file_;
  const LayerGroup &group_;
  std::vector<int64_t> rows_; // by attention instance
  std::map<std::string, int64_t> symbols_;
};

/// Memory of each instance: weights, and KV cache or slots.
json memoryOf(const json &memory, const TopologyFile &file) {
  json result = json::array();
  const json &attention = memory["attention"], &expert = memory["expert"];
  for (int i = 0; i < file.topology.attention(); ++i)
    result.push_back({{"instance", "a" + std::to_string(i)},
                      {"weights", attention["weights"]},
                      {"kv", attention["kv_per_token"].get<int64_t>() * file.kv_tokens}});
  int64_t slots = 0;
  for (size_t layer = 0; layer < expert["slot"].size(); ++layer) {
    int64_t experts = expert["experts"][layer], n = file.topology.experts();
    int64_t count = file.slots ? file.slots : (experts + n - 1) / n;
    slots += count * expert["slot"][layer].get<int64_t>();
  }
  for (int i = 0; i < file.topology.experts(); ++i)
    result.push_back({{"instance", "e" + std::to_string(i)}, {"weights", expert["weights"]}, {"slots", slots}});
  return result;
}

} // namespace

json predict(const json &report, const json &topology) {
  auto file = parseTopologyFile(topology);
  if (!file.ok())
    return {{"error", std::string(file.status().message())}};
  json steps = json::array();
  for (const json &step : report["steps"]) {
    json groups = json::array();
    for (const LayerGroup &group : groupLayers(step)) {
      json buckets = json::array();
      for (int rows : file->rows)
        buckets.push_back(Predictor(*file, group, rows).bucket());
      groups.push_back({{"layers", group.layers}, {"buckets", buckets}});
    }
    steps.push_back({{"name", step["name"]}, {"groups", groups}, {"memory", memoryOf(step["memory"], *file)}});
  }
  return {{"nodes", file->topology.str()},
          {"assumption", "every row chooses its experts, and experts lie on the instances, evenly"},
          {"steps", steps}};
}

std::string readTopology(const std::string &path, json &topology) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return "cannot read topology file '" + path + "': " + buffer.getError().message();
  topology = ParseJson((*buffer)->getBuffer().str());
  if (topology.is_discarded())
    return "topology file '" + path + "' is not JSON; docs/topology.md shows one";
  auto file = parseTopologyFile(topology);
  return file.ok() ? std::string() : std::string(file.status().message());
}

} // namespace janus
