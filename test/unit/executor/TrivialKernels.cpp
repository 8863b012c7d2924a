// A kernel table as plain as the ABI allows, of the test alone: the executor is
// tested against the contract, not against a library.
#include "test/unit/executor/TrivialKernels.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace janus::hand {
namespace {

using namespace abi;

int64_t LinearCount(const void *args) { return static_cast<const LinearArgs *>(args)->rows; }

float Panel(const float *w, int64_t n, int64_t k, int64_t row, int64_t column) {
  return w[((row / kPanel) * k + column) * kPanel + row % kPanel];
}

void Linear(const void *args, int64_t begin, int64_t end, uint32_t) {
  const LinearArgs &a = *static_cast<const LinearArgs *>(args);
  for (int64_t r = begin; r < end; ++r)
    for (int64_t n = 0; n < a.n; ++n) {
      float sum = 0.0f;
      for (int64_t k = 0; k < a.k; ++k)
        sum = std::fma(a.x[r * a.x_stride + k], Panel(a.weight, a.n, a.k, n, k), sum);
      if (a.bias)
        sum += a.bias[n];
      if (a.residual)
        sum += a.residual[r * a.residual_stride + n];
      a.y[r * a.y_stride + n] = sum;
    }
}

int64_t Pairs(const void *args) {
  const ExpertsArgs &a = *static_cast<const ExpertsArgs *>(args);
  return a.group_begin[a.groups];
}

int64_t SlotOf(const ExpertsArgs &a, int64_t pair) {
  int64_t group = 0;
  while (a.group_begin[group + 1] <= pair)
    ++group;
  return a.group_slot[group];
}

void ExpertsUp(const void *args, int64_t begin, int64_t end, uint32_t) {
  const ExpertsArgs &a = *static_cast<const ExpertsArgs *>(args);
  const int64_t stride = (a.intermediate + 15) / 16 * 16;
  for (int64_t p = begin; p < end; ++p) {
    const int64_t slot = SlotOf(a, p);
    const float *up = static_cast<const float *>(a.up[slot]), *bias = static_cast<const float *>(a.up_bias[slot]);
    for (int64_t i = 0; i < a.intermediate; ++i) {
      float g = 0.0f, u = 0.0f;
      for (int64_t h = 0; h < a.hidden; ++h) {
        const float *panel = up + (i / 16 * a.hidden + h) * 32 + i % 16;
        const float x = a.x[a.pair_row[p] * a.x_stride + h];
        g = std::fma(x, panel[0], g);
        u = std::fma(x, panel[16], u);
      }
      g = std::min(g + bias[i], a.limit);
      u = std::clamp(u + bias[a.intermediate + i], -a.limit, a.limit);
      a.h[p * stride + i] = g / (1.0f + std::exp(-a.alpha * g)) * (u + a.beta);
    }
  }
}

void ExpertsDown(const void *args, int64_t begin, int64_t end, uint32_t) {
  const ExpertsArgs &a = *static_cast<const ExpertsArgs *>(args);
  const int64_t stride = (a.intermediate + 15) / 16 * 16;
  for (int64_t p = begin; p < end; ++p) {
    const int64_t slot = SlotOf(a, p);
    const float *bias = static_cast<const float *>(a.down_bias[slot]);
    for (int64_t n = 0; n < a.hidden; ++n) {
      float sum = 0.0f;
      for (int64_t i = 0; i < a.intermediate; ++i)
        sum = std::fma(a.h[p * stride + i],
                       Panel(static_cast<const float *>(a.down[slot]), a.hidden, a.intermediate, n, i), sum);
      a.y[p * a.hidden + n] = a.pair_weight[p] * (sum + bias[n]);
    }
  }
}

int64_t Rows(const void *args) { return static_cast<const AttentionArgs *>(args)->rows; }

/// Key (or value) `i` of the token at `position` in the row's sequence.
float *Cell(const AttentionArgs &a, int64_t row, int64_t position, int64_t head, int64_t i, bool value) {
  const KvView &kv = *a.kv;
  float *page = kv.base + kv.pages[kv.row_sequence[row]][position / kv.page_tokens] * kv.page_stride;
  const int64_t token = position % kv.page_tokens;
  if (!value)
    return page + ((head * (kv.page_tokens / 32) + token / 32) * a.head_dim + i) * 32 + token % 32;
  page += a.kv_heads * kv.page_tokens * a.head_dim;
  return page + (head * kv.page_tokens + token) * a.value_dim + i;
}

void Append(const void *args, int64_t begin, int64_t end, uint32_t) {
  const AttentionArgs &a = *static_cast<const AttentionArgs *>(args);
  for (int64_t r = begin; r < end; ++r)
    for (int64_t head = 0; head < a.kv_heads; ++head) {
      for (int64_t i = 0; i < a.head_dim; ++i)
        *Cell(a, r, a.positions[r], head, i, false) = a.k[r * a.k_stride + head * a.head_dim + i];
      for (int64_t i = 0; i < a.value_dim; ++i)
        *Cell(a, r, a.positions[r], head, i, true) = a.v[r * a.v_stride + head * a.value_dim + i];
    }
}

void Attend(const void *args, int64_t begin, int64_t end, uint32_t) {
  const AttentionArgs &a = *static_cast<const AttentionArgs *>(args);
  for (int64_t r = begin; r < end; ++r)
    for (int64_t head = 0; head < a.heads; ++head) {
      const int64_t kv_head = head / (a.heads / a.kv_heads), last = a.positions[r];
      const int64_t first = a.window ? std::max<int64_t>(0, last + 1 - a.window) : 0;
      auto score = [&](int64_t position) {
        float sum = 0.0f;
        for (int64_t i = 0; i < a.head_dim; ++i)
          sum = std::fma(a.q[r * a.q_stride + head * a.head_dim + i], *Cell(a, r, position, kv_head, i, false), sum);
        return sum * a.scale;
      };
      float most = a.sinks ? a.sinks[head] : -INFINITY;
      for (int64_t p = first; p <= last; ++p)
        most = std::max(most, score(p));
      float total = a.sinks ? std::exp(a.sinks[head] - most) : 0.0f;
      float *y = a.y + r * a.y_stride + head * a.value_dim;
      std::fill_n(y, a.value_dim, 0.0f);
      for (int64_t p = first; p <= last; ++p) {
        const float weight = std::exp(score(p) - most);
        total += weight;
        for (int64_t i = 0; i < a.value_dim; ++i)
          y[i] = std::fma(weight, *Cell(a, r, p, kv_head, i, true), y[i]);
      }
      for (int64_t i = 0; i < a.value_dim; ++i)
        y[i] /= total;
    }
}

int64_t RouteCount(const void *args) { return static_cast<const RouteArgs *>(args)->rows; }

/// kSoftmax with renormalisation, the only score of the model.
void Route(const void *args, int64_t begin, int64_t end, uint32_t) {
  const RouteArgs &a = *static_cast<const RouteArgs *>(args);
  for (int64_t r = begin; r < end; ++r) {
    const float *logits = a.logits + r * a.logits_stride;
    float total = 0.0f;
    for (int64_t rank = 0; rank < a.k; ++rank) {
      int32_t *ids = a.ids + r * a.k, best = -1;
      for (int32_t e = 0; e < a.experts; ++e)
        if (std::find(ids, ids + rank, e) == ids + rank && (best < 0 || logits[e] > logits[best]))
          best = e;
      ids[rank] = best;
      total += a.weights[r * a.k + rank] = std::exp(logits[best] - logits[ids[0]]);
    }
    for (int64_t rank = 0; rank < a.k; ++rank)
      a.weights[r * a.k + rank] /= total;
  }
}

} // namespace

const KernelTable &TrivialKernels() {
  static const KernelTable table = {kKernelAbiVersion,     sizeof(KernelTable), "trivial",
                                    {LinearCount, Linear}, {Pairs, ExpertsUp},  {Pairs, ExpertsDown},
                                    {Rows, Append},        {Rows, Attend},      {RouteCount, Route}};
  return table;
}

} // namespace janus::hand
