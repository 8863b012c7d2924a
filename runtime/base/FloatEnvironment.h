//===- FloatEnvironment.h - one rounding mode everywhere --------*- C++ -*-===//
//
// Bits of a result may not depend on which thread computed it, so every thread
// that runs kernels or fragments does so under the same MXCSR: round to
// nearest even, denormals kept (no FTZ, no DAZ), all exceptions masked.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_BASE_FLOATENVIRONMENT_H
#define JANUS_RUNTIME_BASE_FLOATENVIRONMENT_H

#include <cstdint>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace janus {

/// MXCSR of every computing thread: the processor's reset state.
inline constexpr uint32_t kMxcsr = 0x1f80;

/// Sets the environment of the calling thread for the scope's life and restores
/// what was there before. A few cycles; nothing to fail.
class ScopedFloatEnvironment {
public:
#if defined(__SSE__)
  ScopedFloatEnvironment() : saved(_mm_getcsr()) { _mm_setcsr(kMxcsr); }
  ~ScopedFloatEnvironment() { _mm_setcsr(saved); }
#else
  ScopedFloatEnvironment() = default;
#endif
  ScopedFloatEnvironment(const ScopedFloatEnvironment &) = delete;
  ScopedFloatEnvironment &operator=(const ScopedFloatEnvironment &) = delete;

private:
  [[maybe_unused]] uint32_t saved = kMxcsr;
};

} // namespace janus

#endif // JANUS_RUNTIME_BASE_FLOATENVIRONMENT_H
