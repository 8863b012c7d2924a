//===- Predict.h - what a step will cost on a topology ----------*- C++ -*-===//
#ifndef JANUS_LIB_COMMUNICATION_PREDICT_H
#define JANUS_LIB_COMMUNICATION_PREDICT_H

#include "nlohmann/json.hpp"

namespace janus {

/// The "prediction" part of a report (Explain.h): for each step function, group of equal layers and row bucket of the
/// topology file, messages, bytes and time of each scheme in one layer, the scheme that the runtime would choose, and
/// the memory of each instance.
///   {"nodes": "a0@0;e0@1", "assumption": "...", "steps": [{"name",
///     "groups": [{"layers": [0, ...], "buckets": [{"rows", "chosen", "schemes": [{"name", "time_us",
///       "phases": [{"transfer", "name", "link", "messages", "bytes"}]}]}]}],
///     "memory": [{"instance": "a0", "weights", "kv"}, {"instance": "e0", "weights", "slots"}]}]}
nlohmann::json predict(const nlohmann::json &report, const nlohmann::json &topology);

} // namespace janus

#endif // JANUS_LIB_COMMUNICATION_PREDICT_H
