#include "runtime/engine/Sampler.h"

#include <algorithm>
#include <cmath>

namespace janus {

namespace {

/// e^x for x <= 0 in double from additions and multiplications alone, so that every machine draws the same token;
/// relative error below 1e-15 above -700, 0 below.
double ExpNegative(double x) {
  if (!(x > -700))
    return 0;
  const double n = std::floor(x * 1.4426950408889634 + 0.5);
  const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double sum = 1;
  for (int i = 14; i > 0; --i)
    sum = 1 + r / i * sum;
  return std::ldexp(sum, static_cast<int>(n));
}

} // namespace

std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0], b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

double SamplingUniform(uint64_t seed, int64_t token_index) {
  const uint64_t index = static_cast<uint64_t>(token_index);
  const auto words = Philox({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                            {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t bits = (uint64_t{words[0]} << 32 | words[1]) >> 11; // 53 bits
  return static_cast<double>(bits) * 0x1p-53;
}

int32_t ArgMax(const float *logits, int64_t vocab) {
  int64_t best = 0;
  for (int64_t i = 1; i < vocab; ++i)
    if (logits[i] > logits[best] || std::isnan(logits[best]))
      best = i;
  return static_cast<int32_t>(best);
}

int32_t TokenSampler::operator()(const float *logits, int64_t vocab, const SamplingParams &params,
                                 int64_t token_index) {
  if (!(params.temperature > 0))
    return ArgMax(logits, vocab);
  // Candidates by descending logit, ties by ascending id; NaN last.
  order_.resize(vocab);
  for (int64_t i = 0; i < vocab; ++i)
    order_[i] = static_cast<int32_t>(i);
  auto before = [&](int32_t a, int32_t b) {
    const bool a_nan = std::isnan(logits[a]), b_nan = std::isnan(logits[b]);
    if (a_nan || b_nan)
      return a_nan == b_nan ? a < b : b_nan;
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  int64_t kept = params.top_k > 0 ? std::min<int64_t>(params.top_k, vocab) : vocab;
  std::partial_sort(order_.begin(), order_.begin() + kept, order_.end(), before);
  weights_.resize(vocab);
  const double largest = logits[order_[0]];
  double sum = 0;
  for (int64_t i = 0; i < kept; ++i) {
    const double logit = logits[order_[i]];
    // Equal ones first: infinities have no difference. NaN: 0.
    weights_[i] = logit == largest ? 1 : ExpNegative((logit - largest) / params.temperature);
    sum += weights_[i];
  }
  if (params.top_p < 1) { // the shortest prefix that reaches top_p of the mass
    double mass = 0;
    for (int64_t i = 0; i < kept; ++i) {
      mass += weights_[i];
      if (mass >= params.top_p * sum) {
        kept = i + 1;
        break;
      }
    }
  }
  // Draw in id order.
  pairs_.clear();
  for (int64_t i = 0; i < kept; ++i)
    pairs_.emplace_back(order_[i], weights_[i]);
  sum = 0;
  std::sort(pairs_.begin(), pairs_.end());
  for (const auto &[id, weight] : pairs_)
    sum += weight;
  const double point = SamplingUniform(params.seed, token_index) * sum;
  double reached = 0;
  for (const auto &[id, weight] : pairs_) {
    reached += weight;
    if (point < reached)
      return id;
  }
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) // rounded up to the sum: the last that can be drawn
    if (pair->second > 0)
      return pair->first;
  return pairs_.front().first;
}

} // namespace janus
