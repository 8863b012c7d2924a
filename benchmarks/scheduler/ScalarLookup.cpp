#include "benchmarks/scheduler/ScalarLookup.h"

namespace janus::scheduler {

void ScalarLookup(const uint16_t *ids, int64_t count, const int32_t *table, int32_t *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = table[ids[i]];
}

} // namespace janus::scheduler
