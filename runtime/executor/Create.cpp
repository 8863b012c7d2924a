// Binding: program, code, model, topology, placement and weights are checked
// against each other and resolved to pointers.
#include "runtime/executor/State.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace janus {

using Op = Instruction::Op;

namespace {

absl::Status Mismatch(absl::string_view what, absl::string_view found, absl::string_view expected,
                      absl::string_view cure) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": found ", found, ", expected ", expected, "; ", cure));
}

absl::Status CheckCode(const abi::Program &code, const abi::KernelTable &kernels) {
  const char *cure = "compile the model again with this version";
  if (code.magic != abi::kProgramMagic || code.version != abi::kProgramAbiVersion || code.size != sizeof(abi::Program))
    return Mismatch("role program", absl::StrCat("version ", code.version, " of ", code.size, " bytes"),
                    absl::StrCat("version ", abi::kProgramAbiVersion, " of ", sizeof(abi::Program), " bytes"), cure);
  if (code.kernel_version != abi::kKernelAbiVersion)
    return Mismatch("role program", absl::StrCat("kernel ABI ", code.kernel_version),
                    absl::StrCat(abi::kKernelAbiVersion), cure);
  if (kernels.version != abi::kKernelAbiVersion || kernels.size < sizeof(abi::KernelTable))
    return Mismatch("kernel table", absl::StrCat("version ", kernels.version, " of ", kernels.size, " bytes"),
                    absl::StrCat("version ", abi::kKernelAbiVersion, " of ", sizeof(abi::KernelTable), " bytes"),
                    "use the kernels of this version");
  return absl::OkStatus();
}

/// Only operations of the role, and transfers and layers that the model has.
absl::Status CheckInstruction(const Instruction &step, const InstanceConfig &config,
                              const std::vector<int64_t> &transfer_of, size_t index) {
  const bool attention = config.role == Role::kAttention;
  auto wrong = [&](const auto &...what) {
    return absl::FailedPreconditionError(absl::StrCat("program step ", index, ": ", what...,
                                                      "; the artifact does not fit this runtime, compile it again"));
  };
  const auto caches = static_cast<int64_t>(config.model->kv_caches.size());
  if (step.op == Op::kCall && step.cache > 0 && step.cache >= caches)
    return wrong("found KV cache ", step.cache, ", expected one of ", caches);
  if (step.op == Op::kCall || step.op == Op::kSequences)
    return absl::OkStatus();
  const bool of_attention = step.op == Op::kDispatch || step.op == Op::kCollect || step.op == Op::kExchange;
  if (step.op != Op::kSchedule && of_attention != attention)
    return wrong("found an instruction of the other role");
  if (step.layer < 0 || step.layer >= static_cast<int64_t>(config.model->moe_layers.size()))
    return wrong("found layer ", step.layer, ", expected one of ", config.model->moe_layers.size());
  if (step.op == Op::kExchange)
    return absl::OkStatus();
  if (step.op == Op::kSchedule) {
    const MoeLayerDesc &layer = config.model->moe_layers[step.layer];
    if (layer.experts != step.experts || layer.k != step.k)
      return wrong("found a schedule of ", step.experts, " experts, k ", step.k, ", expected ", layer.experts, ", k ",
                   layer.k, " as the model says");
    return absl::OkStatus();
  }
  if (step.transfer >= static_cast<int64_t>(transfer_of.size()) || transfer_of[step.transfer] < 0)
    return wrong("found transfer ", step.transfer, ", which the manifest does not list");
  const TransferDesc &transfer = config.model->transfers[transfer_of[step.transfer]];
  const int64_t k = config.model->moe_layers[step.layer].k;
  if (transfer.columns < 1 || transfer.k != k || transfer.routed != (config.gate_side == GateSide::kAttention))
    return wrong("transfer ", step.transfer, ": found ", transfer.columns, " columns, k ", transfer.k,
                 transfer.routed ? ", routed" : ", not routed", ", expected k ", k,
                 " and the gate side of the program");
  const size_t moved = step.op == Op::kDispatch && transfer.routed ? 3 : 1;
  if (step.operands.size() != moved)
    return wrong("found ", step.operands.size(), " values, expected ", moved);
  const ValueDesc &value = config.program->values[step.operands[0]];
  const int64_t columns = transfer.columns * (step.op == Op::kCollect ? k : 1);
  const int64_t symbol = step.op == Op::kReceive ? abi::kStepRows : step.op == Op::kReturn ? abi::kPairs : abi::kRows;
  if (value.columns != columns || value.symbol != symbol || value.type != ElementType::kF32)
    return wrong("value ", value.name, ": found ", value.columns, " columns by symbol ", value.symbol, ", expected ",
                 columns, " by symbol ", symbol, " of type f32");
  return absl::OkStatus();
}

} // namespace

