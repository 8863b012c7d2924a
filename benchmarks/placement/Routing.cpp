#include "benchmarks/placement/Routing.h"

#include "runtime/trace/Trace.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <filesystem>

namespace janus {

std::vector<std::vector<int64_t>> Routing::Batches(Half half, int64_t batch, int64_t steps, uint64_t seed) const {
  BatchSampler sampler(sequences[half], seed);
  std::vector<std::vector<int64_t>> batches;
  for (int64_t i = 0; i < steps; ++i) {
    const absl::Span<const int64_t> rows = sampler.Draw(batch);
    batches.emplace_back(rows.begin(), rows.end());
  }
  return batches;
}

ActivationWindow Routing::Steps(int64_t layer, const std::vector<std::vector<int64_t>> &batches) const {
  ActivationWindow steps(experts, std::ssize(batches));
  for (const std::vector<int64_t> &batch : batches) {
    steps.Begin();
    for (int64_t row : batch)
      for (int64_t i = 0; i < k; ++i)
        steps.Activate(ids[layer][row * k + i]);
  }
  return steps;
}

std::vector<double> Routing::Tokens(int64_t layer, Half half) const {
  std::vector<double> tokens(experts);
  for (const SequenceRange &sequence : sequences[half])
    for (int64_t i = sequence.start * k; i < (sequence.start + sequence.length) * k; ++i)
      tokens[ids[layer][i]] += 1;
  return tokens;
}

absl::StatusOr<Routing> ReadRouting(const std::string &directory) {
  absl::StatusOr<std::unique_ptr<trace::Trace>> trace = trace::OpenTrace(directory);
  if (!trace.ok())
    return trace.status();
  const trace::TraceInfo &info = (*trace)->info();
  Routing routing;
  routing.name = std::filesystem::path(directory).filename();
  routing.layers = std::ssize(info.layers);
  for (const trace::TraceLayer &layer : info.layers) {
    if (layer.experts != info.layers[0].experts || layer.k != info.layers[0].k)
      return absl::InvalidArgumentError(
          absl::StrCat(directory, ": found layers of different sizes, expected equal ones"));
    routing.experts = layer.experts;
    routing.k = layer.k;
  }
  absl::StatusOr<std::vector<trace::TraceSequence>> sequences = (*trace)->Sequences();
  if (!sequences.ok())
    return sequences.status();
  for (const trace::TraceSequence &sequence : *sequences)
    if (sequence.repetition == 0 && sequence.rows() > 0)
      routing.sequences[sequence.id % 2].push_back({sequence.first_row, sequence.rows()});
  if (info.version != 1 || routing.sequences[kFit].empty() || routing.sequences[kTest].empty())
    return absl::InvalidArgumentError(
        absl::StrCat(directory, ": expected a trace of version 1 with sequences of even and of odd number"));
  routing.ids.assign(routing.layers, std::vector<uint16_t>(info.rows * routing.k));
  trace::TraceBlock block;
  while (true) {
    absl::StatusOr<bool> more = (*trace)->Next(block);
    if (!more.ok())
      return more.status();
    if (!*more)
      return routing;
    std::copy(block.ids.begin(), block.ids.end(), routing.ids[block.layer].begin() + block.first_row * routing.k);
  }
}

} // namespace janus
