//===- Runtime.h - run a compiled model -------------------------*- C++ -*-===//
//
// The public API of the runtime library; the tools use nothing else.
//
//   auto runtime = janus::Runtime::Open("model.janus", options);
//   auto id = (*runtime)->Submit(request);
//   while (*(*runtime)->Step())
//     while ((*runtime)->Next(*id, event)) ...
//
// One thread at a time uses a Runtime. Requests join and leave between steps.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_RUNTIME_H
#define JANUS_RUNTIME_RUNTIME_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace janus {

struct RuntimeOptions {
  int attention = 1, experts = 1;   // instances
  std::string nodes;                // "a0,a1@0;e0,e1,e2@1"; empty: all on one node
  int64_t slots = 0;                // per expert instance and layer; 0: the fewest
  std::string placement = "even";   // even, random:SEED, a placement file or a routing trace
  std::string rebalance = "off";    // off, auto, every=N and more (docs/online.md)
  std::string scheme = "auto";      // auto, direct, case1, case2
  std::string gate_side = "auto";   // auto, expert, attention
  std::string kernels = "auto";     // auto, reference, avx2, avx512
  std::string transport = "inproc"; // inproc; strict:SEED for tests
  int threads = 0;                  // 0: the cores of this process
  int64_t kv_memory = 0; // bytes of KV caches in all; 0: what the system has left, no more than max_batch full contexts
  int64_t max_batch = 64;             // requests that run at once
  int64_t max_queue = 1024;           // requests that wait for that
  int64_t step_rows = 512;            // rows of one step over all instances
  int64_t chunk = 0;                  // rows of a prompt per step; 0: step_rows
  int64_t max_context = 0;            // positions of a request; 0: the model's
  bool scoring = false;               // requests may ask for the logits of all their rows
  int64_t step_deadline_ms = 60000;   // a step that makes no progress for so long fails
  int64_t failure_deadline_ms = 2000; // without progress for so long, instances that are silent are lost; 0: never
  double stall_timeout_s = 60;        // a request that is stalled for so long ends
  std::vector<std::string> fail;      // for tests: instances that fail, as "expert:2@step=37" (docs/failures.md)
  std::vector<std::string> restore;   // and come back, as "expert:2@step=90"
  int64_t explain_step = 0;           // keep the schedule of this step, from 1; 0: none
  std::string record_routing;         // directory to write the routing of every step to; empty: none
};

using RequestId = uint64_t;

struct GenerateRequest {
  std::vector<int32_t> prompt;
  int64_t max_new_tokens = 0;
  float temperature = 0; // 0: greedy
  int32_t top_k = 0;     // 0: all
  float top_p = 1;
  uint64_t seed = 0;
  std::vector<std::vector<int32_t>> stop; // generation ends before any of these token sequences
  int64_t deadline_ms = 0;                // from submission; 0: none
  bool logits = false;                    // events carry the row each token was chosen from
  bool score = false;                     // no generation: negative log-likelihood of the prompt
  bool score_logits = false;              // keep the logits of every row in the result
  size_t queue = 4096;                    // unread events after which the request pauses
};

struct TokenEvent {
  int32_t token = 0;
  std::vector<float> logits; // [vocab] when asked for
};

/// Stalled: no step can be run, since what is left of the instances cannot hold
/// the model (docs/failures.md).
enum class RequestState { kQueued, kRunning, kStalled, kEnded };
struct StallReport {
  int64_t requests = 0; // stalled ones; 0: steps can be run
  double seconds = 0;   // since when
  std::string reason;
};

enum class FinishReason { kLength, kStop, kScored, kCancelled, kError };

struct RequestResult {
  absl::Status status; // why a request ended early
  FinishReason reason = FinishReason::kError;
  int64_t prompt_tokens = 0, new_tokens = 0;
  double nll = 0;            // of scored tokens, in nats
  int64_t scored_tokens = 0; // those after the first
  std::vector<float> logits; // [prompt, vocab] with score_logits
};

struct ModelInfo {
  bool tensor = false; // a tensor program
  int64_t vocab = 0, context = 0;
  std::string tokenizer; // "bytes" or empty
};

