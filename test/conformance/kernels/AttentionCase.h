//===- AttentionCase.h - sequences, pages and the formula -------*- C++ -*-===//
#ifndef JANUS_TEST_CONFORMANCE_KERNELS_ATTENTIONCASE_H
#define JANUS_TEST_CONFORMANCE_KERNELS_ATTENTIONCASE_H

#include "test/conformance/kernels/Support.h"

namespace janus::conformance {

struct AttentionShape {
  int64_t heads = 4, kv_heads = 2, head_dim = 16, value_dim = 16;
  int64_t window = 0, chunk = 0;
  float softcap = 0;
  bool sinks = false;
  int64_t page_tokens = 32;
  std::vector<int64_t> lengths = {70};
  float magnitude = 1; // of q: large ones make one key win
};

/// Rows of one call: (sequence, position), in the order of the rows.
using Step = std::vector<std::pair<int64_t, int64_t>>;

/// Queries, keys and values of some sequences, and their pages: scattered over a pool full of NaN.
class AttentionCase {
public:
  explicit AttentionCase(const AttentionShape &shape);

  /// Plays the steps in turn, kv_append and then attention; outputs of all sequences, [position][heads * value_dim],
  /// one after another. Checks that nothing but the rows' outputs, and of the pool nothing but the rows' keys and
  /// values, is written.
  Floats Play(const abi::KernelTable &table, const std::vector<Step> &steps, Split split = Split::kWhole);
  /// The same from the definition, in double, without pages or blocks.
  Floats Formula() const;

  /// Sequence by sequence, each at once; or everything row by row.
  std::vector<Step> Whole() const;
  std::vector<Step> RowByRow() const;
  /// Steps that mix prompt chunks of some sequences with single rows of others, rows interleaved.
  std::vector<Step> Mixed(uint64_t seed) const;

  /// Overwrites with NaN all keys and values of a sequence before `position`.
  void ForgetBefore(int64_t sequence, int64_t position);
  std::string Name(const abi::KernelTable &table) const;

private:
  struct Sequence {
    int64_t length;
    Floats q, k, v;
    std::vector<int32_t> pages;
  };
  int64_t PageFloats() const { return shape_.page_tokens * shape_.kv_heads * (shape_.head_dim + shape_.value_dim); }
  /// Puts one position's keys and values where Kernels.h says: of a page, all kv heads' K as [blocks][head_dim][32],
  /// then all their V as [tokens][value_dim].
  void WriteTo(Floats &pool, int64_t sequence, int64_t position, const Floats &k, const Floats &v) const;
  void ExpectPool(const abi::KernelTable &table, const Step &step, const Floats &before) const;

  AttentionShape shape_;
  float scale_;
  std::vector<Sequence> sequences_;
  Floats sinks_, pool_;
  int64_t page_stride_;
};

} // namespace janus::conformance

#endif // JANUS_TEST_CONFORMANCE_KERNELS_ATTENTIONCASE_H
