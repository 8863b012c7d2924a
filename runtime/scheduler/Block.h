//===- Block.h - the thread block that the scheduler runs on ----*- C++ -*-===//
//
// The scheduler is one source for every device. It is written against
//
//   struct Block {
//     int thread() const;   // 0 .. threads() - 1
//     int threads() const;
//     void sync();          // barrier of all threads of the block
//     void set(uint8_t *p); // *p = 1, also when several threads do it at once
//   };
//
// and every function that takes a Block is called by all threads of one block
// with the same arguments. A serial block runs in the CPU runtime, a block of
// real threads in tests, a CUDA block on a GPU (cuda/AebsCuda.cu).
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_SCHEDULER_BLOCK_H
#define JANUS_RUNTIME_SCHEDULER_BLOCK_H

#include <cstdint>

#ifdef __CUDACC__
#define JANUS_DEVICE __device__
#else
#define JANUS_DEVICE
#endif

namespace janus::scheduler {

struct SerialBlock {
  static constexpr int thread() { return 0; }
  static constexpr int threads() { return 1; }
  static void sync() {}
  static void set(uint8_t *p) { *p = 1; }
};

} // namespace janus::scheduler

#endif // JANUS_RUNTIME_SCHEDULER_BLOCK_H
