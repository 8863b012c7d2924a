//===- EditDistance.h - how far a mistyped name is off ----------*- C++ -*-===//
#ifndef JANUS_TOOLS_COMMON_EDITDISTANCE_H
#define JANUS_TOOLS_COMMON_EDITDISTANCE_H

#include <algorithm>
#include <string>
#include <vector>

namespace janus {

/// Insertions, deletions and replacements that lead from `a` to `b` (Levenshtein).
inline int EditDistance(const std::string &a, const std::string &b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int cost = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = row[j];
      row[j] = cost;
    }
  }
  return row[b.size()];
}

} // namespace janus

#endif // JANUS_TOOLS_COMMON_EDITDISTANCE_H
