#include "lib/Recover/Meaning/Mixture.h"

using namespace mlir;

namespace janus::recover {

int32_t Mixtures::add(Mixture mixture) {
  close(mixture);
  mixtures_.push_back(std::move(mixture));
  return static_cast<int32_t>(mixtures_.size()) - 1;
}

/// A sum over single experts is whole when each occurred once.
void Mixtures::close(Mixture &mixture) {
  if (mixture.form != Mixture::kEach)
    return;
  int64_t width = terms_.choice(mixture.choice).width;
  std::optional<int64_t> twice;
  mixture.whole = countOf(mixture) == width && static_cast<int64_t>(experts(mixture, twice).size()) == width && !twice;
}

int32_t Mixtures::single(int32_t choice, int64_t expert, ArrayRef<T> weights, T body, Value at) {
  Mixture mixture;
  mixture.choice = choice, mixture.at = at;
  llvm::SmallVector<T, 4> factors, ordered; // so that equal weights are one term
  for (T weight : weights)
    terms_.factors(weight, factors);
  for (T factor : factors)
    if (factor->kind == Term::kNumber) // an activation's as well as a router's
      body = terms_.apply(Fn::kMul, {factor, body});
    else
      ordered.push_back(factor);
  llvm::sort(ordered);
  mixture.weighted = !weights.empty();
  parts_.push_back({-1, 1, expert, mixture.weighted ? terms_.product(ordered) : nullptr, body});
  mixture.parts = static_cast<int32_t>(parts_.size()) - 1;
  return add(std::move(mixture));
}

llvm::SmallVector<int32_t> Mixtures::ranksOf(int32_t mixture) const {
  const Mixture &m = mixtures_[mixture];
  return m.form == Mixture::kRanks ? llvm::SmallVector<int32_t>(llvm::ArrayRef<int32_t>(m.ranks))
                                   : llvm::SmallVector<int32_t>{mixture};
}

bool Mixtures::isOfOne(const Mixture &mixture) const {
  return mixture.form == Mixture::kRanks ||
         (mixture.form != Mixture::kFused && mixture.weighted && terms_.choice(mixture.choice).rank < 0);
}

bool Mixtures::areRanks(int32_t a, int32_t b) {
  const Mixture &left = mixtures_[a], &right = mixtures_[b];
  if (!isOfOne(left) || !isOfOne(right) ||
      (left.choice == right.choice && left.form != Mixture::kRanks && right.form != Mixture::kRanks))
    return false;
  int32_t x = mixtures_[ranksOf(a).front()].choice, y = mixtures_[ranksOf(b).front()].choice;
  return x == y || terms_.joinChoices({x, y}).has_value() || terms_.joinChoices({y, x}).has_value();
}

std::optional<int32_t> Mixtures::join(int32_t a, int32_t b, Value at) {
  return areRanks(a, b) ? joinRanks(a, b, at) : joinEach(a, b, at);
}

/// Rank by rank.
std::optional<int32_t> Mixtures::joinRanks(int32_t a, int32_t b, Value at) {
  std::map<int32_t, int32_t> byChoice; // mixtures
  Mixture joined;
  joined.form = Mixture::kRanks;
  for (int32_t side : {a, b}) {
    if (mixtures_[side].whole)
      joined.absorbs.push_back(side);
    joined.absorbs.append(mixtures_[side].absorbs.begin(), mixtures_[side].absorbs.end());
    joined.rest.append(mixtures_[side].rest.begin(), mixtures_[side].rest.end());
    for (int32_t rank : ranksOf(side)) {
      auto [it, inserted] = byChoice.try_emplace(mixtures_[rank].choice, rank);
      if (inserted)
        continue;
      auto sum = joinEach(it->second, rank, at);
      if (!sum)
        return std::nullopt;
      it->second = *sum;
    }
  }
  llvm::SmallVector<int32_t> choices;
  for (auto [choice, mixture] : byChoice)
    choices.push_back(choice);
  llvm::sort(choices, [&](int32_t x, int32_t y) { return terms_.isBefore(x, y); });
  auto joint = terms_.joinChoices(choices);
  if (!joint)
    return std::nullopt;
  joined.choice = *joint, joined.weighted = true, joined.at = at;
  joined.whole = true;
  for (int32_t choice : choices) {
    joined.ranks.push_back(byChoice[choice]);
    bool whole = mixtures_[byChoice[choice]].whole;
    joined.whole &= whole;
    if (whole && !llvm::is_contained(joined.absorbs, byChoice[choice]))
      joined.absorbs.push_back(byChoice[choice]);
  }
  return add(std::move(joined));
}

std::optional<int32_t> Mixtures::joinEach(int32_t a, int32_t b, Value at) {
  const Mixture *longer = &mixtures_[a], *shorter = &mixtures_[b];
  if (longer->form != Mixture::kEach || shorter->form != Mixture::kEach || longer->choice != shorter->choice ||
      longer->weighted != shorter->weighted || longer->whole || shorter->whole)
    return std::nullopt;
  // Terms of one expert's hidden values, masked as its input is.
  if (countOf(*longer) == 1 && countOf(*shorter) == 1 && parts_[longer->parts].expert == parts_[shorter->parts].expert)
    return std::nullopt;
  if (countOf(*longer) < countOf(*shorter))
    std::swap(longer, shorter);
  Mixture joined = *longer;
  joined.at = at;
  for (int32_t part = shorter->parts; part >= 0; part = parts_[part].previous) {
    MixturePart copy = parts_[part];
    copy.previous = joined.parts;
    copy.count = parts_[joined.parts].count + 1;
    joined.parts = static_cast<int32_t>(parts_.size());
    parts_.push_back(copy);
  }
  joined.rest.append(shorter->rest.begin(), shorter->rest.end());
  return add(std::move(joined));
}

int32_t Mixtures::plus(int32_t mixture, Value rest, Value at) {
  Mixture sum = mixtures_[mixture];
  sum.at = at;
  if (sum.form == Mixture::kRanks && sum.whole)
    sum.absorbs.push_back(mixture);
  sum.rest.push_back(rest);
  return add(std::move(sum));
}

int32_t Mixtures::scale(int32_t mixture, Fn fn, T factor, Value at) {
  Mixture scaled = mixtures_[mixture];
  scaled.absorbs.push_back(mixture);
  scaled.at = at;
  if (scaled.form == Mixture::kRanks) {
    for (int32_t &rank : scaled.ranks)
      scaled.absorbs.push_back(rank = scale(rank, fn, factor, at));
  } else if (scaled.form == Mixture::kEach) {
    int32_t previous = -1;
    for (int32_t part = std::exchange(scaled.parts, -1); part >= 0; part = parts_[part].previous) {
      MixturePart copy = parts_[part];
      copy.count = previous < 0 ? 1 : parts_[previous].count + 1;
      copy.weight = terms_.apply(fn, {copy.weight, factor});
      copy.previous = previous;
      previous = static_cast<int32_t>(parts_.size());
      parts_.push_back(copy);
    }
    scaled.parts = previous;
  } else {
    scaled.weight = terms_.apply(fn, {scaled.weight, factor});
  }
  return add(std::move(scaled));
}

std::map<int64_t, MixturePart> Mixtures::experts(const Mixture &mixture, std::optional<int64_t> &twice) const {
  std::map<int64_t, MixturePart> result;
  for (int32_t part = mixture.parts; part >= 0; part = parts_[part].previous)
    if (!result.try_emplace(parts_[part].expert, parts_[part]).second)
      twice = parts_[part].expert;
  return result;
}

} // namespace janus::recover
