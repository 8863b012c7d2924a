//===- Instance.h - one attention or expert instance ------------*- C++ -*-===//
//
// An instance is not a thread: it is state (mapped weights, value buffers, KV
// pages or expert slots, an instruction pointer) and a transport endpoint.
// Instances share nothing, not even in one process, but the result of a pure
// function (executor::ScheduleMemo); all an instance knows of a step reaches it
// in messages. It idles until a StepDescriptor arrives, plays
// its role's program, moves data by the scheme that the descriptor names, and,
// as an attention instance with rows, answers the controller with a StepResult.
// Whatever goes wrong inside a step is answered as StepResult::error, by
// instances of either role; the instance then idles again. A descriptor of a
// later step supersedes an unfinished one.
//
// Nothing is allocated, locked or slept on in a steady step.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_INSTANCE_H
#define JANUS_RUNTIME_EXECUTOR_INSTANCE_H

#include "absl/status/statusor.h"
#include "janus/ABI/Program.h"
#include "runtime/executor/Stats.h"
#include "runtime/executor/Step.h"
#include "runtime/executor/WeightSource.h"
#include "runtime/program/Program.h"

#include <functional>
#include <memory>

namespace janus {

class Endpoint;
class Topology;
class Placement;
class WorkerPool;
namespace executor {
class ScheduleMemo;
}

/// Picks a token from one row of logits [vocab]. `token_index` is the index of
/// the new token in its sequence. Runs on the executor's thread.
using Sampler =
    std::function<int32_t(const float *logits, int64_t vocab, const SamplingParams &params, int64_t token_index)>;

/// The routing of a layer in a step, and the schedule made of it.
struct LayerRouting {
  uint64_t step = 0;
  int64_t layer = 0, rows = 0, k = 0, experts = 0;
  const int32_t *ids = nullptr;         // [rows, k] of all rows of the step, in attention-instance order
  const int32_t *slots = nullptr;       // [experts] who serves an activated expert; -1: not activated
  int64_t slots_per_instance = 1;       // slots[e] is instance * slots_per_instance + slot of the instance
  const Placement *placement = nullptr; // of the present epoch
};
/// Called by one instance per layer and step (the lowest expert instance under
/// EGate, the lowest active attention instance under AGate) on its executor's
/// thread. The pointers are valid during the call.
using RoutingRecorder = std::function<void(const LayerRouting &routing)>;

/// What the instance's memory is sized for. Descriptors beyond it are refused.
struct InstanceLimits {
  int64_t rows = 0;      // of one attention instance in a step
  int64_t step_rows = 0; // of all attention instances together in a step
  int64_t wanted = 0;    // rows of one attention instance whose logits are wanted
  int64_t sequences = 0; // sequence slots of an attention instance
  int64_t pages = 0;     // KV pages of an attention instance
  int64_t context = 0;   // positions of a sequence; 0: the model's context
};

/// Whose memory an expert instance's slots are (SlotStore.h).
struct SlotOptions {
  bool own = false;  // the instance's; else they refer to the mapped artifact
  int64_t spare = 0; // blocks for loads, when owned
};

/// Everything an instance is made of. Pointers are borrowed and outlive it.
struct InstanceConfig {
  Role role = Role::kAttention;
  int64_t id = 0; // among the instances of its role
  GateSide gate_side = GateSide::kExpert;
  const ModelDesc *model = nullptr;
  const RoleProgram *program = nullptr; // of this role and gate side
  const abi::Program *code = nullptr;   // holds the program's fragments, by name
  const abi::KernelTable *kernels = nullptr;
  WeightSource *weights = nullptr;
  const Topology *topology = nullptr;
  const Placement *placement = nullptr; // of the first epoch; copied
  Endpoint *endpoint = nullptr;         // this instance's own
  InstanceLimits limits;
  SlotOptions slots;            // expert instances
  Sampler sampler;              // attention instances
  RoutingRecorder recorder;     // optional
  bool count_tokens = false;    // fill LayerStats::tokens
  bool report_activity = false; // to the controller (Activity.h)
  bool says_hello = false;      // it takes a lost one's place: the controller is told of it
};

/// Bytes of a KV page: page_tokens tokens of all caches and histories of the model.
int64_t KvPageBytes(const ModelDesc &model);
/// Pages that a sequence of `tokens` tokens needs.
int64_t KvPages(const ModelDesc &model, int64_t tokens);
/// The largest payload that any message of a step can have, control included.
int64_t MaxMessageBytes(const ModelDesc &model, const InstanceLimits &limits, int64_t attention_instances);
/// What Instance::Create would use. Needs no endpoint and reads no weight;
/// without a weight source `weights` and `slots` are 0.
absl::StatusOr<InstanceMemory> PlanMemory(const InstanceConfig &config);

class Instance {
public:
  /// Checks that program, code, model, topology and placement fit together and
  /// allocates all memory. FailedPrecondition or InvalidArgument says what
  /// does not fit; NotFound names a missing weight.
  static absl::StatusOr<std::unique_ptr<Instance>> Create(const InstanceConfig &config);
  ~Instance();
  Instance(const Instance &) = delete;
  Instance &operator=(const Instance &) = delete;

  /// Schedules that another instance of the process computed need not be computed
  /// again. `memo` outlives the instance. Allocates.
  void ShareSchedules(executor::ScheduleMemo &memo);
  /// Runs until it would wait. True if anything was done.
  bool Advance(WorkerPool &pool);
  /// No step is in progress.
  bool idle() const;
  /// A shutdown descriptor arrived; Advance does nothing any more.
  bool stopped() const;
  /// Ends the step in progress, if any, with DeadlineExceeded, naming who was
  /// awaited and for what.
  void Expire(int64_t waited_ms);
  /// What the instance waits for, for messages: "attention 1 awaits ...".
  std::string Awaits() const;

  const InstanceStats &stats() const;
  InstanceMemory memory() const;

private:
  friend absl::StatusOr<InstanceMemory> PlanMemory(const InstanceConfig &config);
  static absl::StatusOr<InstanceMemory> Plan(const InstanceConfig &config);
  struct State;
  explicit Instance(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_INSTANCE_H
