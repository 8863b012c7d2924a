//===- Reference.h - slow, obvious kernels ----------------------*- C++ -*-===//
//
// What each kernel means, written as its formula: sums in double, functions from
// the C library, one output at a time. The other tables are tested against it.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_KERNELS_REFERENCE_REFERENCE_H
#define JANUS_KERNELS_REFERENCE_REFERENCE_H

#include "janus/ABI/Kernels.h"

namespace janus::reference {

/// Count and Task of each kernel of abi::KernelTable; tasks are rows, pairs for
/// the experts.
int64_t CountLinear(const void *args);
void RunLinear(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountExperts(const void *args);
void RunExpertsUp(const void *args, int64_t begin, int64_t end, uint32_t worker);
void RunExpertsDown(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountAttention(const void *args);
void RunKvAppend(const void *args, int64_t begin, int64_t end, uint32_t worker);
void RunAttention(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountRoute(const void *args);
void RunRoute(const void *args, int64_t begin, int64_t end, uint32_t worker);

} // namespace janus::reference

#endif // JANUS_KERNELS_REFERENCE_REFERENCE_H
