//===- TopologyFile.h - a topology file, parsed and checked -----*- C++ -*-===//
#ifndef JANUS_LIB_COMMUNICATION_TOPOLOGYFILE_H
#define JANUS_LIB_COMMUNICATION_TOPOLOGYFILE_H

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "runtime/traffic/Schemes.h"

#include <string>
#include <vector>

namespace janus {

/// docs/topology.md.
struct TopologyFile {
  Topology topology{1, 1};
  std::vector<int> rows = {1, 64};  // rows per attention instance, one prediction each
  int64_t slots = 0;                // by expert instance and layer; 0: as few as hold every expert once
  int64_t kv_tokens = 0;            // tokens of KV cache by attention instance
  traffic::HardwareProfile profile; // default: runtime/traffic's
};

/// InvalidArgument names the field, what was found and what is expected.
absl::StatusOr<TopologyFile> parseTopologyFile(const nlohmann::json &json);

} // namespace janus

#endif // JANUS_LIB_COMMUNICATION_TOPOLOGYFILE_H