absl::Status Instance::State::CheckConfig() {
  const bool complete = config.model && config.program && config.code && config.kernels && config.topology &&
                        config.placement && (!attention() || config.sampler);
  if (!complete)
    return absl::InvalidArgumentError("instance: model, program, code, kernels, topology, placement and, of an "
                                      "attention instance, sampler are needed");
  const InstanceLimits &limits = config.limits;
  if (limits.rows < 1 || limits.step_rows < limits.rows ||
      (attention() && (limits.wanted < 1 || limits.sequences < 1 || limits.pages < 1)))
    return absl::InvalidArgumentError(absl::StrCat(
        "instance limits: found ", limits.rows, " rows, ", limits.step_rows, " step rows, ", limits.wanted, " wanted, ",
        limits.sequences, " sequences, ", limits.pages, " pages, expected 1 or more of each and step rows >= rows"));
  if (limits.step_rows > (int64_t{1} << 24))
    return absl::InvalidArgumentError(
        absl::StrCat("instance limits: found ", limits.step_rows, " step rows, expected at most 2^24"));
  if (id < 0 || id >= (attention() ? m : n))
    return absl::InvalidArgumentError(
        absl::StrCat("instance: found ", Name(), ", expected an id below ", attention() ? m : n));
  const PlacementShape &shape = config.placement->shape();
  bool fits =
      shape.instances == n && config.placement->layers() == static_cast<int64_t>(config.model->moe_layers.size());
  for (int64_t i = 0; fits && i < config.placement->layers(); ++i)
    fits = shape.experts[i] == config.model->moe_layers[i].experts;
  if (!fits)
    return absl::InvalidArgumentError(absl::StrCat("placement: found ", config.placement->layers(), " layers on ",
                                                   shape.instances, " instances, expected the experts of the model's ",
                                                   config.model->moe_layers.size(), " layers on ", n));
  return CheckCode(*config.code, *config.kernels);
}

absl::Status Instance::State::CheckProgram() {
  const RoleProgram &program = *config.program;
  for (size_t i = 0; i < config.model->transfers.size(); ++i) {
    const int64_t transfer = config.model->transfers[i].id;
    if (transfer < 0 || transfer > (1 << 20))
      return absl::FailedPreconditionError(absl::StrCat("transfer id ", transfer, ": expected 0 to 2^20"));
    if (transfer >= static_cast<int64_t>(transfer_of.size()))
      transfer_of.resize(transfer + 1, -1);
    transfer_of[transfer] = static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < program.steps.size(); ++i) {
    absl::Status status = CheckInstruction(program.steps[i], config, transfer_of, i);
    if (status.ok() && program.steps[i].op == Op::kSequences)
      status = CheckSequences(program.steps[i], i);
    if (!status.ok())
      return status;
  }
  if (!attention())
    return absl::OkStatus();
  struct Named {
    const char *name;
    const std::map<std::string, int64_t> &map;
    int64_t &value;
    ElementType type;
    int64_t symbol, columns;
  };
  for (const Named &named :
       {Named{"ids", program.inputs, ids_value, ElementType::kI32, abi::kRows, 1},
        Named{"positions", program.inputs, positions_value, ElementType::kI32, abi::kRows, 1},
        Named{"wanted", program.inputs, wanted_value, ElementType::kI32, abi::kWanted, 1},
        Named{"logits", program.outputs, logits_value, ElementType::kF32, abi::kWanted, config.model->vocab}}) {
    auto it = named.map.find(named.name);
    if (it == named.map.end())
      return Mismatch("attention program", absl::StrCat("no value named ", named.name), "one",
                      "compile the model again");
    const ValueDesc &value = program.values[it->second];
    if (value.type != named.type || value.symbol != named.symbol || value.columns != named.columns)
      return Mismatch(absl::StrCat("value ", named.name), absl::StrCat(value.columns, " columns"),
                      absl::StrCat(named.columns, " columns of the right type and rows"), "compile the model again");
    named.value = it->second;
  }
  return absl::OkStatus();
}

