//===- Trace.h - placements made from a routing trace -----------*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_TRACE_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_TRACE_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <vector>

namespace janus::equal_bytes {

/// For each layer and expert the number of steps in which some row chose it.
using Activity = std::vector<std::vector<int64_t>>;

/// Reads routing.bin and meta.json of a folder that docs/routing-trace.md
/// describes.
absl::StatusOr<Activity> ReadActivity(const std::string &directory);

/// A placement file (docs/placement-file.md): most replicas for the experts
/// that are active most often, the busiest experts far from each other.
std::string PlacementFor(const Activity &activity, int64_t instances, int64_t slots);

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_TRACE_H
