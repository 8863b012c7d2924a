#include "kernels/reference/Reference.h"

#include <algorithm>
#include <cmath>

namespace janus::reference {
namespace {

const abi::AttentionArgs &Attention(const void *args) { return *static_cast<const abi::AttentionArgs *>(args); }

/// Where element d of the key (or value) at `position` of a row's sequence lies.
float *Key(const abi::AttentionArgs &args, int64_t row, int64_t position, int64_t head, int64_t d) {
  const abi::KvView &kv = *args.kv;
  const int64_t in_page = position % kv.page_tokens;
  float *page = kv.base + kv.pages[kv.row_sequence[row]][position / kv.page_tokens] * kv.page_stride;
  float *keys = page + head * kv.page_tokens * args.head_dim;
  return keys + (in_page / 32 * args.head_dim + d) * 32 + in_page % 32;
}
float *Value(const abi::AttentionArgs &args, int64_t row, int64_t position, int64_t head, int64_t d) {
  const abi::KvView &kv = *args.kv;
  const int64_t in_page = position % kv.page_tokens;
  float *page = kv.base + kv.pages[kv.row_sequence[row]][position / kv.page_tokens] * kv.page_stride;
  float *values = page + args.kv_heads * kv.page_tokens * args.head_dim + head * kv.page_tokens * args.value_dim;
  return values + in_page * args.value_dim + d;
}

double Score(const abi::AttentionArgs &args, int64_t row, int64_t head, int64_t position) {
  const float *q = args.q + row * args.q_stride + head * args.head_dim;
  double sum = 0;
  for (int64_t d = 0; d < args.head_dim; ++d)
    sum += static_cast<double>(q[d]) * *Key(args, row, position, head / (args.heads / args.kv_heads), d);
  sum *= args.scale;
  return args.softcap > 0 ? args.softcap * std::tanh(sum / args.softcap) : sum;
}

void Head(const abi::AttentionArgs &args, int64_t row, int64_t head) {
  const int64_t last = args.positions[row];
  const int64_t near = args.window > 0 ? std::max<int64_t>(0, last - args.window + 1) : 0;
  const int64_t first = args.chunk > 0 ? std::max(near, last / args.chunk * args.chunk) : near;
  double top = args.sinks ? args.sinks[head] : -INFINITY;
  for (int64_t key = first; key <= last; ++key)
    top = std::max(top, Score(args, row, head, key));
  double sum = args.sinks ? std::exp(args.sinks[head] - top) : 0.0;
  for (int64_t key = first; key <= last; ++key)
    sum += std::exp(Score(args, row, head, key) - top);
  for (int64_t d = 0; d < args.value_dim; ++d) {
    double value = 0;
    for (int64_t key = first; key <= last; ++key)
      value += std::exp(Score(args, row, head, key) - top) / sum *
               *Value(args, row, key, head / (args.heads / args.kv_heads), d);
    args.y[row * args.y_stride + head * args.value_dim + d] = static_cast<float>(value);
  }
}

} // namespace

int64_t CountAttention(const void *args) { return Attention(args).rows; }

void RunKvAppend(const void *pointer, int64_t begin, int64_t end, uint32_t) {
  const abi::AttentionArgs &args = Attention(pointer);
  for (int64_t row = begin; row < end; ++row)
    for (int64_t head = 0; head < args.kv_heads; ++head) {
      for (int64_t d = 0; d < args.head_dim; ++d)
        *Key(args, row, args.positions[row], head, d) = args.k[row * args.k_stride + head * args.head_dim + d];
      for (int64_t d = 0; d < args.value_dim; ++d)
        *Value(args, row, args.positions[row], head, d) = args.v[row * args.v_stride + head * args.value_dim + d];
    }
}

void RunAttention(const void *pointer, int64_t begin, int64_t end, uint32_t) {
  const abi::AttentionArgs &args = Attention(pointer);
  for (int64_t row = begin; row < end; ++row)
    for (int64_t head = 0; head < args.heads; ++head)
      Head(args, row, head);
}

} // namespace janus::reference
