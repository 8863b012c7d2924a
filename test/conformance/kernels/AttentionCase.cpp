#include "test/conformance/kernels/AttentionCase.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::conformance {
namespace {

constexpr int64_t kGap = 3; // between rows of q, k, v and y

} // namespace

AttentionCase::AttentionCase(const AttentionShape &shape) : shape_(shape), page_stride_(PageFloats() + 16) {
  Random random(shape.heads * 101 + shape.head_dim * 7 + shape.window + shape.lengths.size());
  scale_ = 1 / std::sqrt(static_cast<float>(shape.head_dim));
  sinks_ = random.Values(shape.heads, 2.0f);
  int32_t pages = 0;
  for (int64_t length : shape.lengths) {
    Sequence &sequence = sequences_.emplace_back();
    sequence.length = length;
    sequence.q = random.Values(length * shape.heads * shape.head_dim, shape.magnitude * 3);
    sequence.k = random.Values(length * shape.kv_heads * shape.head_dim, 3);
    sequence.v = random.Values(length * shape.kv_heads * shape.value_dim);
    for (int64_t page = 0; page * shape.page_tokens < length; ++page)
      sequence.pages.push_back(pages++);
  }
  std::vector<int32_t> scattered; // 2 of 3 pages are used, in random order
  for (int32_t page = 0; page < pages; ++page)
    scattered.push_back(page * 3 / 2);
  for (size_t i = scattered.size(); i > 1; --i)
    std::swap(scattered[i - 1], scattered[random.Below(static_cast<int64_t>(i))]);
  for (Sequence &sequence : sequences_)
    for (int32_t &page : sequence.pages)
      page = scattered[page];
  pool_.assign((pages * 3 / 2 + 1) * page_stride_, NAN);
}

std::string AttentionCase::Name(const abi::KernelTable &table) const {
  return absl::StrCat(table.name, ": ", shape_.heads, " heads, ", shape_.kv_heads, " kv heads, head_dim ",
                      shape_.head_dim, ", value_dim ", shape_.value_dim, ", window ", shape_.window, ", chunk ",
                      shape_.chunk, ", softcap ", shape_.softcap, ", sinks ", shape_.sinks, ", pages of ",
                      shape_.page_tokens);
}

void AttentionCase::WriteTo(Floats &pool, int64_t sequence, int64_t position, const Floats &k, const Floats &v) const {
  float *page = pool.data() + sequences_[sequence].pages[position / shape_.page_tokens] * page_stride_;
  const int64_t at = position % shape_.page_tokens;
  for (int64_t head = 0; head < shape_.kv_heads; ++head) {
    for (int64_t d = 0; d < shape_.head_dim; ++d)
      page[head * shape_.page_tokens * shape_.head_dim + at / 32 * shape_.head_dim * 32 + d * 32 + at % 32] =
          k[head * shape_.head_dim + d];
    for (int64_t d = 0; d < shape_.value_dim; ++d)
      page[shape_.kv_heads * shape_.page_tokens * shape_.head_dim + head * shape_.page_tokens * shape_.value_dim +
           at * shape_.value_dim + d] = v[head * shape_.value_dim + d];
  }
}

void AttentionCase::ExpectPool(const abi::KernelTable &table, const Step &step, const Floats &before) const {
  Floats want = before;
  const auto row = [](const Floats &from, int64_t position, int64_t width) {
    return Floats(from.begin() + position * width, from.begin() + (position + 1) * width);
  };
  for (auto [s, position] : step)
    WriteTo(want, s, position, row(sequences_[s].k, position, shape_.kv_heads * shape_.head_dim),
            row(sequences_[s].v, position, shape_.kv_heads * shape_.value_dim));
  ASSERT_EQ(std::memcmp(pool_.data(), want.data(), want.size() * sizeof(float)), 0)
      << Name(table) << ": kv_append writes elsewhere or else";
}

