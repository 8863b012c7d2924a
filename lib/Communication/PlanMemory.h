//===- PlanMemory.h - bytes that each role's instance holds -----*- C++ -*-===//
#ifndef JANUS_LIB_COMMUNICATION_PLANMEMORY_H
#define JANUS_LIB_COMMUNICATION_PLANMEMORY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nlohmann/json.hpp"

namespace janus {

/// Bytes of packed weights by role, of one expert in each MoE layer, and of the KV cache per token, for a step
/// function.
///   {"attention": {"weights": N, "kv_per_token": N},
///    "expert": {"weights": N, "slot": [N of layer 0, ...], "experts": [E of layer 0, ...]}}
/// Packed means padded to whole panels (include/janus/ABI/Kernels.h) and aligned to abi::kAlignment; a weight that two
/// layouts need counts twice. "weights" of the expert role leaves the routed experts to "slot".
nlohmann::json memoryPlan(mlir::func::FuncOp step);

} // namespace janus

#endif // JANUS_LIB_COMMUNICATION_PLANMEMORY_H