absl::Status Instance::State::DeclareSlots() {
  for (const Instruction &step : config.program->steps)
    for (const std::string &name : step.weights) {
      absl::StatusOr<int64_t> experts = config.weights->Experts(name);
      if (!experts.ok())
        return experts.status();
      if (*experts == 0)
        continue;
      if (attention() || step.layer < 0 || step.layer >= static_cast<int64_t>(config.model->moe_layers.size()) ||
          config.model->moe_layers[step.layer].experts != *experts)
        return Mismatch(absl::StrCat("weight ", name), absl::StrCat(*experts, " experts in layer ", step.layer),
                        "as many as the layer has, on an expert instance", "compile the model again");
      if (absl::Status status = store->Declare(step.layer, name, *experts); !status.ok())
        return status;
    }
  return absl::OkStatus();
}

absl::Status Instance::State::BindWeight(const std::string &name, int64_t layer, BoundCall &call) {
  absl::StatusOr<int64_t> experts = config.weights->Experts(name);
  if (!experts.ok())
    return experts.status();
  if (*experts > 0) {
    call.weights.push_back(store->Table(layer, name));
    return absl::OkStatus();
  }
  absl::StatusOr<WeightView> view = config.weights->Tensor(name);
  if (!view.ok())
    return view.status();
  call.weights.push_back(view->data);
  if (mapped.insert(name).second)
    memory.weights += view->bytes;
  return absl::OkStatus();
}

const abi::Fragment *Instance::State::FindFragment(const std::string &name) const {
  for (uint32_t i = 0; i < config.code->fragment_count; ++i)
    if (name == config.code->fragments[i].name)
      return &config.code->fragments[i];
  return nullptr;
}

absl::Status Instance::State::BindCall(const Instruction &step, BoundCall &call) {
  const FragmentDesc &wanted = config.program->fragments[step.fragment];
  call.fragment = FindFragment(wanted.name);
  if (!call.fragment || call.fragment->operands != wanted.operands || call.fragment->weights != wanted.weights)
    return Mismatch(absl::StrCat("fragment ", wanted.name), call.fragment ? "other operands or weights" : "none",
                    absl::StrCat(wanted.operands, " operands and ", wanted.weights, " weights"),
                    "code and manifest are not of one artifact");
  for (int64_t value : step.operands)
    call.operands.push_back(values[value].as());
  call.operands.resize(wanted.operands); // with the states of the sequence that it is called for
  for (const std::string &name : step.weights)
    if (absl::Status status = BindWeight(name, step.layer, call); !status.ok())
      return status;
  return absl::OkStatus();
}

