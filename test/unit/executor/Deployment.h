//===- Deployment.h - the hand-written model on m + n instances -*- C++ -*-===//
//
// Builds all instances and plays the controller: a few sequences that join at
// different steps, prompts in chunks, greedy decoding.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_UNIT_EXECUTOR_DEPLOYMENT_H
#define JANUS_TEST_UNIT_EXECUTOR_DEPLOYMENT_H

#include "runtime/base/WorkerPool.h"
#include "runtime/executor/Executor.h"
#include "runtime/placement/Placement.h"
#include "runtime/traffic/Topology.h"
#include "runtime/transport/Transport.h"
#include "test/unit/executor/HandModel.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace janus::hand {

struct Options {
  int m = 1, n = 1, nodes = 1;
  int scheme = 0; // direct, case1, case2
  GateSide side = GateSide::kExpert;
  bool replicas = false; // 50 % more slots than needed, placed at random
  bool own = false;      // slots
  int threads = 1;
  enum class Mail { kInproc, kStrict, kShm } mail = Mail::kInproc;
  uint64_t seed = 1;
  int chunk = 64;
  int64_t deadline_ms = 60000;
  std::string kernels = "auto";
  std::string str() const;
};

struct Sequence {
  std::vector<int32_t> prompt;
  int new_tokens = 0;
  int joins = 0; // step
};
std::vector<Sequence> TestSequences();

struct Outcome {
  std::vector<int32_t> tokens; // generated
  std::vector<float> logits;   // of every position, [positions, vocab]
};
/// The same tokens and the same bytes of logits?
bool Same(const std::vector<Outcome> &a, const std::vector<Outcome> &b);

InstanceLimits TestLimits();

class Deployment {
public:
  explicit Deployment(const Options &options);
  ~Deployment();

  /// Plays the sequences to their end.
  absl::StatusOr<std::vector<Outcome>> Play(const std::vector<Sequence> &sequences);
  /// Sends each instance the descriptor of a step: rows by attention instance.
  void Begin(StepDescriptor common, const std::vector<std::vector<StepSequence>> &sequences);
  /// Polls until `count` results of the step arrived, of any attempt.
  std::vector<std::pair<Address, StepResult>> Await(uint64_t step, size_t count);
  /// Stops the step and begins the next attempt of it, without `lost_experts`.
  /// False: not everyone answered.
  bool Retry(StepDescriptor step, const std::vector<std::vector<StepSequence>> &sequences, uint16_t attempt,
             const std::vector<int32_t> &lost_experts);
  void Send(Address to, const StepDescriptor &descriptor);
  /// Creates the instances that `here` selects in this process.
  absl::Status Create(const std::function<bool(Address)> &here);
  InstanceConfig Config(Address address);
  /// Advances the instances of this process once.
  void Pump();
  /// Tells every instance to stop.
  void Shutdown();

  Options options;
  Numbers numbers;
  PackedWeights weights;
  ModelDesc model;
  RoleProgram attention, expert;
  Topology topology;
  std::unique_ptr<Placement> placement;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Endpoint> controller;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  WorkerPool pool;
  Executor executor;
  const abi::Program *code = &Code();
  Sampler sampler; // greedy
  RoutingRecorder recorder;
  uint64_t next_step = 1;
  std::map<uint64_t, std::vector<int64_t>> rows_of_step; // by attention instance, of each step begun
  uint32_t epoch = 0;                                    // of the steps to come
  std::function<void()> before_step;                     // in Begin
  std::function<void(const Incoming &)> other_message;   // that is no result, in Await
  /// Called when a poll made no progress; default: nothing.
  std::function<void()> idle;
  /// Called by Play when a step has begun; default: nothing.
  std::function<void(const StepDescriptor &, const std::vector<std::vector<StepSequence>> &)> begun;

private:
  std::vector<std::pair<Address, StepResult>> results; // that arrived and were not asked for
  /// Takes in what arrived.
  void Listen();
};

/// Node of each of `count` instances, in turn or consecutive ones together.
std::vector<int> SpreadNodes(int count, int nodes, bool interleave);

} // namespace janus::hand

#endif // JANUS_TEST_UNIT_EXECUTOR_DEPLOYMENT_H
