#include "runtime/engine/Engine.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus {

Engine::Engine(const ModelDesc &model, const RuntimeOptions &options, int64_t pages_per_instance, Controller controller,
               std::function<int(const std::vector<int64_t> &)> choose_scheme)
    : model_(model), options_(options), budget_(options.attention, pages_per_instance, options.max_batch),
      controller_(std::move(controller)), choose_scheme_(std::move(choose_scheme)) {}

absl::Status Engine::Check(const GenerateRequest &request) const {
  auto bad = [](auto... what) { return absl::InvalidArgumentError(absl::StrCat("request: ", what...)); };
  const int64_t prompt = request.prompt.size(), longest = prompt + (request.score ? 0 : request.max_new_tokens);
  if (prompt == 0)
    return bad("found an empty prompt, expected at least one token");
  if (request.max_new_tokens < (request.score ? 0 : 1))
    return bad("found ", request.max_new_tokens, " new tokens, expected at least 1");
  for (int64_t i = 0; i < prompt; ++i)
    if (request.prompt[i] < 0 || request.prompt[i] >= model_.vocab)
      return bad("token id ", request.prompt[i], " at position ", i, ", expected 0 to ", model_.vocab - 1);
  if (longest > options_.max_context)
    return bad("found ", prompt, " prompt tokens and ", longest - prompt, " new ones, expected at most ",
               options_.max_context,
               " positions in all; shorten the prompt, ask for fewer tokens, or raise --max-context up to the model's ",
               model_.context);
  if (request.score && !options_.scoring)
    return absl::FailedPreconditionError("request: scoring needs RuntimeOptions::scoring");
  if (!(request.temperature >= 0) || !(request.top_p > 0 && request.top_p <= 1) || request.top_k < 0)
    return bad("found temperature ", request.temperature, ", top-k ", request.top_k, ", top-p ", request.top_p,
               ", expected temperature >= 0, top-k >= 0 and 0 < top-p <= 1");
  for (const auto &stop : request.stop)
    if (stop.empty())
      return bad("found an empty stop sequence");
  const int64_t pages = KvPages(model_, longest);
  if (pages > budget_.pages_per_instance())
    return absl::ResourceExhaustedError(absl::StrCat(
        "request: needs ", pages, " KV pages of ", model_.page_tokens, " tokens, an attention instance has ",
        budget_.pages_per_instance(), "; raise --kv-memory or ask for fewer tokens"));
  return absl::OkStatus();
}

absl::StatusOr<RequestId> Engine::Submit(GenerateRequest request) {
  if (absl::Status status = Check(request); !status.ok())
    return status;
  if (static_cast<int64_t>(queue_.size()) >= options_.max_queue)
    return absl::ResourceExhaustedError(
        absl::StrCat("request: ", queue_.size(), " requests are waiting already, the most allowed; try again later"));
  const RequestId id = next_id_++;
  auto sequence = std::make_unique<Sequence>(id, std::move(request));
  queue_.push_back(sequence.get());
  sequences_.emplace(id, std::move(sequence));
  return id;
}

absl::Status Engine::Cancel(RequestId id) {
  auto found = sequences_.find(id);
  if (found == sequences_.end())
    return absl::NotFoundError(absl::StrCat("request ", id, " is not known"));
  Sequence &sequence = *found->second;
  if (sequence.state != Sequence::State::kEnded) {
    sequence.End(FinishReason::kCancelled, absl::CancelledError(absl::StrCat("request ", id, " was cancelled")));
    Retire(sequence);
  }
  return absl::OkStatus();
}

void Engine::Retire(Sequence &sequence) {
  if (sequence.home >= 0)
    budget_.Release(sequence.home, sequence.slot, sequence.pages);
  sequence.home = -1;
  std::erase(queue_, &sequence);
  std::erase(running_, &sequence);
}

void Engine::ExpireAndAdmit() {
  const auto now = std::chrono::steady_clock::now();
  for (auto &[id, sequence] : sequences_)
    if (sequence->state != Sequence::State::kEnded && sequence->expired(now)) {
      sequence->End(FinishReason::kError, absl::DeadlineExceededError(absl::StrCat(
                                              "request ", id, ": its deadline of ", sequence->request.deadline_ms,
                                              " ms passed after ", sequence->result.new_tokens, " new tokens")));
      Retire(*sequence);
    }
  while (!queue_.empty() && static_cast<int64_t>(running_.size()) < options_.max_batch) {
    Sequence &next = *queue_.front();
    KvBudget::Reservation place =
        budget_.Reserve(KvPages(model_, next.prompt + (next.request.score ? 0 : next.request.max_new_tokens)));
    if (place.home < 0)
      break; // first come, first served: nobody overtakes a large request
    next.home = place.home;
    next.slot = place.slot;
    next.pages = std::move(place.pages);
    next.state = Sequence::State::kRunning;
    running_.push_back(&next);
    queue_.pop_front();
  }
}

