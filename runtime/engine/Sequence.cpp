#include "runtime/engine/Sequence.h"

#include <algorithm>
#include <cmath>

namespace janus {

Sequence::Sequence(RequestId id, GenerateRequest given)
    : id(id), request(std::move(given)), prompt(static_cast<int64_t>(request.prompt.size())), tokens(request.prompt),
      deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(request.deadline_ms)) {
  result.prompt_tokens = prompt;
}

void Sequence::Release(size_t count) {
  for (; count > 0; --count) {
    events.push_back(std::move(held_.front()));
    held_.pop_front();
    ++result.new_tokens;
  }
}

bool Sequence::Append(int32_t token, std::vector<float> logits) {
  tokens.push_back(token);
  held_.push_back({token, std::move(logits)});
  // How many of the last held tokens begin (or are) a stop sequence.
  size_t keep = 0;
  for (const std::vector<int32_t> &stop : request.stop)
    for (size_t length = std::min(stop.size(), held_.size()); length > keep; --length) {
      const bool match = std::equal(stop.begin(), stop.begin() + length, held_.end() - length,
                                    [](int32_t a, const TokenEvent &b) { return a == b.token; });
      if (!match)
        continue;
      if (length == stop.size()) {
        Release(held_.size() - length);
        held_.clear();
        End(FinishReason::kStop);
        return true;
      }
      keep = length;
    }
  Release(held_.size() - keep);
  if (static_cast<int64_t>(tokens.size()) - prompt < request.max_new_tokens)
    return false;
  Release(held_.size());
  End(FinishReason::kLength);
  return true;
}

void Sequence::Score(int64_t begin, const std::vector<float> &logits, int64_t vocab) {
  const int64_t rows = static_cast<int64_t>(logits.size()) / vocab;
  for (int64_t r = 0; r < rows && begin + r + 1 < prompt; ++r) {
    const float *row = logits.data() + r * vocab;
    const double largest = *std::max_element(row, row + vocab);
    double sum = 0;
    for (int64_t i = 0; i < vocab; ++i)
      sum += std::exp(row[i] - largest);
    result.nll += largest + std::log(sum) - row[tokens[begin + r + 1]];
    ++result.scored_tokens;
  }
  if (request.score_logits)
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
}

void Sequence::End(FinishReason reason, absl::Status status) {
  state = State::kEnded;
  result.reason = reason;
  result.status = std::move(status);
}

} // namespace janus