struct InstanceReport {
  std::string name;                                                                    // "attention 0"
  int64_t weights = 0, slots = 0, kv = 0, buffers = 0;                                 // bytes, measured
  int64_t planned_weights = 0, planned_slots = 0, planned_kv = 0, planned_buffers = 0; // by the plan
};
struct LayerReport {
  int64_t experts = 0, steps = 0;
  // a_max: experts on the busiest instance. limit: ceil(distinct / live instances), which no placement beats.
  // imbalance: mean a_max over the mean of distinct / live instances.
  double mean_a_max = 0, mean_distinct = 0, mean_limit = 0, imbalance = 0;
  int64_t p99_a_max = 0, worst_a_max = 0;
  int64_t slots = 0, slots_used = 0; // of all instances; those that hold an expert
  int64_t epochs = 0, moves = 0, moved_bytes = 0;
  // Over all instances: schedules, each instance's own, and those of them that were found made by another instance of
  // the process, which had the same choices.
  int64_t schedules = 0, schedules_reused = 0;
  double schedule_us = 0;                                                                // one schedule, mean
  double attention_ms = 0, transfer_ms = 0, schedule_ms = 0, expert_ms = 0, wait_ms = 0; // summed over instances
  int64_t retries = 0; // attempts that did this layer again
};
struct TrafficReport {
  uint64_t messages = 0, bytes = 0;
};
/// docs/failures.md
struct FailureReport {
  int64_t lost_attention = 0, lost_experts = 0; // instances
  int64_t joined = 0;                           // that took a lost one's place
  int64_t attempts = 0;                         // of steps, beyond the first of each
  int64_t steps_given_up = 0;
  int64_t experts_loaded = 0; // from the artifact, in place of those that were lost
  int64_t requests_again = 0; // computed again from their tokens
  double stalled_s = 0;
};
/// What --rebalance decided and did.
struct RebalanceReport {
  std::string mode = "off";
  int64_t plans = 0, applied = 0;                 // made; those with at least one layer worth its moves
  int64_t layers_not_moved = 0;                   // of plans: nothing gains more than its moves cost
  int64_t failed = 0;                             // changes that could not be completed
  int64_t epochs = 0, moves = 0, moved_bytes = 0; // that took effect
  // Pieces of experts that were copied, also for changes that did not take effect; those of them that peers sent.
  int64_t pieces = 0, peer_pieces = 0, peer_bytes = 0;
  int64_t announced = 0, announcements = 0, ready = 0; // epochs; messages about them, and answers
  double gain = 0, cost = 0; // of what was applied: expert reads saved over the horizon, and what its moves cost
  double counting_ms = 0;    // of all steps' time, that in which was counted what they chose
  std::string last;          // the last decision, in words
};
/// One activated expert in a step.
struct ServedExpert {
  int64_t expert = 0, rows = 0; // that chose it
  int64_t instance = 0, slot = 0;
  std::string why;
};
/// A layer of the step that RuntimeOptions::explain_step asks for.
struct LayerSchedule {
  int64_t layer = 0, rows = 0, epoch = 0, a_max = 0, limit = 0;
  std::vector<ServedExpert> experts;
};
struct RunReport {
  int64_t steps = 0, rows = 0;
  double step_ms = 0; // wall time in steps
  std::vector<LayerReport> layers;
  std::map<std::string, std::map<std::string, TrafficReport>> traffic; // [phase][link class], posted
  std::map<std::string, int64_t> schemes;                              // steps by dispatch scheme
  std::string placement;                                               // JSON, of the present epoch
  RebalanceReport rebalance;
  std::vector<LayerSchedule> explained;             // by layer; empty until that step
  int64_t recorded_steps = 0, unrecorded_steps = 0; // of record_routing: steps in the trace, and those left out
  FailureReport failures;
};

class Runtime {
public:
  /// Opens an artifact of the language-model contract and starts its instances.
  static absl::StatusOr<std::unique_ptr<Runtime>> Open(const std::string &artifact, const RuntimeOptions &options);
  virtual ~Runtime() = default;

  virtual const ModelInfo &model() const = 0;
  virtual std::vector<InstanceReport> instances() const = 0;

  /// InvalidArgument: what the request asks for cannot be; ResourceExhausted:
  /// the queue is full.
  virtual absl::StatusOr<RequestId> Submit(GenerateRequest request) = 0;
  /// Ends a request at the next step. NotFound for an unknown one.
  virtual absl::Status Cancel(RequestId id) = 0;
  /// Runs one step over all requests that can run. False when none can; if
  /// stall().requests is not 0 then, call it again and again: it returns at once.
  virtual absl::StatusOr<bool> Step() = 0;
  virtual StallReport stall() const = 0;
  /// NotFound for an unknown request.
  virtual absl::StatusOr<RequestState> State(RequestId id) const = 0;
  /// The next unread event of a request.
  virtual bool Next(RequestId id, TokenEvent &event) = 0;
  /// Takes the result of an ended request whose events were all read; the
  /// request is then forgotten.
  virtual bool Finish(RequestId id, RequestResult &result) = 0;
  virtual RunReport report() const = 0;
  /// After the last step: takes in what is on its way, so that the report is
  /// complete; ends what `record_routing` asked for and says whether all of it
  /// was written.
  virtual absl::Status Close() = 0;
};

/// A named tensor: row-major bytes of a type of docs/artifact.md.
struct NamedTensor {
  std::string name, type;
  std::vector<int64_t> dims;
  std::vector<char> bytes;
};

/// Contract and facts of an artifact without starting anything.
absl::StatusOr<ModelInfo> Inspect(const std::string &artifact);

/// Runs a tensor program once. Inputs by name in any order; every input of the
/// program must be there.
absl::StatusOr<std::vector<NamedTensor>> RunTensorProgram(const std::string &artifact,
                                                          const std::vector<NamedTensor> &inputs, int threads,
                                                          const std::string &kernels);

} // namespace janus

#endif // JANUS_RUNTIME_RUNTIME_H
