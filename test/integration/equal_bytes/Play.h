//===- Play.h - requests alone, and in a changing batch ---------*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_PLAY_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_PLAY_H

#include "test/integration/equal_bytes/Requests.h"

namespace janus::equal_bytes {

/// One request after the other. Answers in the order of `requests`; an error is
/// that of the runtime or of the first request that did not end as it should.
absl::StatusOr<std::vector<Answer>> PlayAlone(Runtime &runtime, const std::vector<Observed> &requests);

/// The same requests in a batch that others join and leave, some of them
/// cancelled. `seed` decides what the others ask for and at which step each
/// request comes.
absl::StatusOr<std::vector<Answer>> PlayAmongOthers(Runtime &runtime, const std::vector<Observed> &requests,
                                                    uint64_t seed);
/// The most rows that PlayAmongOthers can bring into one step.
int64_t MostRows(const std::vector<Observed> &requests);

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_PLAY_H
