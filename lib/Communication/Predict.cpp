#include "lib/Communication/Predict.h"

#include "janus/Communication/Explain.h"
#include "lib/Communication/TopologyFile.h"
#include "llvm/Support/MemoryBuffer.h"

using nlohmann::json;

namespace janus {
namespace {

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
  auto file = ParseTopologyFile(topology);
  if (!file.ok())
    return {{"error", std::string(file.status().message())}};
  json steps = json::array();
  for (const json &step : report["steps"])
    steps.push_back({{"name", step["name"]}, {"buckets", json::array()}, {"memory", memoryOf(step["memory"], *file)}});
  return {{"nodes", file->topology.str()}, {"assumption", "memory only"}, {"steps", steps}};
}

std::string readTopology(const std::string &path, json &topology) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return "cannot read topology file '" + path + "': " + buffer.getError().message();
  topology = json::parse((*buffer)->getBuffer().str(), nullptr, /*allow_exceptions=*/false);
  if (topology.is_discarded())
    return "topology file '" + path + "' is not JSON; docs/topology.md shows one";
  auto file = ParseTopologyFile(topology);
  return file.ok() ? std::string() : std::string(file.status().message());
}

} // namespace janus
