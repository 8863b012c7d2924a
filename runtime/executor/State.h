//===- State.h - what an instance is, inside --------------------*- C++ -*-===//
//
// Internal to the executor. The member functions are grouped by file: Create
// (binding and memory), Step (from descriptor to result), Dispatch and Collect
// (attention side of a transfer), Receive and Return (expert side), Schedule,
// Sequences (calls for each sequence, states and histories).
//
// Transfers are coroutines (Task.h) that consume messages by name in an order
// fixed by descriptor and topology. Each pair of instances posts in the order
// in which the other consumes, so that credits cannot deadlock.
//
// A step may be stopped at any suspension point and begun again as another
// attempt (docs/failures.md): from the layer whose results the instance does
// not have yet, with the rows of those that do not have them either. What a
// dispatch moves stays in its values until the collect; everything else about
// a layer is made anew by OpenRows.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_STATE_H
#define JANUS_RUNTIME_EXECUTOR_STATE_H

#include "runtime/base/WorkerPool.h"
#include "runtime/executor/Activity.h"
#include "runtime/executor/Assignments.h"
#include "runtime/executor/Buffer.h"
#include "runtime/executor/Instance.h"
#include "runtime/executor/Mailbox.h"
#include "runtime/executor/Orders.h"
#include "runtime/executor/Payload.h"
#include "runtime/executor/Routes.h"
#include "runtime/executor/Scheduling.h"
#include "runtime/executor/SlotStore.h"
#include "runtime/executor/Task.h"
#include "runtime/placement/Placement.h"

#include <atomic>
#include <optional>
#include <set>
#include <tuple>

namespace janus {

/// What an instance is going to allocate: bytes of buffers and of `pages`,
/// elements of the others.
struct MemorySizes {
  std::vector<int64_t> values;
  int64_t workspace = 0, staging = 0, pages = 0, activity = 0, states = 0, gathered = 0;
  int64_t row_owner = 0, all_ids = 0, choices = 0, seen = 0, pairs = 0, page_entries = 0;
  int64_t buffers() const;
};

/// A call instruction with its operands and weights resolved.
struct BoundCall {
  const abi::Fragment *fragment = nullptr;
  std::vector<void *> operands;
  std::vector<const void *> weights;
};

/// What a suspended step waits for.
class Waiter {
public:
  virtual bool Try() = 0;
  virtual std::string Describe() const = 0;
  virtual Address peer() const = 0;

protected:
  ~Waiter() = default;
};

struct Instance::State {
  explicit State(const InstanceConfig &config) : config(config), id(static_cast<int32_t>(config.id)) {}

  // Create.cpp, Memory.cpp
  absl::Status Bind();
  absl::Status Prepare(); // what needs no memory
  absl::Status CheckConfig();
  void SetRoutes();
  absl::Status CheckProgram();
  const abi::Fragment *FindFragment(const std::string &name) const; // null: the code has none
  absl::Status BindCall(const Instruction &step, BoundCall &call);
  absl::Status DeclareSlots();
  absl::Status BindWeight(const std::string &name, int64_t layer, BoundCall &call);
  MemorySizes Sizes() const;
  absl::StatusOr<int64_t> PlanTensors() const;
  int32_t Hosted(int64_t layer, int64_t slot) const { return placement->expert(layer, id, slot); }
  void Allocate();
  void AllocateKv(const MemorySizes &sizes);

  // CarryOut.cpp: orders, and the epochs they prepare
  struct NextEpoch;
  bool CarryOutOrders();
  bool CarryOutLoad(const executor::Received &order);
  absl::StatusOr<bool> IsNextPiece(const LoadReport &load, uint32_t epoch, int64_t offset);
  bool SendPiece(const LoadOrder &order, const MessageName &name);
  void TakePiece(const executor::Received &message);
  void TakeEpoch(const executor::Received &message);
  absl::Status AddPart(const EpochPart &part, uint32_t epoch);
  absl::Status Complete(NextEpoch &next);
  void Answer(const MessageName &order, Phase phase, std::vector<char> bytes);
  void ReportLoad(const MessageName &order, LoadReport report, const absl::StatusOr<int64_t> &left);
  bool PostAnswer();
  /// What makes `epoch` of the present one takes effect: between two attempts.
  /// FailedPrecondition: it was not announced, or is not ready.
  absl::Status SwitchTo(uint32_t epoch);

  // Advance.cpp: waiting and resuming
  bool Advance(WorkerPool &pool);
  void TakeControl();
  void Start();
  void Suspend();
  void Abandon();
  void Expire(int64_t waited_ms);
  void GiveUp(absl::Status status);
  void CheckPeer();
  bool SendNotice();
  std::string Name() const;
  std::string Awaits() const;
  static void RunParallel(void *context, abi::Task task, const void *args, int64_t count, int64_t grain);
  static void FailCall(void *context, int64_t code, const char *message);

