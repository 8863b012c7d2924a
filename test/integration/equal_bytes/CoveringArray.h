//===- CoveringArray.h - few rows that hold all triples ---------*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_COVERINGARRAY_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_COVERINGARRAY_H

#include <cstdint>
#include <functional>
#include <vector>

namespace janus::equal_bytes {

/// A value's index for each axis; -1: not chosen yet.
using Row = std::vector<int>;
/// Whether a row, also an unfinished one, may be. An unfinished row that may be
/// can be finished.
using Constraint = std::function<bool(const Row &)>;

/// Rows in which every combination of values of any three axes occurs that
/// `allowed` admits. `sizes` holds the values of each axis, of at least three
/// axes. Greedy, by a generator seeded with `seed`; the same everywhere.
std::vector<Row> CoverTriples(const std::vector<int> &sizes, const Constraint &allowed, uint64_t seed);

/// Every row that `allowed` admits.
std::vector<Row> Cross(const std::vector<int> &sizes, const Constraint &allowed);

struct Coverage {
  int64_t triples = 0, missing = 0; // that `allowed` admits; of these in no row
};
/// Counted from the rows, without regard to how they were made.
Coverage Count(const std::vector<int> &sizes, const Constraint &allowed, const std::vector<Row> &rows);

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_COVERINGARRAY_H