/// Who relays for whom, and which replicas there are, without the lost.
void Instance::State::SetRoutes() {
  routes = executor::MakeRoutes(*config.topology, lost_attention, lost_experts);
  node_order.clear();
  for (int32_t group = 0; group < static_cast<int32_t>(routes.attention.size()); ++group)
    node_order.push_back(group);
  across_order = node_order;
  if (!attention() && !routes.expert.empty())
    std::stable_partition(across_order.begin(), across_order.end(),
                          [&](int32_t group) { return routes.designated(group) == routes.expert_group[id]; });
  group_rows.assign(routes.attention.size(), 0);
  live_experts.assign(n, 0);
  for (int32_t expert : routes.experts)
    live_experts[expert] = 1;
  scheduler.SetLive(*placement, live_experts);
}

absl::Status Instance::State::Prepare() {
  if (!config.topology || !config.placement)
    return absl::InvalidArgumentError("instance: topology and placement are needed");
  m = config.topology->attention();
  n = config.topology->experts();
  slots = config.placement->shape().slots;
  if (absl::Status status = CheckConfig(); !status.ok())
    return status;
  placement = *config.placement;
  scheduler.Bind(*placement);
  store.emplace(config.weights, slots, config.slots.own, config.slots.spare);
  SetRoutes();
  return CheckProgram();
}

absl::Status Instance::State::Bind() {
  if (!config.weights || !config.endpoint)
    return absl::InvalidArgumentError("instance: weights and endpoint are needed");
  if (absl::Status status = Prepare(); !status.ok())
    return status;
  const Address self = {attention() ? EndpointKind::kAttention : EndpointKind::kExpert, id};
  if (config.endpoint->self() != self)
    return absl::InvalidArgumentError(absl::StrCat(
        "instance: found the endpoint of ", Describe(config.endpoint->self()), ", expected that of ", Describe(self)));
  // Two phases of a step and the start of the next one, from every peer.
  mail.emplace(*config.endpoint, 64 + 8 * static_cast<size_t>(m + n), stats);
  Allocate();
  if (absl::Status status = DeclareSlots(); !status.ok())
    return status;
  if (absl::Status status = store->Fill([this](int64_t layer, int64_t slot) { return Hosted(layer, slot); });
      !status.ok())
    return status;
  calls.resize(config.program->steps.size());
  for (size_t i = 0; i < calls.size(); ++i)
    if (config.program->steps[i].fragment >= 0)
      if (absl::Status status = BindCall(config.program->steps[i], calls[i]); !status.ok())
        return status;
  host = {abi::kProgramAbiVersion, sizeof(abi::Host), config.kernels, RunParallel, FailCall, nullptr, nullptr};
  has_notice = config.says_hello;
  notice.kind = StepResult::Kind::kHello;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Instance>> Instance::Create(const InstanceConfig &config) {
  try {
    auto state = std::make_unique<State>(config);
    if (absl::Status status = state->Bind(); !status.ok())
      return absl::Status(status.code(), absl::StrCat(state->Name(), ": ", status.message()));
    return std::unique_ptr<Instance>(new Instance(std::move(state)));
  } catch (const std::bad_alloc &) {
    return absl::ResourceExhaustedError("instance: the system has not enough memory for its buffers and KV pages; "
                                        "give it fewer pages, sequences or rows per step, or a smaller --max-context");
  }
}

Instance::Instance(std::unique_ptr<State> state) : state(std::move(state)) {}
Instance::~Instance() = default;
bool Instance::Advance(WorkerPool &pool) { return state->Advance(pool); }
bool Instance::idle() const { return !state->root; }
bool Instance::stopped() const { return state->stopped; }
void Instance::Expire(int64_t waited_ms) { state->Expire(waited_ms); }
std::string Instance::Awaits() const { return state->Awaits(); }
const InstanceStats &Instance::stats() const { return state->stats; }
void Instance::ShareSchedules(executor::ScheduleMemo &memo) { state->scheduler.Share(memo); }

InstanceMemory Instance::memory() const {
  InstanceMemory memory = state->memory;
  memory.slots = state->store->bytes();
  return memory;
}

} // namespace janus
