#include "runtime/engine/Sequence.h"

#include <algorithm>
#include <cmath>

namespace janus {

int64_t PieceRows(const ModelDesc &model) {
  return model.states.empty() && model.histories.empty() ? 0 : model.page_tokens;
}

TokenEvent EventQueue::Pop() {
  TokenEvent event = std::move(events_[first_]);
  if (++first_ == events_.size()) {
    Clear();
  } else if (first_ > events_.size() / 2) {
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  return event;
}

void EventQueue::Clear() {
  events_.clear();
  first_ = 0;
}

Sequence::Sequence(RequestId id, GenerateRequest given)
    : id(id), request(std::move(given)), prompt(static_cast<int64_t>(request.prompt.size())), tokens(request.prompt),
      deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(request.deadline_ms)) {
  tokens.reserve(prompt + (request.score ? 0 : request.max_new_tokens));
  result.prompt_tokens = prompt;
}

void Sequence::Release(size_t count) {
  for (; count > 0; --count) {
    events.Push(held_.Pop());
    ++result.new_tokens;
  }
}

bool Sequence::Append(int32_t token, std::vector<float> logits) {
  tokens.push_back(token);
  held_.Push({token, std::move(logits)});
  // The longest stop sequence that is complete, and how many of the last held tokens may begin one.
  size_t complete = 0, keep = 0;
  for (const std::vector<int32_t> &stop : request.stop)
    for (size_t length = std::min(stop.size(), held_.size()); length > 0; --length) {
      bool match = true;
      for (size_t i = 0; match && i < length; ++i)
        match = stop[i] == held_[held_.size() - length + i].token;
      if (!match)
        continue;
      (length == stop.size() ? complete : keep) = std::max(length == stop.size() ? complete : keep, length);
      break; // shorter ones hold less
    }
  if (complete > 0) {
    Release(held_.size() - complete);
    held_.Clear();
    End(FinishReason::kStop);
    return true;
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

void Sequence::Forget() {
  state = State::kQueued;
  computed = 0;
  home = slot = -1;
  pages.clear();
  result.nll = 0; // summed again, in the same order
  result.scored_tokens = 0;
  result.logits.clear();
}

void Sequence::End(FinishReason reason, absl::Status status) {
  state = State::kEnded;
  result.reason = reason;
  result.status = std::move(status);
}

} // namespace janus
