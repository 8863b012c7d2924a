#include "lib/Recover/Attention/MaskShape.h"

#include <algorithm>
#include <map>

namespace janus::recover {

using onnx::SymExpr;
using Kind = Element::Kind;

//===-- sets of distances -------------------------------------------------===//

IntervalSet::IntervalSet(int64_t low, int64_t high) {
  if (low <= high)
    intervals_.push_back({low, high});
}

IntervalSet IntervalSet::intersect(const IntervalSet &other) const {
  IntervalSet result;
  for (const auto &[low, high] : intervals_)
    for (const auto &[from, to] : other.intervals_)
      if (std::max(low, from) <= std::min(high, to))
        result.intervals_.push_back({std::max(low, from), std::min(high, to)});
  std::sort(result.intervals_.begin(), result.intervals_.end());
  return result;
}

IntervalSet IntervalSet::unite(const IntervalSet &other) const {
  std::vector<std::pair<int64_t, int64_t>> both = intervals_;
  both.insert(both.end(), other.intervals_.begin(), other.intervals_.end());
  std::sort(both.begin(), both.end());
  IntervalSet result;
  for (const auto &[low, high] : both) {
    if (!result.intervals_.empty()) {
      auto &last = result.intervals_.back();
      if (last.second == kMax || low <= last.second + 1) {
        last.second = std::max(last.second, high);
        continue;
      }
    }
    result.intervals_.push_back({low, high});
  }
  return result;
}

IntervalSet IntervalSet::complement() const {
  IntervalSet result;
  int64_t next = kMin;
  for (const auto &[low, high] : intervals_) {
    if (low > next)
      result.intervals_.push_back({next, low - 1});
    if (high == kMax)
      return result;
    next = high + 1;
  }
  result.intervals_.push_back({next, kMax});
  return result;
}

std::string IntervalSet::str() const {
  std::string text;
  for (const auto &[low, high] : intervals_)
    text += (text.empty() ? "[" : ", [") + (low == kMin ? "-inf" : std::to_string(low)) + ", " +
            (high == kMax ? "inf" : std::to_string(high)) + "]";
  return text.empty() ? "none" : text;
}

std::optional<MaskShape> MaskShape::intersect(const MaskShape &a, const MaskShape &b) {
  if (a.chunk && b.chunk && a.chunk != b.chunk)
    return std::nullopt;
  return MaskShape{a.same.intersect(b.same), a.other.intersect(b.other), std::max(a.chunk, b.chunk),
                   std::min(a.positions, b.positions)};
}

MaskShape MaskShape::causal() {
  IntervalSet past(0, IntervalSet::kMax);
  return {past, past};
}

std::optional<CausalMask> asCausal(const MaskShape &shape) {
  constexpr int64_t kMaxPositions = INT32_MAX; // what lies farther away than this is not told from everything
  auto one = [](const IntervalSet &set) -> std::optional<int64_t> { // [0, W - 1] -> W; [0, inf) -> 0
    if (set.intervals().size() != 1 || set.intervals()[0].first != 0)
      return std::nullopt;
    int64_t last = set.intervals()[0].second;
    return last >= kMaxPositions ? 0 : last + 1;
  };
  auto window = one(shape.same);
  if (!window)
    return std::nullopt;
  if (shape.chunk && shape.chunk <= kMaxPositions && shape.other.empty())
    // Within a chunk no key is farther away than the chunk is long.
    return CausalMask{*window >= shape.chunk ? 0 : *window, shape.chunk};
  // What happens at distances that never occur does not matter.
  IntervalSet possible(IntervalSet::kMin, shape.positions - 1);
  if (shape.same.intersect(possible) != shape.other.intersect(possible))
    return std::nullopt;
  return CausalMask{*window >= shape.positions ? 0 : *window, 0};
}

std::string describe(const MaskShape &shape) {
  if (!shape.chunk)
    return "q - k in " + shape.same.str();
  return "q - k in " + shape.same.str() + " within chunks of " + std::to_string(shape.chunk) + ", in " +
         shape.other.str() + " across";
}

//===-- interpretation ----------------------------------------------------===//

namespace {

constexpr unsigned kMaxRegions = 64;

struct Region {
  IntervalSet same, other;
  bool empty() const { return same.empty() && other.empty(); }
};
/// A function of the distance that is constant on finitely many sets.
using Steps = std::vector<std::pair<Region, double>>;

class MaskReader {
public:
  MaskReader(ElementPool &pool, StoredNumbers &numbers) : pool_(pool), numbers_(numbers) {}