int64_t Engine::Chunk(const Sequence &sequence, int64_t room) const {
  return std::min({sequence.remaining(), options_.chunk, room});
}

void Engine::Describe(Sequence &sequence, int64_t rows, StepSequence &part) const {
  part.slot = sequence.slot;
  part.begin = static_cast<int32_t>(sequence.computed);
  part.tokens.assign(sequence.tokens.begin() + sequence.computed, sequence.tokens.begin() + sequence.computed + rows);
  part.opens = sequence.computed == 0;
  if (part.opens)
    part.pages = sequence.pages;
  const GenerateRequest &request = sequence.request;
  if (request.score) {
    part.logits = StepSequence::Logits::kAll;
    part.return_logits = true;
  } else if (rows == sequence.remaining()) {
    part.logits = StepSequence::Logits::kLast;
    part.sample = true;
    part.return_logits = request.logits;
    part.token_index = static_cast<int64_t>(sequence.tokens.size()) - sequence.prompt;
    part.sampling = {request.temperature, request.top_k, request.top_p, request.seed};
  }
}

void Engine::Apply(Sequence &sequence, int64_t rows, StepResult::Sequence &part) {
  const int64_t begin = sequence.computed;
  sequence.computed += rows;
  if (sequence.request.score) {
    sequence.Score(begin, part.logits, model_.vocab);
    if (sequence.remaining() == 0)
      sequence.End(FinishReason::kScored);
  } else if (sequence.remaining() == 0) {
    if (part.token < 0 || part.token >= model_.vocab)
      sequence.End(FinishReason::kError, absl::InternalError(absl::StrCat("request ", sequence.id, ": sampled token ",
                                                                          part.token, " is not in the vocabulary")));
    else
      sequence.Append(part.token, std::move(part.logits));
  }
  if (sequence.state == Sequence::State::kEnded)
    Retire(sequence);
}

absl::StatusOr<bool> Engine::Step() {
  ExpireAndAdmit();
  // Decode rows first, then chunks of prompts, in order of admission.
  struct Part {
    Sequence *sequence;
    int64_t rows;
  };
  std::vector<std::vector<Part>> parts(options_.attention);
  int64_t room = options_.step_rows;
  for (bool decode : {true, false})
    for (Sequence *sequence : running_) {
      if (sequence->decoding() != decode || sequence->paused() || room == 0)
        continue;
      const int64_t rows = Chunk(*sequence, room);
      parts[sequence->home].push_back({sequence, rows});
      room -= rows;
    }
  if (room == options_.step_rows)
    return false;

  std::vector<std::vector<StepSequence>> sequences(options_.attention);
  std::vector<int64_t> rows(options_.attention);
  for (int i = 0; i < options_.attention; ++i)
    for (const Part &part : parts[i]) {
      Describe(*part.sequence, part.rows, sequences[i].emplace_back());
      rows[i] += part.rows;
    }
  const int scheme = choose_scheme_(rows);
  const auto start = std::chrono::steady_clock::now();
  std::vector<StepResult> results;
  absl::Status status = controller_.Step(scheme, std::move(sequences), results);
  step_ms_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  rows_ += options_.step_rows - room;
  last_rows_ = std::move(rows);
  last_scheme_ = scheme;
  if (steps_by_scheme_.size() <= static_cast<size_t>(scheme))
    steps_by_scheme_.resize(scheme + 1);
  ++steps_by_scheme_[scheme];
  for (int i = 0; i < options_.attention; ++i)
    for (size_t j = 0; j < parts[i].size(); ++j) {
      Sequence &sequence = *parts[i][j].sequence;
      if (status.ok() && j < results[i].sequences.size()) {
        Apply(sequence, parts[i][j].rows, results[i].sequences[j]);
        continue;
      }
      sequence.End(FinishReason::kError,
                   status.ok()
                       ? absl::InternalError(absl::StrCat("attention ", i, " answered ", results[i].sequences.size(),
                                                          " of ", parts[i].size(), " sequences"))
                       : status);
      Retire(sequence);
    }
  return true;
}

bool Engine::Next(RequestId id, TokenEvent &event) {
  auto found = sequences_.find(id);
  if (found == sequences_.end() || found->second->events.empty())
    return false;
  event = std::move(found->second->events.front());
  found->second->events.pop_front();
  return true;
}

bool Engine::Finish(RequestId id, RequestResult &result) {
  auto found = sequences_.find(id);
  if (found == sequences_.end() || found->second->state != Sequence::State::kEnded || !found->second->events.empty())
    return false;
  result = std::move(found->second->result);
  sequences_.erase(found);
  return true;
}

} // namespace janus
