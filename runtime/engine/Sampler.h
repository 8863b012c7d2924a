//===- Sampler.h - from logits to a token -----------------------*- C++ -*-===//
//
// docs/sampling.md states the procedure and has test vectors.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ENGINE_SAMPLER_H
#define JANUS_RUNTIME_ENGINE_SAMPLER_H

#include "runtime/executor/Step.h"

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace janus {

/// Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy
/// as 1, 2, 3", 2011).
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A number in [0, 1) for the new token `token_index` of a request with `seed`.
double SamplingUniform(uint64_t seed, int64_t token_index);

/// Index of the largest logit, the lowest of equal ones. NaN never wins.
int32_t ArgMax(const float *logits, int64_t vocab);

/// Chooses tokens; keeps scratch memory, so use one object a thread.
class TokenSampler {
public:
  int32_t operator()(const float *logits, int64_t vocab, const SamplingParams &params, int64_t token_index);

private:
  std::vector<int32_t> order_;
  std::vector<double> weights_;
  std::vector<std::pair<int32_t, double>> pairs_; // (id, weight) of what may be drawn
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_SAMPLER_H
