// The model once more, in double, one sequence, no cache, no packing: what the
// other files are compared with.
#include "test/unit/executor/HandModel.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace janus::hand {
namespace {

using Vector = std::vector<double>;

/// w [n, x.size()] . x + bias.
Vector Multiply(const float *w, int64_t n, const Vector &x, const float *bias = nullptr) {
  Vector y(n);
  for (int64_t row = 0; row < n; ++row) {
    y[row] = bias ? bias[row] : 0.0;
    for (size_t i = 0; i < x.size(); ++i)
      y[row] += static_cast<double>(w[row * x.size() + i]) * x[i];
  }
  return y;
}

Vector Norm(const Vector &x, const std::vector<float> &scale) {
  double mean = std::inner_product(x.begin(), x.end(), x.begin(), 0.0) / static_cast<double>(x.size());
  Vector y(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = x[i] / std::sqrt(mean + static_cast<double>(kEpsilon)) * scale[i];
  return y;
}

void Rotate(double *x, size_t position, const Numbers &numbers) {
  for (int64_t i = 0; i < kHeadDim / 2; ++i) {
    double cosine = numbers.at("cos")[position * kHeadDim / 2 + i],
           sine = numbers.at("sin")[position * kHeadDim / 2 + i];
    double a = x[i], b = x[i + kHeadDim / 2];
    x[i] = a * cosine - b * sine;
    x[i + kHeadDim / 2] = b * cosine + a * sine;
  }
}

/// Attention of the last of `qkv`'s rows.
Vector Attend(const std::vector<Vector> &qkv, const float *sinks, int64_t window) {
  const size_t t = qkv.size() - 1;
  const size_t first = window && t + 1 > static_cast<size_t>(window) ? t + 1 - window : 0;
  Vector y(kAttended);
  for (int64_t head = 0; head < kHeads; ++head) {
    const int64_t kv = head / (kHeads / kKvHeads);
    Vector score;
    for (size_t s = first; s <= t; ++s)
      score.push_back(0.25 * std::inner_product(&qkv[t][head * kHeadDim], &qkv[t][head * kHeadDim] + kHeadDim,
                                                &qkv[s][kAttended + kv * kHeadDim], 0.0));
    double most = *std::max_element(score.begin(), score.end());
    double sum = sinks ? std::exp(sinks[head] - most) : 0.0;
    for (double &value : score)
      sum += value = std::exp(value - most);
    for (size_t s = first; s <= t; ++s)
      for (int64_t i = 0; i < kHeadDim; ++i)
        y[head * kHeadDim + i] += score[s - first] / sum * qkv[s][kAttended + (kKvHeads + kv) * kHeadDim + i];
  }
  return y;
}

Vector Expert(const Vector &h, int64_t expert, const std::function<const std::vector<float> &(const char *)> &get) {
  const int64_t size = kIntermediate * kHidden;
  Vector gate = Multiply(&get("gate")[expert * size], kIntermediate, h, &get("up_bias")[expert * 2 * kIntermediate]);
  Vector up = Multiply(&get("up")[expert * size], kIntermediate, h,
                       &get("up_bias")[expert * 2 * kIntermediate + kIntermediate]);
  for (int64_t i = 0; i < kIntermediate; ++i) {
    double g = std::min<double>(gate[i], kLimit), u = std::clamp<double>(up[i], -kLimit, kLimit);
    gate[i] = g / (1.0 + std::exp(-static_cast<double>(kAlpha) * g)) * (u + kBeta);
  }
  return Multiply(&get("down")[expert * size], kHidden, gate, &get("down_bias")[expert * kHidden]);
}

Vector Mixture(const Vector &h, const std::function<const std::vector<float> &(const char *)> &get) {
  Vector logits = Multiply(get("router").data(), kExperts, h, get("router_bias").data());
  std::vector<int64_t> order(kExperts);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
  double sum = 0.0;
  for (int64_t rank = 0; rank < kTopK; ++rank)
    sum += std::exp(logits[order[rank]]);
  Vector result(kHidden);
  for (int64_t rank = 0; rank < kTopK; ++rank) {
    Vector y = Expert(h, order[rank], get);
    for (int64_t i = 0; i < kHidden; ++i)
      result[i] += std::exp(logits[order[rank]]) / sum * y[i];
  }
  return result;
}

} // namespace

std::vector<double> Reference(const Numbers &numbers, const std::vector<int32_t> &tokens) {
  std::vector<Vector> x;
  for (int32_t token : tokens)
    x.emplace_back(&numbers.at("embed")[token * kHidden], &numbers.at("embed")[token * kHidden] + kHidden);
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    auto get = [&](const char *name) -> const std::vector<float> & {
      return numbers.at(absl::StrCat("l", layer, ".", name));
    };
    std::vector<Vector> qkv;
    for (size_t t = 0; t < tokens.size(); ++t) {
      qkv.push_back(Multiply(get("qkv").data(), kQkv, Norm(x[t], get("norm1")), get("qkv_bias").data()));
      for (int64_t head = 0; head < kHeads + kKvHeads; ++head)
        Rotate(&qkv[t][head * kHeadDim], t, numbers);
      Vector attended = Attend(qkv, layer == 1 ? get("sinks").data() : nullptr, layer == 1 ? kWindow : 0);
      Vector out = Multiply(get("out").data(), kHidden, attended);
      for (int64_t i = 0; i < kHidden; ++i)
        x[t][i] += out[i];
      Vector h = Norm(x[t], get("norm2")), mixed = Mixture(h, get);
      Vector shared = Multiply(get("shared").data(), kHidden, h);
      for (int64_t i = 0; i < kHidden; ++i)
        x[t][i] += mixed[i] + shared[i];
    }
  }
  std::vector<double> logits;
  for (const Vector &row : x) {
    Vector y = Multiply(numbers.at("head").data(), kVocab, Norm(row, numbers.at("norm")));
    logits.insert(logits.end(), y.begin(), y.end());
  }
  return logits;
}

} // namespace janus::hand
