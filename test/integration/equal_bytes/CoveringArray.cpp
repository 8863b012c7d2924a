#include "test/integration/equal_bytes/CoveringArray.h"
#include "test/integration/equal_bytes/Generator.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace janus::equal_bytes {
namespace {

constexpr int kCandidates = 40; // unfinished rows tried for each row; more make the array a little smaller

/// A triple of (axis, value), axes ascending.
struct Triple {
  int axis[3], value[3];
};

/// All triples that may be, and which of them no row holds yet.
class Uncovered {
public:
  Uncovered(const std::vector<int> &sizes, const Constraint &allowed) : sizes_(sizes) {
    const int axes = static_cast<int>(sizes.size());
    Row row(axes, -1);
    for (int a = 0; a < axes; ++a)
      for (int b = a + 1; b < axes; ++b)
        for (int c = b + 1; c < axes; ++c) {
          begin_.push_back(static_cast<int64_t>(open_.size()));
          for (int x = 0; x < sizes[a]; ++x)
            for (int y = 0; y < sizes[b]; ++y)
              for (int z = 0; z < sizes[c]; ++z) {
                row[a] = x, row[b] = y, row[c] = z;
                open_.push_back(allowed(row));
                triples_.push_back({{a, b, c}, {x, y, z}});
              }
          row[a] = row[b] = row[c] = -1;
        }
    left_ = std::count(open_.begin(), open_.end(), true);
  }

  int64_t left() const { return left_; }
  /// How many open triples a row that holds `value` on `axis` adds with what it has on other axes.
  int64_t Gain(const Row &row, int axis, int value) const {
    int64_t gain = 0;
    const int axes = static_cast<int>(sizes_.size());
    for (int p = 0; p < axes; ++p)
      for (int q = p + 1; q < axes; ++q)
        if (p != axis && q != axis && row[p] >= 0 && row[q] >= 0)
          gain += open_[Index(row, axis, value, p, q)];
    return gain;
  }
  int64_t Gain(const Row &row) const {
    int64_t gain = 0;
    ForEach(row, [&](int64_t index) { gain += open_[index]; });
    return gain;
  }
  void Cover(const Row &row) {
    ForEach(row, [&](int64_t index) {
      left_ -= open_[index];
      open_[index] = false;
    });
  }
  const Triple &Any(Generator &generator) const {
    int64_t nth = static_cast<int64_t>(generator.Below(left_));
    for (size_t i = 0;; ++i)
      if (open_[i] && nth-- == 0)
        return triples_[i];
  }

private:
  int64_t Index(Row row, int axis, int value, int p, int q) const {
    row[axis] = value;
    int order[3] = {axis, p, q};
    std::sort(order, order + 3);
    return Index(row, order[0], order[1], order[2]);
  }
  int64_t Index(const Row &row, int a, int b, int c) const {
    const int n = static_cast<int>(sizes_.size());
    auto choose3 = [](int64_t k) { return k * (k - 1) * (k - 2) / 6; };
    auto choose2 = [](int64_t k) { return k * (k - 1) / 2; };
    const int64_t combination =
        choose3(n) - choose3(n - a) + choose2(n - a - 1) - choose2(n - b) + (c - b - 1); // in order of the loops above
    return begin_[combination] + (int64_t{row[a]} * sizes_[b] + row[b]) * sizes_[c] + row[c];
  }
  template <typename Visit> void ForEach(const Row &row, Visit visit) const {
    const int axes = static_cast<int>(sizes_.size());
    for (int a = 0; a < axes; ++a)
      for (int b = a + 1; b < axes; ++b)
        for (int c = b + 1; c < axes; ++c)
          visit(Index(row, a, b, c));
  }

  std::vector<int> sizes_;
  std::vector<int64_t> begin_; // by combination of axes
  std::vector<bool> open_;
  std::vector<Triple> triples_;
  int64_t left_ = 0;
};

/// A row that holds `start`, each other axis in random order with the value that adds most.
Row Fill(const Triple &start, const std::vector<int> &sizes, const Constraint &allowed, const Uncovered &uncovered,
         Generator &generator) {
  Row row(sizes.size(), -1);
  for (int i = 0; i < 3; ++i)
    row[start.axis[i]] = start.value[i];
  std::vector<int> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  generator.Shuffle(order);
  for (int axis : order) {
    if (row[axis] >= 0)
      continue;
    int best = -1;
    int64_t best_gain = -1;
    const int first = static_cast<int>(generator.Below(sizes[axis])); // ties fall evenly
    for (int i = 0; i < sizes[axis]; ++i) {
      const int value = (first + i) % sizes[axis];
      const int64_t gain = uncovered.Gain(row, axis, value);
      row[axis] = value;
      if (gain > best_gain && allowed(row))
        best = value, best_gain = gain;
      row[axis] = -1;
    }
    row[axis] = best;
  }
  return row;
}

} // namespace

std::vector<Row> CoverTriples(const std::vector<int> &sizes, const Constraint &allowed, uint64_t seed) {
  Generator generator(seed);
  Uncovered uncovered(sizes, allowed);
  std::vector<Row> rows;
  while (uncovered.left() > 0) {
    Row best;
    int64_t best_gain = 0;
    for (int i = 0; i < kCandidates; ++i) {
      Row row = Fill(uncovered.Any(generator), sizes, allowed, uncovered, generator);
      if (const int64_t gain = uncovered.Gain(row); gain > best_gain)
        best = std::move(row), best_gain = gain;
    }
    uncovered.Cover(best);
    rows.push_back(std::move(best));
  }
  return rows;
}

std::vector<Row> Cross(const std::vector<int> &sizes, const Constraint &allowed) {
  std::vector<Row> rows;
  for (Row row(sizes.size(), 0);;) {
    if (allowed(row))
      rows.push_back(row);
    size_t axis = 0;
    while (axis < sizes.size() && ++row[axis] == sizes[axis])
      row[axis++] = 0;
    if (axis == sizes.size())
      return rows;
  }
}

Coverage Count(const std::vector<int> &sizes, const Constraint &allowed, const std::vector<Row> &rows) {
  Coverage coverage;
  const size_t axes = sizes.size();
  for (size_t a = 0; a < axes; ++a)
    for (size_t b = a + 1; b < axes; ++b)
      for (size_t c = b + 1; c < axes; ++c) {
        std::set<std::vector<int>> held;
        for (const Row &row : rows)
          held.insert({row[a], row[b], row[c]});
        for (int x = 0; x < sizes[a]; ++x)
          for (int y = 0; y < sizes[b]; ++y)
            for (int z = 0; z < sizes[c]; ++z) {
              Row row(axes, -1);
              row[a] = x, row[b] = y, row[c] = z;
              const bool may_be = allowed(row);
              coverage.triples += may_be;
              coverage.missing += may_be && !held.contains({x, y, z});
            }
      }
  return coverage;
}

} // namespace janus::equal_bytes
