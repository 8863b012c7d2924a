#include "kernels/reference/Reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace janus::reference {
namespace {

std::vector<double> Softmax(const std::vector<double> &x) {
  const double top = *std::max_element(x.begin(), x.end());
  std::vector<double> result;
  for (double value : x)
    result.push_back(std::exp(value - top));
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  for (double &value : result)
    value /= sum;
  return result;
}

void Row(const abi::RouteArgs &args, int64_t row) {
  const auto kind = static_cast<abi::Score>(args.score);
  const float *logits = args.logits + row * args.logits_stride;
  std::vector<double> score(logits, logits + args.experts);
  if (kind == abi::Score::kSoftmax)
    score = Softmax(score);
  if (kind == abi::Score::kSigmoid)
    for (double &value : score)
      value = 1 / (1 + std::exp(-value));
  std::vector<double> select = score;
  for (int64_t e = 0; args.select_bias && e < args.experts; ++e)
    select[e] += args.select_bias[e];
  std::vector<int32_t> order(args.experts);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return select[a] > select[b]; });
  std::vector<double> chosen;
  for (int64_t i = 0; i < args.k; ++i)
    chosen.push_back(score[order[i]]);
  if (kind == abi::Score::kSoftmaxSelected)
    chosen = Softmax(chosen);
  const double divisor = args.renormalize ? std::accumulate(chosen.begin(), chosen.end(), 0.0) + args.epsilon : 1.0;
  for (int64_t i = 0; i < args.k; ++i) {
    args.ids[row * args.k + i] = order[i];
    args.weights[row * args.k + i] = static_cast<float>(chosen[i] / divisor * args.scale);
  }
}

} // namespace

int64_t CountRoute(const void *args) { return static_cast<const abi::RouteArgs *>(args)->rows; }

void RunRoute(const void *args, int64_t begin, int64_t end, uint32_t) {
  for (int64_t row = begin; row < end; ++row)
    Row(*static_cast<const abi::RouteArgs *>(args), row);
}

} // namespace janus::reference
