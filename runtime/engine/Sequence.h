//===- Sequence.h - one request on its way ----------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_SEQUENCE_H
#define JANUS_RUNTIME_ENGINE_SEQUENCE_H

#include "janus/Runtime/Runtime.h"
#include "runtime/executor/Step.h"
#include "runtime/program/Program.h"

#include <chrono>
#include <optional>

namespace janus {

/// Rows of a piece of a prompt, of a model whose layers keep states or histories: a step computes whole pieces, which
/// end at multiples of it and at the prompt's end, so that what such a layer adds up does not depend on batch and
/// chunk. 0: another model.
int64_t PieceRows(const ModelDesc &model);

/// Events in order. Keeps its memory, so that a reader who keeps up costs no
/// allocation.
class EventQueue {
public:
  size_t size() const { return events_.size() - first_; }
  bool empty() const { return size() == 0; }
  const TokenEvent &operator[](size_t i) const { return events_[first_ + i]; }
  void Push(TokenEvent event) { events_.push_back(std::move(event)); }
  TokenEvent Pop();
  void Clear();

private:
  std::vector<TokenEvent> events_;
  size_t first_ = 0;
};

/// A request, its tokens and how far they are computed.
class Sequence {
public:
  Sequence(RequestId id, GenerateRequest request);

  enum class State { kQueued, kRunning, kEnded };

  /// Rows that are known but not computed: the rest of the prompt, or the last
  /// generated token.
  int64_t remaining() const { return static_cast<int64_t>(tokens.size()) - computed; }
  bool decoding() const { return !request.score && computed >= prompt && remaining() == 1; }
  /// The reader has left too many events unread.
  bool paused() const { return events.size() >= request.queue; }
  bool expired(std::chrono::steady_clock::time_point now) const { return request.deadline_ms > 0 && now >= deadline; }

  /// Takes a sampled token; true if the request is complete.
  bool Append(int32_t token, std::vector<float> logits);
  /// Adds the log-likelihood of the tokens that follow rows [begin, ...).
  void Score(int64_t begin, const std::vector<float> &logits, int64_t vocab);
  void End(FinishReason reason, absl::Status status = absl::OkStatus());
  /// Its home is lost: nothing is computed any more. What was given stays given.
  void Forget();

  const RequestId id;
  const GenerateRequest request;
  const int64_t prompt;
  std::vector<int32_t> tokens;
  int64_t computed = 0;
  State state = State::kQueued;
  EventQueue events;
  RequestResult result;
  std::chrono::steady_clock::time_point deadline;
  std::optional<std::chrono::steady_clock::time_point> stalled; // since

  // While running.
  int32_t home = -1, slot = -1; // attention instance and its sequence slot
  std::vector<int32_t> pages;

private:
  void Release(size_t count);
  EventQueue held_; // tokens that may turn out to begin a stop sequence
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_SEQUENCE_H
