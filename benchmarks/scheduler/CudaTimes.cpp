#include "benchmarks/scheduler/Measure.h"
#include "benchmarks/scheduler/Routing.h"
#include "runtime/scheduler/cuda/AebsCuda.h"

#include <cstdio>
#include <cuda_runtime.h>

namespace janus::scheduler {
namespace {

/// Device memory, kept until the program ends.
template <typename T> T *OnDevice(const T *from, size_t size) {
  void *data = nullptr;
  if (cudaMalloc(&data, size * sizeof(T)) == cudaSuccess && from)
    cudaMemcpy(data, from, size * sizeof(T), cudaMemcpyHostToDevice);
  return static_cast<T *>(data);
}

/// Microseconds a launch, over many in a row.
double Measure(const CudaLaunch &launch) {
  constexpr int kLaunches = 200;
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  for (int i = -10; i < kLaunches; ++i) {
    if (i == 0)
      cudaEventRecord(begin);
    if (const std::string error = LaunchAebs(launch, nullptr); !error.empty())
      std::fprintf(stderr, "%s\n", error.c_str());
  }
  cudaEventRecord(end);
  cudaEventSynchronize(end);
  float ms = 0;
  cudaEventElapsedTime(&ms, begin, end);
  return 1e3 * ms / kLaunches;
}

} // namespace

void CudaTimes() {
  std::string why;
  if (CudaDevices(why) == 0) {
    std::printf("\nskipped: no CUDA device (%s)\n", why.c_str());
    return;
  }
  std::printf(
      "\n## One launch on a CUDA device, us: E = 160, k = 6, 216 slots (budget of the paper on H100: 20 at small "
      "batches, 90 at T = 4096)\n\n|    n |     T |      us |\n|---|---|---|\n");
  for (int32_t n : {8, 16})
    for (int64_t rows : {1, 16, 64, 256, 1024, 4096}) {
      std::mt19937_64 random(1);
      const Layout layout = MakeLayout(160, n, 216, random);
      const std::vector<uint16_t> ids = MakeRouting(rows, 6, 160, 0.5, random);
      ReplicaTable replicas;
      replicas.Set(layout.list());
      const ReplicaTableView table = replicas.view();
      CudaLaunch launch;
      launch.table = table;
      launch.table.order = OnDevice(table.order, 160);
      launch.table.begin = OnDevice(table.begin, 161);
      launch.table.instance = OnDevice(table.instance, table.replicas);
      launch.table.slot = OnDevice(table.slot, table.replicas);
      launch.choices = {OnDevice(ids.data(), ids.size()), rows, 6};
      launch.out = {OnDevice<int32_t>(nullptr, 160), OnDevice<uint16_t>(nullptr, 160),
                    OnDevice<AebsResult>(nullptr, 1)};
      launch.slots = OnDevice<int32_t>(nullptr, ids.size());
      std::printf("| %4d | %5lld | %7.2f |\n", n, static_cast<long long>(rows), Measure(launch));
    }
}

} // namespace janus::scheduler
