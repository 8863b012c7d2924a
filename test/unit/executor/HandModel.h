//===- HandModel.h - a tiny MoE language model written by hand --*- C++ -*-===//
//
// Fragments in C++ against include/janus/ABI alone, with the program tables a
// compiler would emit and weights packed as an artifact holds them. It proves
// that the ABI suffices, without LLVM. Two layers; attention over all keys in
// the first, over a window with sinks in the second; rotary positions; six
// experts with biases and clamped SwiGLU, top 2; a shared linear layer that
// runs while the routed activations are away.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_UNIT_EXECUTOR_HANDMODEL_H
#define JANUS_TEST_UNIT_EXECUTOR_HANDMODEL_H

#include "runtime/executor/WeightSource.h"
#include "runtime/program/Program.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace janus::hand {

inline constexpr int64_t kHidden = 48, kLayers = 2, kExperts = 6, kTopK = 2, kHeads = 4, kKvHeads = 2, kHeadDim = 16;
inline constexpr int64_t kVocab = 64, kIntermediate = 24, kContext = 96, kWindow = 8;
inline constexpr int64_t kQkv = (kHeads + 2 * kKvHeads) * kHeadDim, kAttended = kHeads * kHeadDim;
inline constexpr float kEpsilon = 1e-5f, kAlpha = 1.702f, kBeta = 1.0f, kLimit = 2.0f;

/// Weights as numbers, row-major, by name; experts one after the other.
using Numbers = std::map<std::string, std::vector<float>>;
Numbers MakeNumbers(uint32_t seed);

/// The packed form, in memory.
class PackedWeights : public WeightSource {
public:
  explicit PackedWeights(const Numbers &numbers);
  absl::StatusOr<int64_t> Experts(const std::string &name) override;
  absl::StatusOr<int64_t> Bytes(const std::string &name, int64_t expert) override;
  absl::StatusOr<WeightView> Tensor(const std::string &name) override;
  absl::StatusOr<WeightView> Expert(const std::string &name, int64_t expert) override;
  absl::StatusOr<UncheckedWeight> Unchecked(const std::string &name, int64_t expert) override;
  /// Experts asked for so far, by weight name.
  std::map<std::string, std::vector<int64_t>> asked;

private:
  struct Packed {
    bool by_expert = false;
    int64_t each = 0; // floats per expert or of the tensor
    std::shared_ptr<float[]> data;
  };
  WeightView View(const Packed &packed, int64_t expert) const;
  absl::StatusOr<const Packed *> Find(const std::string &name, bool by_expert);
  std::map<std::string, Packed> all;
};

/// All fragments of both roles and gate sides.
const abi::Program &Code();
ModelDesc Model(GateSide side);
RoleProgram Program(GateSide side, Role role);

/// Logits [tokens, vocab] of one sequence, computed in double without any of
/// the code under test.
std::vector<double> Reference(const Numbers &numbers, const std::vector<int32_t> &tokens);

} // namespace janus::hand

#endif // JANUS_TEST_UNIT_EXECUTOR_HANDMODEL_H
