#ifndef JANUS_TEST_UNIT_EXECUTOR_TRIVIALKERNELS_H
#define JANUS_TEST_UNIT_EXECUTOR_TRIVIALKERNELS_H

#include "janus/ABI/Kernels.h"

namespace janus::hand {

/// Scalar kernels for the hand-written model.
const abi::KernelTable &TrivialKernels();

} // namespace janus::hand

#endif // JANUS_TEST_UNIT_EXECUTOR_TRIVIALKERNELS_H