  std::optional<Steps> read(ElementRef element) {
    if (auto it = done_.find(element); it != done_.end())
      return it->second;
    auto result = compute(element);
    if (result && result->size() > kMaxRegions) {
      reason = "it has too many steps";
      result.reset();
    }
    done_[element] = result;
    return result;
  }

  int64_t chunk = 0, positions = INT64_MAX;
  std::string reason;

private:
  static Steps constant(double value) { return {{{IntervalSet::all(), IntervalSet::all()}, value}}; }
  static Steps truth(const Region &region) {
    return {{region, 1}, {{region.same.complement(), region.other.complement()}, 0}};
  }

  std::optional<Steps> fail(const std::string &why) {
    if (reason.empty())
      reason = why;
    return std::nullopt;
  }

  std::optional<Steps> compute(ElementRef element) {
    if (auto number = element->constant())
      return constant(*number);
    switch (element->kind) {
    case Kind::kAtLeast0:
    case Kind::kEquals0:
      return compare(element);
    case Kind::kStored:
      return table(element);
    case Kind::kApply: {
      std::vector<Steps> args;
      for (ElementRef arg : element->args) {
        auto steps = read(arg);
        if (!steps)
          return std::nullopt;
        args.push_back(std::move(*steps));
      }
      return combine(element, args);
    }
    default:
      return fail(describe(element) + " is not constant on intervals of q - k");
    }
  }

  std::optional<Steps> combine(ElementRef element, const std::vector<Steps> &args) {
    Steps result;
    std::vector<double> values(args.size());
    auto visit = [&](auto &&self, unsigned i, const Region &region) -> bool {
      if (region.empty())
        return true;
      if (i == args.size()) {
        double value = applyReal(element->fn, values, element->format);
        for (auto &[known, number] : result)
          if (number == value) {
            known = {known.same.unite(region.same), known.other.unite(region.other)};
            return true;
          }
        result.push_back({region, value});
        return result.size() <= kMaxRegions;
      }
      for (const auto &[part, value] : args[i]) {
        values[i] = value;
        if (!self(self, i + 1, {region.same.intersect(part.same), region.other.intersect(part.other)}))
          return false;
      }
      return true;
    };
    if (!visit(visit, 0, {IntervalSet::all(), IntervalSet::all()}))
      return fail("it has too many steps");
    return result;
  }

  /// slope * (q - k) + offset with a comparison, or two chunks that are compared.
  std::optional<Steps> compare(ElementRef element) {
    const SymExpr &e = element->value;
    SymExpr k = SymExpr::symbol(kKeySymbol), d = SymExpr::symbol(".d");
    SymExpr byDistance = pool_.substitute(e, {{kQuerySymbol, k + d}});
    std::set<std::string> symbols = byDistance.symbols();
    symbols.erase(".d");
    if (symbols.empty()) {
      auto at = [&](int64_t n) { return byDistance.substitute({{".d", SymExpr(n)}}).constant(); };
      auto offset = at(0), next = at(1);
      if (offset && next && *next != *offset && SymExpr(*next - *offset) * d + SymExpr(*offset) == byDistance)
        return truth(solve(element->kind == Kind::kEquals0, *next - *offset, *offset));
      return fail(e.str() + " is not linear in q - k");
    }
    if (element->kind == Kind::kEquals0)
      if (auto chunks = sameChunk(e))
        return chunks;
    return fail(e.str() + " depends on more than q - k");
  }

  static Region solve(bool equal, int64_t slope, int64_t offset) {
    auto floorDiv = [](int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); };
    IntervalSet set;
    if (equal)
      set = offset % slope == 0 ? IntervalSet(-offset / slope, -offset / slope) : IntervalSet();
    else if (slope > 0) // d >= -offset / slope
      set = IntervalSet(-floorDiv(offset, slope), IntervalSet::kMax);
    else
      set = IntervalSet(IntervalSet::kMin, floorDiv(offset, -slope));
    return {set, set};
  }

