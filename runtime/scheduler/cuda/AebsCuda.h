//===- AebsCuda.h - the scheduler on one CUDA block -------------*- C++ -*-===//
//
// Aebs.h as a kernel of one block, for activations that are routed on a GPU and
// must not visit the host. Needs no CUDA header. The same bytes as the serial
// block's.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_SCHEDULER_CUDA_AEBSCUDA_H
#define JANUS_RUNTIME_SCHEDULER_CUDA_AEBSCUDA_H

#include "runtime/scheduler/Aebs.h"

#include <string>

namespace janus::scheduler {

/// Arguments of one launch; all pointers, those inside the structures too, are
/// device memory of the caller's. Marks, workspace and lookup lie in the block's
/// shared memory.
struct CudaLaunch {
  Choices choices;
  ReplicaTableView table;
  Schedule out;
  int32_t *slots = nullptr; // [rows, k] out
};

/// Enqueues Mark, Match, MakeLookup and Rewrite on `stream`, a cudaStream_t (null:
/// the default stream). Allocates nothing and does not wait. Empty, or what the
/// CUDA runtime refused; tables whose workspace exceeds a block's shared memory
/// are refused (1,024 experts on 1,024 instances need 43 KiB).
std::string LaunchAebs(const CudaLaunch &launch, void *stream);

/// Usable devices; 0 with the reason in `why`.
int CudaDevices(std::string &why);

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_CUDA_AEBSCUDA_H