  // Play.cpp: from descriptor to result
  executor::Task Step();
  executor::Task Play();
  bool Skips(const Instruction &step);
  executor::Task Report();
  executor::Task Transfer(const Instruction &step);
  void Account(const Instruction &step, int64_t ns);
  absl::Status OpenStep();
  void OpenRoutes();
  void OpenRows(int64_t layer);
  absl::Status OpenSequences();
  absl::Status OpenSequence(const StepSequence &sequence, int64_t &row);
  absl::Status RunCall(const Instruction &step, const BoundCall &call);
  absl::Status Sample();

  // Sequences.cpp
  absl::Status CheckSequences(const Instruction &step, size_t index) const;
  void PlanSequences(MemorySizes &sizes) const;
  void AllocateSequences(const MemorySizes &sizes);
  absl::Status OpenStates(const StepSequence &sequence);
  void CloseStates();
  absl::Status RunSequences(const Instruction &step, BoundCall &call);
  int64_t HistoryBytes(const Instruction &step, int64_t count, int64_t rows) const;
  struct SequenceRows {
    int64_t slot, begin, end; // of the sequence
    int64_t row;              // of the step: the first
  };
  absl::Status RunRows(const Instruction &step, BoundCall &call, const SequenceRows &rows, int64_t past,
                       int64_t present);
  void AppendHistory(int64_t slot, int64_t history, const char *rows, int64_t begin, int64_t end);
  void GatherHistory(int64_t slot, int64_t history, char *rows, int64_t end) const;
  char *StateOf(int64_t copy, int64_t state) const { return states.as() + copy * state_bytes + state_offsets[state]; }

  // Dispatch.cpp, DispatchRouted.cpp, Collect.cpp: attention side
  executor::Task Exchange(const Instruction &step);
  executor::Task DispatchWhole(const Instruction &step);
  executor::Task DispatchRouted(const Instruction &step);
  void PrepareRouted(const Instruction &step, const TransferDesc &transfer);
  executor::Task SendRouted(Address to, Phase phase, int32_t part, executor::SlotFilter filter);
  executor::Task Collect(const Instruction &step);
  executor::Task Scatter(const executor::Received &message, int32_t part, const TransferDesc &transfer);
  /// Checks a return message whose rows belong to attention group `group` and
  /// instance `instance` (-1: any).
  absl::Status CheckResults(const executor::Received &message, const TransferDesc &transfer, int32_t group,
                            int32_t instance) const;
  absl::Status PlaceResults(const executor::Received &message, const Instruction &step);

  // Receive.cpp, Return.cpp: expert side
  executor::Task Receive(const Instruction &step);
  executor::Task ReceiveFrom(const Instruction &step, absl::Span<const int32_t> sources, Phase phase, Address from,
                             int32_t part);
  executor::Task Forward(const executor::Received &message, const executor::RoutedView &view, Address to, Phase phase,
                         int32_t part, executor::SlotFilter filter);
  absl::Status ParseFrom(const executor::Received &message, const TransferDesc &transfer,
                         absl::Span<const int32_t> from, executor::RoutedView &view) const;
  absl::Status PlaceWhole(const executor::Received &message, const Instruction &step, absl::Span<const int32_t> from);
  absl::Status PlaceRouted(const executor::RoutedView &view, const Instruction &step, bool mine_only);
  executor::Task Return(const Instruction &step);
  executor::Task SendResults(const Instruction &step, Address to, Phase phase, int32_t part, int32_t group,
                             int32_t instance);

  // Schedule.cpp
  absl::Status Schedule(const Instruction &step);
  /// The instance of its role that speaks for all in this step.
  bool speaks() const;
  executor::Task ReportActivity();

  // Helpers
  bool attention() const { return config.role == Role::kAttention; }
  bool direct() const { return descriptor.scheme == 0; }
  bool relays() const { // for its node, without rows of its own
    const int32_t home = routes.attention_group[id];
    return !direct() && rows[id] == 0 && group_rows[home] > 0 && routes.attention[home].leader() == id;
  }
  int64_t my_begin() const { return row_begin[id]; }
  executor::SlotFilter Wanted(absl::Span<const int32_t> instances);
  /// Positions of a sequence.
  int64_t context() const {
    return config.limits.context > 0 ? std::min(config.limits.context, config.model->context) : config.model->context;
  }
  const TransferDesc &transfer(const Instruction &step) const {
    return config.model->transfers[transfer_of[step.transfer]];
  }

  // Suspension points. `co_await Get(...)` gives the message of that name,
  // `co_await Room(...)` memory of `bytes` bytes to fill before Post.
  struct GetAwaiter;
  struct RoomAwaiter;
  GetAwaiter Get(Phase phase, Address from, int32_t part);
  RoomAwaiter Room(Address to, Phase phase, int32_t part, int64_t bytes);

