//===- janus-failures.cpp - the same bytes whoever fails --------*- C++ -*-===//
//
// Runs a few requests without failures on one instance of each kind, and then
// with each case of Cases.h: every request ends as before, with the same bytes
// of tokens and logits. One process; each artifact is loaded once.
//
//   janus-failures ARTIFACT...
//
//===----------------------------------------------------------------------===//
#include "runtime/artifact/Artifact.h"
#include "runtime/engine/Deployment.h"
#include "test/integration/failures/Cases.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace janus::failures {
namespace {

constexpr double kGiveUpSeconds = 20; // a run that does not end is a failure, not a wait
constexpr int kMostPrinted = 10;

struct Answer {
  std::vector<int32_t> tokens;
  std::vector<float> logits;
  std::string error;
  bool ended = false;
  bool operator==(const Answer &other) const {
    return ended == other.ended && error == other.error && tokens == other.tokens &&
           logits.size() == other.logits.size() &&
           std::memcmp(logits.data(), other.logits.data(), logits.size() * sizeof(float)) == 0;
  }
};

/// Greedy, sampled and scored ones; prompts of one row and of more than a KV page.
std::vector<GenerateRequest> Requests(int64_t vocab) {
  std::vector<GenerateRequest> requests;
  const int lengths[] = {1, 40, 9, 17, 5}, tokens[] = {6, 4, 6, 0, 5};
  for (int r = 0; r < 5; ++r) {
    GenerateRequest &request = requests.emplace_back();
    for (int i = 0; i < lengths[r]; ++i)
      request.prompt.push_back(static_cast<int32_t>((32 + 7 * i + 31 * r + i * i) % vocab));
    request.max_new_tokens = tokens[r];
    request.score = request.score_logits = tokens[r] == 0;
    request.logits = !request.score;
    request.temperature = r % 2 ? 0.0f : 0.9f;
    request.seed = static_cast<uint64_t>(r);
  }
  return requests;
}

absl::StatusOr<std::vector<Answer>> Play(Runtime &runtime, const std::vector<GenerateRequest> &requests) {
  std::vector<Answer> answers(requests.size());
  std::vector<RequestId> ids;
  for (const GenerateRequest &request : requests) {
    absl::StatusOr<RequestId> id = runtime.Submit(request);
    if (!id.ok())
      return id.status();
    ids.push_back(*id);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(kGiveUpSeconds);
  while (!std::all_of(answers.begin(), answers.end(), [](const Answer &answer) { return answer.ended; })) {
    if (std::chrono::steady_clock::now() > end)
      return absl::DeadlineExceededError(absl::StrCat("it does not end; stalled: ", runtime.stall().reason));
    absl::StatusOr<bool> ran = runtime.Step();
    if (!ran.ok())
      return ran.status();
    if (!*ran)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (size_t i = 0; i < ids.size(); ++i) {
      for (TokenEvent event; runtime.Next(ids[i], event);) {
        answers[i].tokens.push_back(event.token);
        answers[i].logits.insert(answers[i].logits.end(), event.logits.begin(), event.logits.end());
      }
      RequestResult result;
      if (answers[i].ended || !runtime.Finish(ids[i], result))
        continue;
      answers[i].ended = true;
      answers[i].error = std::string(result.status.message());
      answers[i].logits.insert(answers[i].logits.end(), result.logits.begin(), result.logits.end());
    }
  }
  return answers;
}

/// What the cases of a model brought about.
struct Sums {
  int64_t runs = 0, failed = 0, attempts = 0, layers_again = 0, loaded = 0, requests_again = 0, stalls = 0, epochs = 0,
          lost_moving = 0, moving = 0;
  void Add(const RunReport &report) {
    attempts += report.failures.attempts;
    loaded += report.failures.experts_loaded;
    requests_again += report.failures.requests_again;
    stalls += report.failures.stalled_s > 0;
    epochs += report.rebalance.epochs;
    if (report.rebalance.mode != "off") {
      ++moving;
      lost_moving += report.failures.lost_attention + report.failures.lost_experts;
    }
    for (const LayerReport &layer : report.layers)
      layers_again += layer.retries;
  }
};

/// What is wrong with a run; empty: nothing.
std::string Wrong(const LoadedModel &model, const Case &of, const std::vector<GenerateRequest> &requests,
                  const std::vector<Answer> &expected, Sums &sums) {
  absl::StatusOr<std::unique_ptr<Deployment>> runtime = Deployment::Create(model, of.options, nullptr);
  if (!runtime.ok())
    return std::string(runtime.status().message());
  absl::StatusOr<std::vector<Answer>> found = Play(**runtime, requests);
  if (!found.ok())
    return std::string(found.status().message());
  for (size_t i = 0; i < requests.size(); ++i)
    if (!(found->at(i) == expected[i]))
      return absl::StrCat("request ", i, ": ", found->at(i).tokens.size(), " tokens, ", found->at(i).logits.size(),
                          " logits, '", found->at(i).error, "' differ from those of a run without failures");
  const RunReport report = (*runtime)->report();
  sums.Add(report);
  const int64_t lost = report.failures.lost_attention + report.failures.lost_experts;
  if (of.certain ? lost != of.lost : lost > of.lost)
    return absl::StrCat("found ", lost, " instances lost, expected ", of.lost);
  if (report.failures.joined != static_cast<int64_t>(of.options.restore.size()))
    return absl::StrCat("found ", report.failures.joined, " instances restored, expected ", of.options.restore.size());
  return "";
}

absl::Status CheckModel(const std::string &path, Sums &sums) {
  absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(path);
  if (!artifact.ok())
    return artifact.status();
  absl::StatusOr<LoadedModel> model = Load(**artifact);
  if (!model.ok())
    return model.status();
  Setting setting;
  setting.layers = static_cast<int>(model->desc->moe_layers.size());
  for (const MoeLayerDesc &layer : model->desc->moe_layers)
    setting.experts = std::max(setting.experts, layer.experts);
  const std::vector<GenerateRequest> requests = Requests(model->desc->vocab);
  absl::StatusOr<std::unique_ptr<Deployment>> plain = Deployment::Create(*model, Plain(), nullptr);
  if (!plain.ok())
    return plain.status();
  absl::StatusOr<std::vector<Answer>> expected = Play(**plain, requests);
  if (!expected.ok())
    return expected.status();
  for (const Answer &answer : *expected)
    if (!answer.error.empty())
      return absl::InternalError(answer.error);
  for (const auto &cases : {AnyInstanceAtAnyPhase(setting), SeveralAndRestored(setting), WhileExpertsMove(setting)})
    for (const Case &of : cases) {
      ++sums.runs;
      const std::string wrong = Wrong(*model, of, requests, *expected, sums);
      if (wrong.empty())
        continue;
      if (++sums.failed <= kMostPrinted)
        std::printf("FAIL %s %s: %s\n", path.c_str(), Describe(of).c_str(), wrong.c_str()), std::fflush(stdout);
    }
  return absl::OkStatus();
}

int Main(int argc, char **argv) {
  bool failed = argc < 2;
  if (failed)
    std::fputs("usage: janus-failures ARTIFACT...\n", stderr);
  for (int i = 1; i < argc; ++i) {
    const auto start = std::chrono::steady_clock::now();
    Sums sums;
    const absl::Status status = CheckModel(argv[i], sums);
    if (!status.ok())
      std::printf("FAIL %s: %s\n", argv[i], std::string(status.message()).c_str());
    // Each of them happened, or the cases test less than they say.
    const bool all = sums.attempts >= sums.runs - sums.moving && sums.layers_again > sums.runs / 2 && sums.loaded > 0 &&
                     sums.requests_again > 0 && sums.stalls > 0 && sums.epochs > sums.moving / 2 &&
                     sums.lost_moving > sums.moving / 2;
    std::printf(
        "%s: %lld runs, %lld failed; %lld attempts of steps again, %lld of layers, %lld experts loaded, "
        "%lld requests computed again, %lld runs stalled; %lld runs while experts move, %lld epochs, %lld instances "
        "lost in them%s; %.1f s\n",
        argv[i], static_cast<long long>(sums.runs), static_cast<long long>(sums.failed),
        static_cast<long long>(sums.attempts), static_cast<long long>(sums.layers_again),
        static_cast<long long>(sums.loaded), static_cast<long long>(sums.requests_again),
        static_cast<long long>(sums.stalls), static_cast<long long>(sums.moving), static_cast<long long>(sums.epochs),
        static_cast<long long>(sums.lost_moving), all ? "" : ": FEWER THAN EXPECTED",
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    std::fflush(stdout);
    failed |= !status.ok() || sums.failed > 0 || !all;
  }
  return failed;
}

} // namespace
} // namespace janus::failures

int main(int argc, char **argv) { return janus::failures::Main(argc, argv); }