  /// floordiv(q, C) == floordiv(k, C)
  std::optional<Steps> sameChunk(const SymExpr &e) {
    std::optional<int64_t> length;
    (void)e.substitute({}, [&](const std::string &name, const SymExpr &, const SymExpr &b) -> std::optional<SymExpr> {
      if (name == "floordiv" && b.constant() && *b.constant() > 0)
        length = b.constant();
      return std::nullopt;
    });
    if (!length || (chunk && chunk != *length))
      return std::nullopt;
    SymExpr q = SymExpr::symbol(kQuerySymbol), k = SymExpr::symbol(kKeySymbol);
    SymExpr difference = SymExpr::floordiv(q, *length) - SymExpr::floordiv(k, *length);
    if (e != difference && e != SymExpr(0) - difference)
      return std::nullopt;
    chunk = *length;
    return truth({IntervalSet::all(), IntervalSet()});
  }

  /// Numbers that depend on q - k alone, over all that the table has.
  std::optional<Steps> table(ElementRef element) {
    const StoredNumbers::Tensor *tensor = numbers_.read(element->tensor);
    if (!tensor)
      return fail("its numbers cannot be read");
    int64_t n = INT64_MAX; // positions for which every index lies in the table
    for (auto [at, extent] : llvm::zip(element->index, tensor->shape))
      for (const char *symbol : {kQuerySymbol, kKeySymbol})
        if (at == SymExpr::symbol(symbol))
          n = std::min(n, extent);
        else if (at.symbols().count(symbol))
          return fail("it reads a table at " + at.str());
        else if (!at.constant() && at != SymExpr::symbol(kQuerySymbol) && at != SymExpr::symbol(kKeySymbol))
          return fail("it reads a table at " + at.str());
    if (n == INT64_MAX || n < 2 || n > (1 << 15))
      return fail("it is a table that has no place for queries and keys");
    std::map<int64_t, double> byDistance;
    for (int64_t q = 0; q < n; ++q)
      for (int64_t k = 0; k < n; ++k) {
        int64_t offset = 0;
        for (auto [at, extent] : llvm::zip(element->index, tensor->shape)) {
          int64_t place = at == SymExpr::symbol(kQuerySymbol) ? q
                          : at == SymExpr::symbol(kKeySymbol) ? k
                                                              : *at.constant();
          if (place < 0 || place >= extent)
            return fail("it reads a table beyond its end");
          offset = offset * extent + place;
        }
        auto [it, added] = byDistance.try_emplace(q - k, tensor->numbers[offset]);
        if (!added && it->second != tensor->numbers[offset])
          return fail("it is a table whose numbers differ at equal distances");
      }
    positions = std::min(positions, n);
    Steps result;
    for (auto [distance, value] : byDistance) {
      // Beyond the table nothing is ever read.
      IntervalSet set(distance == 1 - n ? IntervalSet::kMin : distance,
                      distance == n - 1 ? IntervalSet::kMax : distance);
      auto *found = std::find_if(result.data(), result.data() + result.size(),
                                 [&](const auto &step) { return step.second == value; });
      if (found == result.data() + result.size()) {
        if (result.size() >= kMaxRegions)
          return fail("it has too many steps");
        result.push_back({{set, set}, value});
      } else {
        found->first = {found->first.same.unite(set), found->first.other.unite(set)};
      }
    }
    return result;
  }

  ElementPool &pool_;
  StoredNumbers &numbers_;
  std::map<ElementRef, std::optional<Steps>> done_;
};

} // namespace

std::optional<MaskShape> readMask(ElementRef mask, ElementPool &pool, StoredNumbers &numbers, std::string &reason) {
  MaskReader reader(pool, numbers);
  auto steps = reader.read(mask);
  if (!steps) {
    reason = reader.reason;
    return std::nullopt;
  }
  MaskShape shape{IntervalSet(), IntervalSet(), reader.chunk, reader.positions};
  for (const auto &[region, value] : *steps) {
    bool seen = mask->type == ElementType::kTruth ? value != 0 : value == 0;
    if (!seen && mask->type != ElementType::kTruth && !(value <= kHidden)) {
      reason = "it adds " + std::to_string(value) + " to scores";
      return std::nullopt;
    }
    if (seen)
      shape.same = shape.same.unite(region.same), shape.other = shape.other.unite(region.other);
  }
  return shape;
}

} // namespace janus::recover
