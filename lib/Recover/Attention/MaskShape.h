//===- MaskShape.h - which keys a query sees --------------------*- C++ -*-===//
#ifndef JANUS_RECOVER_ATTENTION_MASKSHAPE_H
#define JANUS_RECOVER_ATTENTION_MASKSHAPE_H

#include "lib/Recover/Attention/ElementExpr.h"
#include "lib/Recover/Attention/StoredNumbers.h"

#include <string>
#include <vector>

namespace janus::recover {

/// Query and key position in a mask's formula.
inline constexpr const char *kQuerySymbol = ".q", *kKeySymbol = ".k";

/// Sorted, disjoint, closed intervals of integers; the ends may be -inf and +inf.
class IntervalSet {
public:
  static constexpr int64_t kMin = INT64_MIN, kMax = INT64_MAX;
  IntervalSet() = default;
  IntervalSet(int64_t low, int64_t high);
  static IntervalSet all() { return {kMin, kMax}; }
  IntervalSet intersect(const IntervalSet &other) const;
  IntervalSet unite(const IntervalSet &other) const;
  IntervalSet complement() const;
  bool empty() const { return intervals_.empty(); }
  llvm::ArrayRef<std::pair<int64_t, int64_t>> intervals() const { return intervals_; }
  friend bool operator==(const IntervalSet &, const IntervalSet &) = default;
  std::string str() const;

private:
  std::vector<std::pair<int64_t, int64_t>> intervals_;
};

/// Distances d = q - k at which a key is seen: within the query's chunk of `chunk` positions, and in other chunks.
struct MaskShape {
  IntervalSet same = IntervalSet::all(), other = IntervalSet::all();
  int64_t chunk = 0;             // 0: there are none, `same` is `other`
  int64_t positions = INT64_MAX; // that the mask was told for

  /// Both at once; nothing for two different chunks.
  static std::optional<MaskShape> intersect(const MaskShape &a, const MaskShape &b);
  static MaskShape causal();
};

/// What a moe.attention can do: causal, perhaps with a window or chunks.
struct CausalMask {
  int64_t window = 0, chunk = 0;
};
std::optional<CausalMask> asCausal(const MaskShape &shape);
std::string describe(const MaskShape &shape);

/// Reads a mask: a truth that says which keys are seen, or a number that is added to the score, 0 for those that are
/// and at most kHidden for those that are not. `reason` says why it is none.
std::optional<MaskShape> readMask(ElementRef mask, ElementPool &pool, StoredNumbers &numbers, std::string &reason);
inline constexpr double kHidden = -1e4;

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_MASKSHAPE_H
