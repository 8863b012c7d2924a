//===- ScalarLookup.h - what scheduling is measured against -----*- C++ -*-===//
#ifndef JANUS_BENCHMARKS_SCHEDULER_SCALARLOOKUP_H
#define JANUS_BENCHMARKS_SCHEDULER_SCALARLOOKUP_H

#include <cstdint>

namespace janus::scheduler {

/// out[i] = table[ids[i]], compiled without vectorisation: the least that any
/// scheduler does with the choices of a step.
void ScalarLookup(const uint16_t *ids, int64_t count, const int32_t *table, int32_t *out);

} // namespace janus::scheduler

#endif // JANUS_BENCHMARKS_SCHEDULER_SCALARLOOKUP_H
