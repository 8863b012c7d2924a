#include "test/unit/engine/HandRuntime.h"

#include "gtest/gtest.h"

#include <algorithm>

namespace janus::hand {

HandRuntime::HandRuntime(RuntimeOptions options, GateSide side, std::vector<StateDesc> states)
    : side_(side), weights_(MakeNumbers(7)), desc_(Model(side)), attention_(Program(side, Role::kAttention)),
      expert_(Program(side, Role::kExpert)) {
  desc_.states = std::move(states);
  absl::StatusOr<std::unique_ptr<janus::Deployment>> created = Create(options);
  EXPECT_TRUE(created.ok()) << created.status();
  if (created.ok())
    runtime = *std::move(created);
}

absl::StatusOr<std::unique_ptr<janus::Deployment>> HandRuntime::Create(const RuntimeOptions &options) {
  RuntimeOptions small = options;
  if (small.threads == 0)
    small.threads = 1;
  LoadedModel model;
  model.desc = &desc_;
  model.programs[side_] = {&attention_, &expert_};
  model.attention = model.expert = &Code();
  model.weights = &weights_;
  return janus::Deployment::Create(model, small, nullptr);
}

RequestId HandRuntime::Submit(const GenerateRequest &request) {
  absl::StatusOr<RequestId> id = runtime->Submit(request);
  EXPECT_TRUE(id.ok()) << id.status();
  return id.ok() ? *id : 0;
}

std::vector<int32_t> HandRuntime::Read(RequestId id) {
  std::vector<int32_t> tokens;
  for (TokenEvent event; runtime->Next(id, event);)
    tokens.push_back(event.token);
  return tokens;
}

bool HandRuntime::Step() {
  absl::StatusOr<bool> ran = runtime->Step();
  EXPECT_TRUE(ran.ok()) << ran.status();
  return ran.ok() && *ran;
}

std::vector<int32_t> HandRuntime::Finish(RequestId id, RequestResult &result) {
  std::vector<int32_t> tokens;
  for (int steps = 0; steps < 1000; ++steps) {
    for (int32_t token : Read(id))
      tokens.push_back(token);
    if (runtime->Finish(id, result))
      return tokens;
    Step();
  }
  ADD_FAILURE() << "request " << id << " does not end";
  return tokens;
}

GenerateRequest Prompt(std::vector<int32_t> prompt, int64_t new_tokens) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_new_tokens = new_tokens;
  return request;
}

std::vector<int32_t> Greedy(std::vector<int32_t> prompt, int64_t new_tokens) {
  static const Numbers numbers = MakeNumbers(7);
  const size_t begin = prompt.size();
  for (int64_t i = 0; i < new_tokens; ++i) {
    const std::vector<double> logits = Reference(numbers, prompt);
    const auto last = logits.end() - kVocab;
    prompt.push_back(static_cast<int32_t>(std::max_element(last, logits.end()) - last));
  }
  return {prompt.begin() + static_cast<std::ptrdiff_t>(begin), prompt.end()};
}

int64_t PageBytes() { return KvPageBytes(Model(GateSide::kExpert)); }

} // namespace janus::hand
