//===- Requests.h - what is asked, and the digests of the answers -*- C++ -*-===//
//
// models/*/digests.json, which docs/equal-bytes.md explains: the requests that
// are observed, and for each the number of its logits rows and XXH3-128 of
// their bytes.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_REQUESTS_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_REQUESTS_H

#include "janus/Runtime/Runtime.h"

#include "absl/status/statusor.h"

#include <string>
#include <vector>

namespace janus::equal_bytes {

struct Digest {
  int64_t rows = 0;
  std::string xxh3_128; // 32 hexadecimal digits, most significant first
  bool operator==(const Digest &) const = default;
};

struct Observed {
  std::string name;
  GenerateRequest request; // asks for its logits
  Digest digest;           // as the file has it; 0 rows when it has none
};

/// NotFound, InvalidArgument: what is wrong in the file, and where.
absl::StatusOr<std::vector<Observed>> ReadRequests(const std::string &path);
/// Replaces the file; all of it or nothing.
absl::Status WriteRequests(const std::string &path, const std::vector<Observed> &requests);

/// What a request was answered with.
struct Answer {
  std::vector<int32_t> tokens; // new ones
  std::vector<float> logits;   // [rows, vocab]: of each new token, or of each row of a scored prompt
};
Digest DigestOf(const Answer &answer, int64_t vocab);

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_REQUESTS_H
