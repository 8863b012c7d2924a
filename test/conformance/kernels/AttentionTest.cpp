// Attention over paged keys and values, with kv_append before it: against the definition in double, and byte for byte
// across tables, task splits, chunks and batches.
#include "test/conformance/kernels/AttentionCase.h"

namespace janus::conformance {
namespace {

std::vector<AttentionShape> Shapes() {
  std::vector<AttentionShape> shapes;
  int variant = 0;
  // Groups of 1, 2, 3, 4, 8 and 50 (above what a task takes at once); head and value dimensions that differ, that are
  // no multiple of a vector, and the usual ones.
  for (auto [heads, kv_heads] : {std::pair<int64_t, int64_t>{1, 1}, {4, 4}, {4, 2}, {9, 3}, {8, 2}, {8, 1}, {50, 1}})
    for (auto [head_dim, value_dim] : {std::pair<int64_t, int64_t>{16, 16}, {8, 24}, {32, 5}, {7, 33}, {64, 64}}) {
      ++variant;
      AttentionShape shape;
      shape.heads = heads, shape.kv_heads = kv_heads;
      shape.head_dim = head_dim, shape.value_dim = value_dim;
      const int64_t windows[] = {0, 1, 5, 32, 33, 64, 1000};
      shape.window = windows[variant % 7];
      const int64_t chunks[] = {0, 0, 1, 8, 33};
      shape.chunk = chunks[variant % 5];
      shape.softcap = variant % 3 ? 0 : 2.5f;
      shape.sinks = variant % 2;
      shape.page_tokens = variant % 4 ? 32 : 96;
      shape.magnitude = variant % 5 ? 1.0f : 40.0f;
      if (variant % 2)
        shape.lengths = {1, 32, 33, 70}; // up to, at and beyond the border of a block and page
      else
        shape.lengths = {97, 5};
      shapes.push_back(shape);
    }
  return shapes;
}

TEST(Attention, EqualsTheDefinition) {
  for (const AttentionShape &shape : Shapes()) {
    AttentionCase test(shape);
    const Floats want = test.Formula();
    const double tolerance = shape.magnitude > 1 ? 2e-4 : 2e-6; // f32 scores of some hundred are off by 2e-4
    for (const auto *table : AvailableKernels()) {
      AttentionCase fresh = test;
      ExpectNear(fresh.Play(*table, fresh.Whole()), want, tolerance, test.Name(*table));
    }
  }
}

TEST(Attention, BytesDoNotDependOnTableSplitChunkOrBatch) {
  if (Tested().empty())
    GTEST_SKIP() << "unavailable: this CPU runs the reference kernels only";
  for (const AttentionShape &shape : Shapes()) {
    const AttentionCase test(shape);
    const auto play = [&](const abi::KernelTable &table, const std::vector<Step> &steps, Split split) {
      AttentionCase fresh = test;
      return fresh.Play(table, steps, split);
    };
    const Floats want = play(*Tested().front(), test.Whole(), Split::kWhole);
    for (const auto *table : Tested()) {
      for (Split split : kSplits)
        ExpectSameBytes(play(*table, test.Whole(), split), want, test.Name(*table) + ", split");
      ExpectSameBytes(play(*table, test.RowByRow(), Split::kWhole), want, test.Name(*table) + ", row by row");
      for (uint64_t seed : {1, 2, 3})
        ExpectSameBytes(play(*table, test.Mixed(seed), seed == 3 ? Split::kRagged : Split::kWhole), want,
                        test.Name(*table) + ", mixed " + std::to_string(seed));
    }
  }
}

/// What a window has left behind has no influence, also in a block that it still touches: it may hold anything.
TEST(Attention, WhatLiesBeforeTheWindowHasNoInfluence) {
  for (int64_t window : {1, 5, 32, 40})
    for (int64_t last : {95, 96, 97, 127, 128}) {
      AttentionShape shape;
      shape.window = window;
      shape.lengths = {last + 1};
      const AttentionCase test(shape);
      Step before, final = {{0, last}};
      for (int64_t position = 0; position < last; ++position)
        before.emplace_back(0, position);
      for (const auto *table : AvailableKernels()) {
        AttentionCase whole = test, forgetful = test;
        const Floats want = whole.Play(*table, {before, final});
        forgetful.Play(*table, {before});
        forgetful.ForgetBefore(0, last - window + 1);
        const Floats got = forgetful.Play(*table, {final});
        const int64_t width = shape.heads * shape.value_dim;
        ExpectSameBytes(Floats(got.end() - width, got.end()), Floats(want.end() - width, want.end()),
                        test.Name(*table));
      }
    }
}

TEST(Attention, NoRows) {
  AttentionCase test((AttentionShape()));
  for (const auto *table : AvailableKernels())
    for (Split split : kSplits)
      test.Play(*table, {Step()}, split);
}

} // namespace
} // namespace janus::conformance
