// One block does everything. Rows are marked and rewritten by all threads; the match is a chain of dependent decisions
// over a few hundred experts and belongs to one thread, so what it touches lies in shared memory: marks, workspace, and
// the table if it fits.
#include "runtime/scheduler/cuda/AebsCuda.h"

#include <cuda_runtime.h>

namespace janus::scheduler {
namespace {

constexpr int kThreads = 512;
// What a block may have without asking, and how far a staged table may push it: sm_80 allows 163 KiB.
constexpr int64_t kDefaultShared = 48 << 10, kStageLimit = 128 << 10;

struct CudaBlock {
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int threads() const { return static_cast<int>(blockDim.x); }
  __device__ void sync() const { __syncthreads(); }
  __device__ void set(uint8_t *p) const { *const_cast<volatile uint8_t *>(p) = 1; }
};

constexpr int64_t Align(int64_t bytes) { return (bytes + 15) / 16 * 16; }

/// Byte offsets in shared memory.
struct SharedPlan {
  int64_t marks = 0, workspace = 0, lookup = 0, order = 0, begin = 0, instance = 0, bytes = 0;
  bool staged = false; // order, begin and instance are copied in

  explicit SharedPlan(const ReplicaTableView &table) {
    const int64_t experts = table.experts;
    lookup = Align(MatchWorkspace(experts, table.instances) * 4);
    marks = lookup + Align(LookupSize(experts) * 4);
    bytes = order = marks + Align(MarksBytes(experts));
    begin = order + Align(experts * 2);
    instance = begin + Align((experts + 1) * 4);
    const int64_t with_table = instance + Align(int64_t{table.replicas} * 2);
    staged = with_table <= kStageLimit;
    bytes = staged ? with_table : bytes;
  }
};

template <typename T> __device__ const T *Stage(const CudaBlock &block, const T *from, int64_t count, char *to) {
  T *copy = reinterpret_cast<T *>(to);
  for (int64_t i = block.thread(); i < count; i += block.threads())
    copy[i] = from[i];
  return copy;
}

__global__ void __launch_bounds__(kThreads) AebsKernel(CudaLaunch launch, SharedPlan plan) {
  extern __shared__ __align__(16) char shared[];
  CudaBlock block;
  ReplicaTableView table = launch.table;
  auto *marks = reinterpret_cast<uint8_t *>(shared + plan.marks);
  auto *workspace = reinterpret_cast<int32_t *>(shared + plan.workspace);
  auto *lookup = reinterpret_cast<int32_t *>(shared + plan.lookup);
  if (plan.staged) {
    table.order = Stage(block, table.order, table.experts, shared + plan.order);
    table.begin = Stage(block, table.begin, table.experts + 1, shared + plan.begin);
    table.instance = Stage(block, table.instance, table.replicas, shared + plan.instance);
  }
  Mark(block, launch.choices, table.experts, marks); // its barriers also end the staging
  Match(block, table, marks, launch.out, workspace);
  MakeLookup(block, table, launch.out.chosen, lookup);
  Rewrite(block, launch.choices, table.experts, lookup, launch.slots);
}

} // namespace

std::string LaunchAebs(const CudaLaunch &launch, void *stream) {
  const SharedPlan plan(launch.table);
  if (plan.bytes > kDefaultShared)
    if (const cudaError_t error =
            cudaFuncSetAttribute(AebsKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(plan.bytes));
        error != cudaSuccess)
      return "scheduler: " + std::to_string(launch.table.experts) + " experts on " +
             std::to_string(launch.table.instances) + " instances need " + std::to_string(plan.bytes) +
             " bytes of shared memory: " + cudaGetErrorString(error);
  AebsKernel<<<1, kThreads, plan.bytes, static_cast<cudaStream_t>(stream)>>>(launch, plan);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? "" : std::string("scheduler: launch: ") + cudaGetErrorString(error);
}

int CudaDevices(std::string &why) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  why = error != cudaSuccess ? cudaGetErrorString(error) : count == 0 ? "no device" : "";
  return error == cudaSuccess ? count : 0;
}

} // namespace janus::scheduler
