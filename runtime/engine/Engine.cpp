#include "runtime/engine/Engine.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <utility>

namespace janus {
namespace {

constexpr int64_t kMaxDeadlineMs = 1000000000000; // in nanoseconds far inside 64 bits
constexpr std::chrono::milliseconds kStalledStep(50);

double Seconds(std::chrono::steady_clock::duration time) { return std::chrono::duration<double>(time).count(); }

} // namespace

Engine::Engine(const ModelDesc &model, const RuntimeOptions &options, int64_t pages_per_instance, Controller controller,
               std::function<int(const std::vector<int64_t> &)> choose_scheme)
    : model_(model), options_(options), budget_(options.attention, pages_per_instance, options.max_batch),
      controller_(std::move(controller)), choose_scheme_(std::move(choose_scheme)), last_rows_(options.attention),
      parts_(options.attention), step_sequences_(options.attention), generations_(options.attention) {
  last_origins_.reserve(options.record_routing.empty() ? 0 : options.step_rows);
}

absl::Status Engine::Check(const GenerateRequest &request) const {
  auto bad = [](auto... what) { return absl::InvalidArgumentError(absl::StrCat("request: ", what...)); };
  const int64_t prompt = request.prompt.size(), new_tokens = request.score ? 0 : request.max_new_tokens;
  if (prompt == 0)
    return bad("found an empty prompt, expected at least one token");
  if (request.max_new_tokens < (request.score ? 0 : 1))
    return bad("found ", request.max_new_tokens, " new tokens, expected at least 1");
  for (int64_t i = 0; i < prompt; ++i)
    if (request.prompt[i] < 0 || request.prompt[i] >= model_.vocab)
      return bad("token id ", request.prompt[i], " at position ", i, ", expected 0 to ", model_.vocab - 1);
  if (prompt > options_.max_context || new_tokens > options_.max_context - prompt)
    return bad("found ", prompt, " prompt tokens and ", new_tokens, " new ones, expected at most ",
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
  if (request.queue < 1)
    return bad("found a queue of 0 events, expected at least 1: it would wait for its reader for ever");
  if (request.deadline_ms < 0 || request.deadline_ms > kMaxDeadlineMs)
    return bad("found a deadline of ", request.deadline_ms, " ms, expected 0 (none) to ", kMaxDeadlineMs);
  const int64_t pages = KvPages(model_, prompt + new_tokens);
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
  if (waiting_ == &sequence)
    waiting_ = nullptr;
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
  const int64_t piece = PieceRows(model_);
  if (piece == 0)
    return std::min({sequence.remaining(), options_.chunk, room});
  const int64_t begin = sequence.computed, limit = std::min(room, std::max(options_.chunk, piece));
  if (begin >= sequence.prompt) // also of what is computed again
    return std::min<int64_t>(room, 1);
  return sequence.prompt - begin <= limit ? sequence.prompt - begin
                                          : std::max<int64_t>((begin + limit) / piece * piece - begin, 0);
}

void Engine::PlanRows(Sequence &sequence, int64_t &room) {
  const int64_t rows = sequence.paused() ? 0 : Chunk(sequence, room);
  if (rows == 0) {
    if (PieceRows(model_) > 0 && !sequence.paused() && !sequence.decoding() && !waiting_)
      waiting_ = &sequence;
    return;
  }
  parts_[sequence.home].push_back({&sequence, rows});
  room -= rows;
}

void Engine::Describe(Sequence &sequence, int64_t rows, StepSequence &part) const {
  part.slot = sequence.slot;
  part.begin = static_cast<int32_t>(sequence.computed);
  part.tokens.assign(sequence.tokens.begin() + sequence.computed, sequence.tokens.begin() + sequence.computed + rows);
  part.opens = sequence.computed == 0;
  part.pages.clear();
  if (part.opens)
    part.pages = sequence.pages;
  part.logits = StepSequence::Logits::kNone;
  part.sample = part.return_logits = false;
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

int64_t Engine::PlanStep() {
  // Decode rows first, then chunks of prompts, in order of admission; before them a piece that did not fit into the
  // step before, so that it is not passed over for ever.
  for (std::vector<Part> &parts : parts_)
    parts.clear();
  int64_t room = options_.step_rows;
  Sequence *first = std::exchange(waiting_, nullptr);
  if (first)
    PlanRows(*first, room);
  for (bool decode : {true, false})
    for (Sequence *sequence : running_)
      if (sequence != first && sequence->decoding() == decode)
        PlanRows(*sequence, room);
  return options_.step_rows - room;
}

void Engine::RememberOrigins() {
  last_origins_.clear();
  for (const std::vector<Part> &parts : parts_)
    for (const Part &part : parts)
      for (int64_t row = 0; row < part.rows; ++row)
        last_origins_.push_back({static_cast<uint32_t>(part.sequence->id % trace::RowOrigin::kNone),
                                 static_cast<uint32_t>(part.sequence->computed + row),
                                 part.sequence->decoding() ? trace::RowPhase::kDecode : trace::RowPhase::kPrefill});
}

void Engine::FollowMembers() {
  const Members &members = controller_.members();
  for (int32_t i = 0; i < options_.attention; ++i) {
    const Address address = {EndpointKind::kAttention, i};
    if (members.generation(address) == generations_[i])
      continue;
    generations_[i] = members.generation(address);
    budget_.Reset(i, members.live(address));
    std::vector<Sequence *> homeless;
    for (Sequence *sequence : running_)
      if (sequence->home == i)
        homeless.push_back(sequence);
    for (Sequence *sequence : homeless) {
      std::erase(running_, sequence);
      waiting_ = waiting_ == sequence ? nullptr : waiting_;
      requests_again_ += sequence->computed > 0;
      sequence->Forget();
    }
    queue_.insert(queue_.begin(), homeless.begin(), homeless.end()); // they were admitted before the others
  }
}

void Engine::Stall() {
  const auto now = Clock::now();
  if (!stalled_)
    stalled_ = now;
  for (auto &[id, sequence] : sequences_) {
    if (sequence->state == Sequence::State::kEnded)
      continue;
    if (!sequence->stalled)
      sequence->stalled = now;
    if (Seconds(now - *sequence->stalled) < options_.stall_timeout_s)
      continue;
    sequence->End(FinishReason::kError,
                  absl::UnavailableError(absl::StrCat("request ", id, ": stalled for ", options_.stall_timeout_s,
                                                      " s after ", sequence->result.new_tokens,
                                                      " new tokens: ", controller_.capacity().message())));
    Retire(*sequence);
  }
  if (now - counted_ < kStalledStep)
    return;
  counted_ = now;
  controller_.Idle();
}

void Engine::EndStall() {
  if (!stalled_)
    return;
  stalled_s_ += Seconds(Clock::now() - *stalled_);
  stalled_.reset();
  for (auto &[id, sequence] : sequences_)
    sequence->stalled.reset();
}

double Engine::stalled_s() const { return stalled_s_ + (stalled_ ? Seconds(Clock::now() - *stalled_) : 0); }

StallReport Engine::stall() const {
  StallReport report;
  if (!stalled_)
    return report;
  for (const auto &[id, sequence] : sequences_)
    report.requests += sequence->state != Sequence::State::kEnded;
  report.seconds = Seconds(Clock::now() - *stalled_);
  report.reason = std::string(controller_.capacity().message());
  return report;
}

absl::StatusOr<RequestState> Engine::State(RequestId id) const {
  auto found = sequences_.find(id);
  if (found == sequences_.end())
    return absl::NotFoundError(absl::StrCat("request ", id, " is not known"));
  const Sequence::State state = found->second->state;
  if (state == Sequence::State::kEnded)
    return RequestState::kEnded;
  return stalled_                            ? RequestState::kStalled
         : state == Sequence::State::kQueued ? RequestState::kQueued
                                             : RequestState::kRunning;
}

absl::StatusOr<bool> Engine::Step() {
  controller_.Admit();
  FollowMembers();
  ExpireAndAdmit();
  if (!controller_.capacity().ok()) {
    Stall();
    return false;
  }
  EndStall();
  const int64_t rows = PlanStep();
  if (rows == 0)
    return false;
  for (int i = 0; i < options_.attention; ++i) {
    last_rows_[i] = 0;
    step_sequences_[i].resize(parts_[i].size());
    for (size_t j = 0; j < parts_[i].size(); ++j) {
      Describe(*parts_[i][j].sequence, parts_[i][j].rows, step_sequences_[i][j]);
      last_rows_[i] += parts_[i][j].rows;
    }
  }
  if (!options_.record_routing.empty())
    RememberOrigins();
  last_scheme_ = choose_scheme_(last_rows_);
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = controller_.Step(last_scheme_, step_sequences_, results_);
  step_ms_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  rows_ += rows;
  if (steps_by_scheme_.size() <= static_cast<size_t>(last_scheme_))
    steps_by_scheme_.resize(last_scheme_ + 1);
  ++steps_by_scheme_[last_scheme_];
  ApplyResults(status);
  FollowMembers();
  if (!controller_.capacity().ok())
    Stall();
  return true;
}

void Engine::ApplyResults(const absl::Status &status) {
  if (!status.ok() && !controller_.capacity().ok())
    return; // nothing happened: the same rows come again
  for (int i = 0; i < options_.attention; ++i) {
    if (status.ok() && !controller_.answered(i))
      continue; // it has no rows, or is lost
    for (size_t j = 0; j < parts_[i].size(); ++j) {
      Sequence &sequence = *parts_[i][j].sequence;
      if (status.ok() && j < results_[i].sequences.size()) {
        Apply(sequence, parts_[i][j].rows, results_[i].sequences[j]);
        continue;
      }
      sequence.End(FinishReason::kError,
                   status.ok()
                       ? absl::InternalError(absl::StrCat("attention ", i, " answered ", results_[i].sequences.size(),
                                                          " of ", parts_[i].size(), " sequences"))
                       : status);
      Retire(sequence);
    }
  }
}

bool Engine::Next(RequestId id, TokenEvent &event) {
  auto found = sequences_.find(id);
  if (found == sequences_.end() || found->second->events.empty())
    return false;
  event = found->second->events.Pop();
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
