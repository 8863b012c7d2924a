//===- Parts.h - the kernels of one instruction set -------------*- C++ -*-===//
#ifndef JANUS_KERNELS_CPU_PARTS_H
#define JANUS_KERNELS_CPU_PARTS_H

#include "janus/ABI/Kernels.h"
#include "kernels/common/Simd.h"

namespace janus::JANUS_ISA {

/// Count and Task of each kernel of abi::KernelTable.
int64_t CountLinear(const void *args);
void RunLinear(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountUp(const void *args);
void RunUp(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountDown(const void *args);
void RunDown(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountKvAppend(const void *args);
void RunKvAppend(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountAttention(const void *args);
void RunAttention(const void *args, int64_t begin, int64_t end, uint32_t worker);
int64_t CountRoute(const void *args);
void RunRoute(const void *args, int64_t begin, int64_t end, uint32_t worker);

extern const abi::KernelTable kTable;

} // namespace janus::JANUS_ISA

#endif // JANUS_KERNELS_CPU_PARTS_H
