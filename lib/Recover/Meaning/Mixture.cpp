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
  parts_.push_back({-1, 1, expert, body});
  Mixture mixture;
  mixture.choice = choice, mixture.at = at;
  llvm::SmallVector<T, 4> ordered(weights); // so that equal weights are one term
  llvm::sort(ordered);
  mixture.weight = terms_.product(ordered), mixture.weighted = !weights.empty();
  mixture.parts = static_cast<int32_t>(parts_.size()) - 1;
  return add(std::move(mixture));
}

std::optional<int32_t> Mixtures::join(int32_t a, int32_t b, Value at) {
  const Mixture *longer = &mixtures_[a], *shorter = &mixtures_[b];
  if (longer->form != Mixture::kEach || shorter->form != Mixture::kEach || longer->choice != shorter->choice ||
      longer->weight != shorter->weight || longer->weighted != shorter->weighted || longer->whole || shorter->whole)
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
  sum.rest.push_back(rest);
  return add(std::move(sum));
}

std::map<int64_t, T> Mixtures::experts(const Mixture &mixture, std::optional<int64_t> &twice) const {
  std::map<int64_t, T> result;
  for (int32_t part = mixture.parts; part >= 0; part = parts_[part].previous)
    if (!result.try_emplace(parts_[part].expert, parts_[part].body).second)
      twice = parts_[part].expert;
  return result;
}

} // namespace janus::recover
