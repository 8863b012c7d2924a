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

/// The selection score of experts in groups that are not kept becomes the fill.
void KeepGroups(const abi::RouteArgs &args, std::vector<double> &select) {
  const int64_t size = args.experts / args.groups;
  std::vector<double> score;
  for (int64_t g = 0; g < args.groups; ++g) {
    std::vector<double> members(select.begin() + g * size, select.begin() + (g + 1) * size);
    std::sort(members.rbegin(), members.rend());
    const bool two = static_cast<abi::GroupScore>(args.group_score) == abi::GroupScore::kTop2Sum && size > 1;
    score.push_back(two ? members[0] + members[1] : members[0]);
  }
  std::vector<int64_t> order(args.groups);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score[a] > score[b]; });
  for (int64_t i = args.kept_groups; i < args.groups; ++i)
    std::fill_n(select.begin() + order[i] * size, size, args.group_fill);
}

void SparseMixerRow(const abi::RouteArgs &args, int64_t row) {
  const float *logits = args.logits + row * args.logits_stride;
  std::vector<bool> taken(args.experts, false);
  for (int64_t i = 0; i < args.k; ++i) {
    int64_t best = -1;
    for (int64_t e = 0; e < args.experts; ++e)
      if (!taken[e] && (best < 0 || logits[e] > logits[best]))
        best = e;
    const double top = logits[best];
    double sum = 0;
    for (int64_t e = 0; e < args.experts; ++e) {
      const double l = logits[e];
      if (!taken[e] && (top - l) / std::max(std::fabs(l), top) <= 2.0 * args.jitter)
        sum += std::exp(l - top);
    }
    taken[best] = true;
    args.ids[row * args.k + i] = static_cast<int32_t>(best);
    args.weights[row * args.k + i] = static_cast<float>(1 / sum);
  }
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
  if (kind == abi::Score::kSqrtSoftplus)
    for (double &value : score)
      value = std::sqrt(std::log1p(std::exp(-std::fabs(value))) + std::max(value, 0.0));
  std::vector<double> select = score;
  for (int64_t e = 0; args.select_bias && e < args.experts; ++e)
    select[e] += args.select_bias[e];
  if (args.groups > 1)
    KeepGroups(args, select);
  std::vector<int32_t> order(args.experts);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return select[a] > select[b]; });
  std::vector<double> chosen;
  for (int64_t i = 0; i < args.k; ++i)
    chosen.push_back(score[order[i]]);
  if (kind == abi::Score::kSoftmaxSelected)
    chosen = Softmax(chosen);
  for (int64_t i = 0; args.expert_scale && i < args.k; ++i)
    chosen[i] *= args.expert_scale[order[i]];
  const double divisor = args.renormalize ? std::accumulate(chosen.begin(), chosen.end(), 0.0) + args.epsilon : 1.0;
  for (int64_t i = 0; i < args.k; ++i) {
    args.ids[row * args.k + i] = order[i];
    args.weights[row * args.k + i] = static_cast<float>(chosen[i] / divisor * args.scale);
  }
}

} // namespace

int64_t CountRoute(const void *args) { return static_cast<const abi::RouteArgs *>(args)->rows; }

void RunRoute(const void *args, int64_t begin, int64_t end, uint32_t) {
  const auto &route = *static_cast<const abi::RouteArgs *>(args);
  const bool mixer = static_cast<abi::Score>(route.score) == abi::Score::kSparseMixer;
  for (int64_t row = begin; row < end; ++row)
    mixer ? SparseMixerRow(route, row) : Row(route, row);
}

} // namespace janus::reference