Floats AttentionCase::Play(const abi::KernelTable &table, const std::vector<Step> &steps, Split split) {
  const int64_t q_width = shape_.heads * shape_.head_dim, k_width = shape_.kv_heads * shape_.head_dim,
                v_width = shape_.kv_heads * shape_.value_dim, y_width = shape_.heads * shape_.value_dim;
  std::vector<int64_t> begin = {0};
  std::vector<const int32_t *> tables;
  for (const Sequence &sequence : sequences_) {
    begin.push_back(begin.back() + sequence.length * y_width);
    tables.push_back(sequence.pages.data());
  }
  Floats result(begin.back(), NAN);
  for (const Step &step : steps) {
    const auto rows = static_cast<int64_t>(step.size());
    Floats q(rows * (q_width + kGap), NAN), k(rows * (k_width + kGap), NAN), v(rows * (v_width + kGap), NAN),
        y(rows * (y_width + kGap), -7.0f);
    std::vector<int32_t> positions, row_sequence;
    for (int64_t row = 0; row < rows; ++row) {
      const auto [s, position] = step[row];
      const auto copy = [&](const Floats &from, int64_t width, Floats &to) {
        std::copy_n(from.begin() + position * width, width, to.begin() + row * (width + kGap));
      };
      copy(sequences_[s].q, q_width, q);
      copy(sequences_[s].k, k_width, k);
      copy(sequences_[s].v, v_width, v);
      positions.push_back(static_cast<int32_t>(position));
      row_sequence.push_back(static_cast<int32_t>(s));
    }
    const abi::KvView kv = {pool_.data(), page_stride_, shape_.page_tokens, tables.data(), row_sequence.data()};
    abi::AttentionArgs args = {};
    args.rows = rows;
    args.heads = shape_.heads, args.kv_heads = shape_.kv_heads;
    args.head_dim = shape_.head_dim, args.value_dim = shape_.value_dim;
    args.window = shape_.window, args.chunk = shape_.chunk;
    args.scale = scale_, args.softcap = shape_.softcap;
    args.q = q.data(), args.q_stride = q_width + kGap;
    args.k = k.data(), args.k_stride = k_width + kGap;
    args.v = v.data(), args.v_stride = v_width + kGap;
    args.sinks = shape_.sinks ? sinks_.data() : nullptr;
    args.positions = positions.data();
    args.kv = &kv;
    args.y = y.data(), args.y_stride = y_width + kGap;
    const Floats before = pool_;
    Run(table.kv_append, args, split);
    ExpectPool(table, step, before);
    const Floats after = pool_;
    Run(table.attention, args, split);
    EXPECT_EQ(std::memcmp(pool_.data(), after.data(), after.size() * sizeof(float)), 0) << "attention writes to pages";
    for (int64_t row = 0; row < rows; ++row) {
      const auto [s, position] = step[row];
      std::copy_n(y.begin() + row * (y_width + kGap), y_width, result.begin() + begin[s] + position * y_width);
      for (int64_t i = 0; i < kGap; ++i)
        EXPECT_EQ(y[row * (y_width + kGap) + y_width + i], -7.0f) << Name(table) << " writes between rows";
    }
  }
  return result;
}

Floats AttentionCase::Formula() const {
  Floats result;
  const int64_t group = shape_.heads / shape_.kv_heads;
  for (const Sequence &sequence : sequences_)
    for (int64_t position = 0; position < sequence.length; ++position)
      for (int64_t head = 0; head < shape_.heads; ++head) {
        std::vector<double> weights;
        std::vector<double> y(shape_.value_dim);
        double sum = 0, top = shape_.sinks ? sinks_[head] : -INFINITY;
        for (int64_t key = 0; key <= position; ++key) {
          double score = 0;
          for (int64_t d = 0; d < shape_.head_dim; ++d)
            score += static_cast<double>(sequence.q[(position * shape_.heads + head) * shape_.head_dim + d]) *
                     sequence.k[(key * shape_.kv_heads + head / group) * shape_.head_dim + d];
          score *= scale_;
          if (shape_.softcap > 0)
            score = shape_.softcap * std::tanh(score / shape_.softcap);
          const bool visible = (shape_.window == 0 || key > position - shape_.window) &&
                               (shape_.chunk == 0 || key / shape_.chunk == position / shape_.chunk);
          weights.push_back(visible ? score : -INFINITY);
          top = std::max(top, weights.back());
        }
        for (double &weight : weights)
          sum += weight = std::exp(weight - top);
        if (shape_.sinks)
          sum += std::exp(sinks_[head] - top);
        for (int64_t key = 0; key <= position; ++key)
          for (int64_t d = 0; d < shape_.value_dim; ++d)
            y[d] += weights[key] / sum * sequence.v[(key * shape_.kv_heads + head / group) * shape_.value_dim + d];
        result.insert(result.end(), y.begin(), y.end());
      }
  return result;
}

std::vector<Step> AttentionCase::Whole() const {
  std::vector<Step> steps;
  for (size_t s = 0; s < sequences_.size(); ++s) {
    steps.emplace_back();
    for (int64_t position = 0; position < sequences_[s].length; ++position)
      steps.back().emplace_back(s, position);
  }
  return steps;
}

std::vector<Step> AttentionCase::RowByRow() const {
  std::vector<Step> steps;
  for (const Step &whole : Whole())
    for (const auto &row : whole)
      steps.push_back({row});
  return steps;
}

std::vector<Step> AttentionCase::Mixed(uint64_t seed) const {
  Random random(seed);
  std::vector<Step> steps;
  std::vector<int64_t> next(sequences_.size(), 0);
  while (true) {
    Step step;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      const int64_t chunk = random.Below(3) == 0 ? random.Below(40) : random.Below(2);
      for (int64_t i = 0; i < chunk && next[s] < sequences_[s].length; ++i)
        step.emplace_back(s, next[s]++);
    }
    for (size_t i = step.size(); i > 1 && seed % 2; --i) // odd seeds: rows in any order
      std::swap(step[i - 1], step[random.Below(static_cast<int64_t>(i))]);
    steps.push_back(step); // an empty one is a step of other instances
    bool left = false;
    for (size_t s = 0; s < sequences_.size(); ++s)
      left |= next[s] < sequences_[s].length;
    if (!left)
      return steps;
  }
}

void AttentionCase::ForgetBefore(int64_t sequence, int64_t position) {
  for (int64_t at = 0; at < position; ++at)
    WriteTo(pool_, sequence, at, Floats(shape_.kv_heads * shape_.head_dim, NAN),
            Floats(shape_.kv_heads * shape_.value_dim, NAN));
}

} // namespace janus::conformance
