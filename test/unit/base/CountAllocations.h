#ifndef JANUS_TEST_UNIT_BASE_COUNTALLOCATIONS_H
#define JANUS_TEST_UNIT_BASE_COUNTALLOCATIONS_H

#include <cstdint>

namespace janus {

/// Calls of operator new in this process so far; linking CountAllocations.cpp
/// replaces it by one that counts.
int64_t CountAllocations();

} // namespace janus

#endif // JANUS_TEST_UNIT_BASE_COUNTALLOCATIONS_H
