//===- HandRuntime.h - the engine over the hand-written model ---*- C++ -*-===//
#ifndef JANUS_TEST_UNIT_ENGINE_HANDRUNTIME_H
#define JANUS_TEST_UNIT_ENGINE_HANDRUNTIME_H

#include "runtime/engine/Deployment.h"
#include "test/unit/executor/HandModel.h"

namespace janus::hand {

/// A runtime of the model of test/unit/executor.
class HandRuntime {
public:
  /// `states`: of the model, which none of its layers uses.
  explicit HandRuntime(RuntimeOptions options = {}, GateSide side = GateSide::kExpert,
                       std::vector<StateDesc> states = {});
  absl::StatusOr<std::unique_ptr<janus::Deployment>> Create(const RuntimeOptions &options);

  janus::Deployment *operator->() { return runtime.get(); }
  /// Submits; a refusal fails the test.
  RequestId Submit(const GenerateRequest &request);
  /// Unread tokens.
  std::vector<int32_t> Read(RequestId id);
  /// Steps to the end of `id`, reading all its tokens.
  std::vector<int32_t> Finish(RequestId id, RequestResult &result);
  bool Step();

  std::unique_ptr<janus::Deployment> runtime;

private:
  GateSide side_;
  PackedWeights weights_;
  ModelDesc desc_;
  RoleProgram attention_, expert_;
};

GenerateRequest Prompt(std::vector<int32_t> prompt, int64_t new_tokens);
/// Greedy continuation by the reference in double.
std::vector<int32_t> Greedy(std::vector<int32_t> prompt, int64_t new_tokens);
/// KV bytes of one page of the model.
int64_t PageBytes();

} // namespace janus::hand

#endif // JANUS_TEST_UNIT_ENGINE_HANDRUNTIME_H
