#include "benchmarks/scheduler/Measure.h"
#include "kernels/Kernels.h"

#include <cmath>
#include <ctime>

namespace janus::scheduler {
namespace {

constexpr int64_t kHidden = 1024, kWidth = 512, kRows = 64;

const abi::KernelTable *Kernels() {
  for (const char *name : {"avx512", "avx2"})
    if (const auto table = SelectKernels(name); table.ok())
      return *table;
  return nullptr;
}

double CpuNanoseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

} // namespace

ExpertLayer::ExpertLayer()
    : up(kExperts * 2 * kWidth * kHidden, 1e-3f), down(kExperts * kWidth * kHidden, 1e-3f), x(kRows * kHidden, 1e-2f),
      hidden(kRows * kK * kWidth), y(kRows * kK * kHidden), weight(kRows * kK, 0.1f) {}

double ExpertLayer::Measure(const std::vector<uint16_t> &ids, int repeats) {
  const abi::KernelTable *table = Kernels();
  if (!table)
    return 0;
  std::vector<int32_t> slot, begin = {0}, row;
  std::vector<const void *> ups, downs;
  for (int64_t e = 0; e < kExperts; ++e) {
    ups.push_back(up.data() + e * 2 * kWidth * kHidden);
    downs.push_back(down.data() + e * kWidth * kHidden);
    for (size_t i = 0; i < ids.size(); ++i)
      if (ids[i] == e)
        row.push_back(static_cast<int32_t>(i / kK));
    if (static_cast<int32_t>(row.size()) > begin.back()) {
      slot.push_back(static_cast<int32_t>(e));
      begin.push_back(static_cast<int32_t>(row.size()));
    }
  }
  const abi::ExpertsArgs args{kHidden,
                              kWidth,
                              1,
                              0,
                              1.0f,
                              0.0f,
                              INFINITY,
                              0,
                              static_cast<int64_t>(slot.size()),
                              slot.data(),
                              begin.data(),
                              row.data(),
                              weight.data(),
                              x.data(),
                              kHidden,
                              ups.data(),
                              downs.data(),
                              nullptr,
                              nullptr,
                              hidden.data(),
                              y.data(),
                              {},
                              {}};
  std::vector<double> times;
  for (int i = 0; i <= repeats; ++i) {
    const double start = CpuNanoseconds();
    table->experts_up.run(&args, 0, table->experts_up.count(&args), 0);
    table->experts_down.run(&args, 0, table->experts_down.count(&args), 0);
    if (i > 0)
      times.push_back(CpuNanoseconds() - start);
  }
  return Median(times);
}

} // namespace janus::scheduler
