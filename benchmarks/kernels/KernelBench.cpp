// Speed of single kernels on one core, by instruction set: GFLOP/s, and GB/s of
// weights. Weights are larger than the caches where the name says "dram".
#include "kernels/Kernels.h"

#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

namespace janus {
namespace {

struct Free {
  void operator()(float *p) const { std::free(p); }
};
using Floats = std::unique_ptr<float[], Free>;

Floats Make(int64_t count, float scale) {
  Floats floats(static_cast<float *>(std::aligned_alloc(64, (count * 4 + 63) / 64 * 64)));
  for (int64_t i = 0; i < count; ++i)
    floats[i] = scale * static_cast<float>(i % 251 - 125);
  return floats;
}

const abi::KernelTable *Table(benchmark::State &state, int index) {
  const char *names[] = {"avx2", "avx512"};
  absl::StatusOr<const abi::KernelTable *> table = SelectKernels(names[index]);
  if (table.ok())
    return *table;
  state.SkipWithError("not on this CPU");
  return nullptr;
}

void Count(benchmark::State &state, double flops, double bytes) {
  state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

/// isa, rows, K, N
void Linear(benchmark::State &state) {
  const abi::KernelTable *table = Table(state, state.range(0));
  if (!table)
    return;
  const int64_t rows = state.range(1), k = state.range(2), n = state.range(3);
  const Floats x = Make(rows * k, 1e-3f), w = Make((n + 31) / 32 * 32 * k, 1e-3f), y = Make(rows * n, 0);
  const abi::LinearArgs args{rows, k, n, x.get(), k, w.get(), nullptr, nullptr, 0, y.get(), n, {}};
  for (auto _ : state)
    table->linear.run(&args, 0, table->linear.count(&args), 0);
  Count(state, 2.0 * rows * k * n, 4.0 * k * n);
}
BENCHMARK(Linear)->ArgsProduct({{0, 1}, {1, 8, 64, 512}, {1024}, {1024}})->ArgNames({"isa", "rows", "k", "n"});

/// isa, rows, bits (0: f32): K 4096, N 4096, blocks of 32 without zero points
void QuantisedLinear(benchmark::State &state) {
  const abi::KernelTable *table = Table(state, state.range(0));
  if (!table)
    return;
  const int64_t rows = state.range(1), k = 4096, n = 4096;
  const abi::WeightFormat format = {state.range(2), 32, 0};
  const int64_t bytes = n / 32 * abi::PanelBytes(format, k);
  const Floats x = Make(rows * k, 1e-3f), w = Make(bytes / 4, 1e-3f), y = Make(rows * n, 0);
  const abi::LinearArgs args{rows, k, n, x.get(), k, w.get(), nullptr, nullptr, 0, y.get(), n, format};
  for (auto _ : state)
    table->linear.run(&args, 0, table->linear.count(&args), 0);
  Count(state, 2.0 * static_cast<double>(rows * k * n), static_cast<double>(bytes));
}
BENCHMARK(QuantisedLinear)->ArgsProduct({{0, 1}, {1, 8, 64}, {0, 2, 4, 8}})->ArgNames({"isa", "rows", "bits"});

/// isa, rows of each expert, experts: hidden 1024, intermediate 512, SwiGLU
void Experts(benchmark::State &state) {
  const abi::KernelTable *table = Table(state, state.range(0));
  if (!table)
    return;
  const int64_t each = state.range(1), experts = state.range(2), h = 1024, inter = 512, pairs = each * experts;
  const Floats up = Make(experts * 2 * inter * h, 1e-3f), down = Make(experts * h * inter, 1e-3f);
  const Floats x = Make(each * h, 1e-3f), hidden = Make(pairs * inter, 0), y = Make(pairs * h, 0),
               weight = Make(pairs, 1e-2f);
  std::vector<int32_t> slot, begin = {0}, row;
  std::vector<const void *> ups, downs;
  for (int64_t e = 0; e < experts; ++e) {
    slot.push_back(static_cast<int32_t>(e));
    for (int64_t r = 0; r < each; ++r)
      row.push_back(static_cast<int32_t>(r));
    begin.push_back(static_cast<int32_t>(row.size()));
    ups.push_back(up.get() + e * 2 * inter * h);
    downs.push_back(down.get() + e * inter * h);
  }
  const abi::ExpertsArgs args{h,
                              inter,
                              1,
                              0,
                              1.0f,
                              0.0f,
                              INFINITY,
                              0,
                              experts,
                              slot.data(),
                              begin.data(),
                              row.data(),
                              weight.get(),
                              x.get(),
                              h,
                              ups.data(),
                              downs.data(),
                              nullptr,
                              nullptr,
                              hidden.get(),
                              y.get(),
                              {},
                              {}};
  for (auto _ : state) {
    table->experts_up.run(&args, 0, table->experts_up.count(&args), 0);
    table->experts_down.run(&args, 0, table->experts_down.count(&args), 0);
  }
  Count(state, 6.0 * pairs * h * inter, 12.0 * experts * h * inter);
}
BENCHMARK(Experts)->ArgsProduct({{0, 1}, {1, 4, 8, 12, 64}, {64}})->ArgNames({"isa", "rows", "experts"});

} // namespace
} // namespace janus