  // --- fixed at creation
  InstanceConfig config;
  int32_t id = 0, m = 0, n = 0;
  int64_t slots = 0;                // of each expert instance, in each layer
  std::vector<int64_t> transfer_of; // transfer id -> index in model.transfers, or -1
  std::vector<BoundCall> calls;     // by instruction
  std::vector<Buffer> values;
  Buffer workspace;
  Buffer staging; // EGate, leaders: rows of the node
  int64_t ids_value = -1, positions_value = -1, wanted_value = -1, logits_value = -1;
  InstanceMemory memory;
  std::set<std::string> mapped;             // tensors counted in it
  std::optional<executor::SlotStore> store; // expert instances
  std::optional<Placement> placement;       // of the present epoch
  // attention: KV pages and sequence slots
  Buffer pool_pages;
  std::vector<abi::KvView> views; // by cache
  int64_t pages_per_sequence = 0;
  std::vector<int32_t> page_entries;         // [sequences][pages per sequence]
  std::vector<const int32_t *> page_tables;  // [sequences]
  std::vector<int32_t> page_counts, lengths; // [sequences] pages; rows seen so far
  std::vector<uint64_t> used_in;             // [sequences] last step + 1 that had rows of it
  std::vector<int32_t> row_sequence;         // [rows]
  // attention: states, of each slot twice, then a copy of zeros and two of all slots; histories
  struct StateCopies {
    int64_t rows[2] = {-1, -1}; // of the sequence, that the copy stands behind; -1: nothing is in it
    int64_t past = 0, present = 0;
  };
  Buffer states;                      // [2 * sequences + 3][state_bytes]
  std::vector<StateCopies> copies;    // [sequences]
  std::vector<int64_t> state_offsets; // by state: bytes, in a copy
  int64_t state_bytes = 0;
  std::vector<int64_t> history_offsets; // by history: bytes, in a KV page
  Buffer gathered;                      // all rows of one sequence, of the operands of a call

  // --- of the next epochs
  struct NextEpoch {
    uint32_t epoch = 0;
    int32_t parts = 0, arrived = 0;
    std::map<int64_t, LayerSlots> changed;
    std::vector<int32_t> dead;
    std::optional<Placement> placement; // when all parts are here and everything it needs is loaded
  };
  std::vector<NextEpoch> upcoming; // announced, ascending; each follows the one before it
  std::vector<char> answer;        // to the controller, that waits for room
  MessageName answer_name;
  // --- while nobody else is lost
  std::vector<int32_t> lost_attention, lost_experts; // ascending
  executor::Routes routes;
  std::vector<uint8_t> live_experts; // [n]
  std::vector<int32_t> node_order;   // attention groups, ascending
  std::vector<int32_t> across_order; // case2: in the order in which they reach this expert node

  // --- of the step in progress
  StepDescriptor descriptor, next; // `next` arrived and is not yet started
  bool has_next = false, stopped = false;
  std::tuple<uint64_t, uint16_t, bool> moment, next_moment; // of the control message handled last; of `next`
  bool any_moment = false;
  bool begun = false;           // `descriptor` was taken; of an attention instance, its sequences are open
  int32_t position = kNotBegun; // of an attention instance with rows: where it is; of others any
  int64_t my_rows = 0, wanted_rows = 0;

  // --- of the layer in progress: the rows that take part in it
  std::vector<int32_t> rows; // by attention instance
  int64_t step_rows = 0;
  std::vector<int64_t> row_begin;  // [m + 1]
  std::vector<int32_t> row_owner;  // [step rows]
  std::vector<int64_t> group_rows; // by attention group
  std::vector<int32_t> active;     // attention instances with rows
  int64_t symbols[abi::kSymbolCount] = {};
  StepResult result;
  absl::Status next_error, error; // of `next`, of the step
  StepResult notice;              // to the controller beside the step's own result
  bool has_notice = false, told_lost = false;
  size_t at = 0;            // instruction
  int64_t layer = 0;        // of it
  int64_t rows_of = 0;      // layer that OpenRows was called for
  bool catching_up = false; // a later attempt: the own rows take part in a later layer

  std::vector<int32_t> all_ids; // AGate attention: [step rows * k] after the exchange
  executor::Scheduler scheduler;
  ActivityRecorder activity; // of the step, where this instance reports it
  std::optional<executor::AssignmentBuilder> assignment;
  std::vector<executor::RoutedPair> pairs; // AGate attention: own pairs
  std::vector<executor::Received> held;    // messages that a leader joins
  std::vector<executor::RoutedView> held_views;
  std::vector<uint8_t> seen; // [rows * k] results that arrived
  int64_t seen_count = 0, received_rows = 0;
  std::vector<uint8_t> wanted_instances; // [n]

  // --- execution
  std::optional<executor::Mailbox> mail;
  executor::FrameArena frames{16384};
  std::coroutine_handle<> innermost;
  Waiter *waiter = nullptr;
  uint32_t idle_polls = 0;
  executor::Task root; // after `frames`: destroyed before them
  WorkerPool *pool = nullptr;
  abi::Host host = {};
  std::atomic<bool> failed{false};
  int64_t wait_ns = 0; // of the current instruction
  InstanceStats stats;
};

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_STATE_H
