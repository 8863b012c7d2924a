//===- Engine.h - requests over instances -----------------------*- C++ -*-===//
//
// The controller: admits requests, makes each global step out of decode rows
// and prompt chunks, tells the instances about it and takes their results, all
// by messages through its own transport endpoint.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ENGINE_ENGINE_H
#define JANUS_RUNTIME_ENGINE_ENGINE_H

#include "janus/Runtime/Runtime.h"
#include "runtime/engine/Controller.h"
#include "runtime/engine/KvBudget.h"
#include "runtime/engine/Sequence.h"
#include "runtime/executor/Instance.h"
#include "runtime/trace/Trace.h"

#include <deque>
#include <map>
#include <optional>

namespace janus {

class Engine {
public:
  /// `options` with every 0 resolved (Deployment::Create does that).
  /// `choose_scheme` maps rows by attention instance to a scheme index.
  Engine(const ModelDesc &model, const RuntimeOptions &options, int64_t pages_per_instance, Controller controller,
         std::function<int(const std::vector<int64_t> &)> choose_scheme);

  absl::StatusOr<RequestId> Submit(GenerateRequest request);
  absl::Status Cancel(RequestId id);
  absl::StatusOr<bool> Step();
  bool Next(RequestId id, TokenEvent &event);
  bool Finish(RequestId id, RequestResult &result);

  StallReport stall() const;
  absl::StatusOr<RequestState> State(RequestId id) const;

  Controller &controller() { return controller_; }
  const Controller &controller() const { return controller_; }
  /// Of the last step: its rows by attention instance and its scheme.
  const std::vector<int64_t> &last_rows() const { return last_rows_; }
  int last_scheme() const { return last_scheme_; }
  /// Where the rows of the last step came from, in attention-instance order; only
  /// when routing is recorded.
  const std::vector<trace::RowOrigin> &last_origins() const { return last_origins_; }
  /// Steps by scheme index, rows and wall time of all steps.
  const std::vector<int64_t> &steps_by_scheme() const { return steps_by_scheme_; }
  int64_t rows() const { return rows_; }
  double step_ms() const { return step_ms_; }
  /// Requests that were computed again; seconds in which no step could be run.
  int64_t requests_again() const { return requests_again_; }
  double stalled_s() const;

private:
  absl::Status Check(const GenerateRequest &request) const;
  void ExpireAndAdmit();
  /// Rows of a running sequence in the next step: of one that decodes, or of a prompt's next chunk. 0: they do not fit
  /// into `room` and wait.
  int64_t Chunk(const Sequence &sequence, int64_t room) const;
  void PlanRows(Sequence &sequence, int64_t &room);
  void Describe(Sequence &sequence, int64_t rows, StepSequence &part) const;
  void Apply(Sequence &sequence, int64_t rows, StepResult::Sequence &part);
  void Retire(Sequence &sequence);
  /// Takes in which instances were lost and joined.
  void FollowMembers();
  /// No step can be run now.
  void Stall();
  void EndStall();
  /// Fills parts_; the rows in all.
  int64_t PlanStep();
  void RememberOrigins();
  void ApplyResults(const absl::Status &status);

  const ModelDesc &model_;
  RuntimeOptions options_;
  KvBudget budget_;
  Controller controller_;
  std::function<int(const std::vector<int64_t> &)> choose_scheme_;
  RequestId next_id_ = 1;
  std::map<RequestId, std::unique_ptr<Sequence>> sequences_; // all that are not forgotten, oldest first
  std::deque<Sequence *> queue_;                             // not admitted yet
  std::vector<Sequence *> running_;                          // in order of admission
  Sequence *waiting_ = nullptr;                              // for room for a piece; it is planned first
  std::vector<int64_t> last_rows_, steps_by_scheme_;
  std::vector<trace::RowOrigin> last_origins_;
  struct Part {
    Sequence *sequence;
    int64_t rows;
  };
  // Of the current step by attention instance, kept for their memory.
  std::vector<std::vector<Part>> parts_;
  std::vector<std::vector<StepSequence>> step_sequences_;
  std::vector<StepResult> results_;
  std::vector<int64_t> generations_; // of attention instances, as the budget knows them
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> stalled_; // since
  Clock::time_point counted_;                // last step that was counted while stalled
  double stalled_s_ = 0;                     // of stalls that ended
  int64_t requests_again_ = 0;
  int last_scheme_ = 0;
  int64_t rows_ = 0;
  double step_ms_ = 0;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_ENGINE_H
