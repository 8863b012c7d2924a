#include "tools/janus-run/Drive.h"
#include "tools/janus-run/Failures.h"
#include "tools/janus-run/Modes.h"
#include "tools/janus-run/Npy.h"
#include "tools/janus-run/PlacementFile.h"
#include "tools/janus-run/Report.h"
#include "tools/janus-run/Requests.h"

#include "absl/strings/str_cat.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <unistd.h>

namespace janus::run {

absl::Status Score(const Arguments &arguments, const ModelInfo &model) {
  absl::StatusOr<std::vector<int32_t>> tokens = ReadPrompt(arguments, model);
  if (!tokens.ok())
    return tokens.status();
  if (tokens->size() < 2)
    return absl::InvalidArgumentError(
        absl::StrCat("--score: found ", tokens->size(), " tokens, expected at least 2: the first is only read"));
  absl::StatusOr<std::unique_ptr<Runtime>> runtime = Runtime::Open(arguments.artifact, arguments.runtime);
  if (!runtime.ok())
    return runtime.status();
  std::unique_ptr<PlacementFile> placement;
  if (!arguments.save_placement.empty()) {
    absl::StatusOr<std::unique_ptr<PlacementFile>> file = PlacementFile::Create(arguments.save_placement);
    if (!file.ok())
      return file.status();
    placement = *std::move(file);
  }
  if (!arguments.quiet && arguments.stats != Arguments::Stats::kJson)
    PrintInstances((*runtime)->instances());
  std::optional<NpyWriter> logits;
  if (!arguments.logits.empty()) {
    auto writer = NpyWriter::Create(arguments.logits, "f32", {model.vocab});
    if (!writer.ok())
      return writer.status();
    logits.emplace(*std::move(writer));
  }

  const size_t window = static_cast<size_t>(arguments.window), count = (tokens->size() + window - 1) / window;
  size_t next = 0; // windows end in any order; sums and logits are taken in theirs
  std::map<size_t, RequestResult> ended;
  double nll = 0;
  int64_t scored = 0;
  absl::Status failure;
  Timing timing;
  const bool progress = !arguments.quiet && isatty(STDERR_FILENO);
  Handlers handlers;
  handlers.stalled = PrintStall;
  handlers.end = [&](size_t index, RequestResult &result) {
    timing.Prompt(result.prompt_tokens);
    ended[index] = std::move(result);
    for (auto first = ended.begin(); first != ended.end() && first->first == next; first = ended.erase(first), ++next) {
      if (!first->second.status.ok() && failure.ok())
        failure = first->second.status;
      nll += first->second.nll;
      scored += first->second.scored_tokens;
      if (logits)
        logits->Append(first->second.logits.data(), first->second.logits.size() * sizeof(float));
    }
    if (progress)
      std::fprintf(stderr, "\rscored %zu of %zu windows%s", next, count, next == count ? "\r\x1b[K" : "");
  };
  const absl::Status status = Drive(
      **runtime, count,
      [&](size_t i) {
        GenerateRequest request;
        request.prompt.assign(tokens->begin() + i * window,
                              tokens->begin() + std::min(tokens->size(), (i + 1) * window));
        request.score = true;
        request.score_logits = logits.has_value();
        return request;
      },
      AtOnce(arguments.runtime), handlers);
  if (!status.ok())
    return status;
  if (!failure.ok())
    return failure;
  if (logits)
    if (absl::Status closed = logits->Close(); !closed.ok())
      return closed;
  if (absl::Status closed = (*runtime)->Close(); !closed.ok())
    return closed;
  if (placement)
    if (absl::Status saved = placement->Write((*runtime)->report().placement); !saved.ok())
      return saved;
  // A token of the bytes tokenizer is a byte.
  std::printf("%.6f nats over %lld tokens in %zu windows: %.6f bits per %s\n", nll, static_cast<long long>(scored),
              count, scored ? nll / std::log(2.0) / scored : 0.0, model.tokenizer == "bytes" ? "byte" : "token");
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return absl::DataLossError("the output could not be written");
  PrintReport(arguments, **runtime, timing);
  return absl::OkStatus();
}

} // namespace janus::run
