#include "runtime/engine/Deployment.h"

#include "kernels/Kernels.h"
#include "runtime/base/AvailableCores.h"
#include "runtime/executor/Orders.h"
#include "runtime/placement/TraceSteps.h"
#include "runtime/traffic/Schemes.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace janus {
namespace {

constexpr int kMaxInstances = 1024;
constexpr int64_t kPieceBytes = int64_t{1} << 18; // of an expert in one message

absl::Status Invalid(const std::string &what) { return absl::InvalidArgumentError(what); }

/// The number behind "name:", or an error.
absl::StatusOr<uint64_t> SeedOf(const std::string &text, size_t prefix, const char *option) {
  uint64_t seed;
  if (!absl::SimpleAtoi(text.substr(prefix), &seed))
    return Invalid(absl::StrCat(option, ": found '", text, "', expected a number after ':'"));
  return seed;
}

absl::StatusOr<Placement> MakePlacement(const PlacementShape &shape, const std::string &text) {
  if (text == "even")
    return Placement::Even(shape);
  if (absl::StartsWith(text, "random:")) {
    absl::StatusOr<uint64_t> seed = SeedOf(text, 7, "--placement");
    if (!seed.ok())
      return seed.status();
    return Placement::Random(shape, *seed);
  }
  if (std::error_code error; std::filesystem::is_directory(text, error)) {
    absl::StatusOr<std::vector<ActivationWindow>> windows = ReadRoutingTrace(text);
    if (!windows.ok())
      return windows.status();
    absl::StatusOr<Placement> placement = Placement::FromTrace(shape, *windows);
    if (!placement.ok())
      return absl::Status(placement.status().code(), absl::StrCat(text, ": ", placement.status().message()));
    return placement;
  }
  std::ifstream file(text);
  std::stringstream content;
  content << file.rdbuf();
  if (!file)
    return absl::NotFoundError(absl::StrCat("--placement: cannot read '", text,
                                            "'; expected even, random:SEED, a placement file or a routing trace"));
  absl::StatusOr<Placement> placement = Placement::FromJson(shape, content.str());
  if (!placement.ok())
    return absl::Status(placement.status().code(), absl::StrCat(text, ": ", placement.status().message()));
  return placement;
}

/// The layer that most of the traffic is predicted for.
TransferDesc TypicalTransfer(const ModelDesc &model) {
  return model.transfers.empty() ? TransferDesc{} : model.transfers.front();
}

} // namespace

absl::Status Deployment::Resolve(const LoadedModel &model) {
  RuntimeOptions &o = options_;
  auto range = [](const char *name, int64_t value, int64_t low, int64_t high) {
    return value >= low && value <= high
               ? absl::OkStatus()
               : Invalid(absl::StrCat(name, ": found ", value, ", expected ", low, " to ", high));
  };
  for (const absl::Status &status :
       {range("--attention", o.attention, 1, kMaxInstances), range("--experts", o.experts, 1, kMaxInstances),
        range("--threads", o.threads, 0, 1024), range("--step-rows", o.step_rows, 1, 1 << 16),
        range("--chunk", o.chunk, 0, 1 << 16), range("--max-batch", o.max_batch, 1, 1 << 16),
        range("max_queue", o.max_queue, 1, int64_t{1} << 32), range("--slots", o.slots, 0, 1 << 16),
        range("--kv-memory", o.kv_memory, 0, int64_t{1} << 50),
        range("--failure-deadline", o.failure_deadline_ms, 0, int64_t{1} << 40),
        range("--max-context", o.max_context, 0, desc_.context)})
    if (!status.ok())
      return status;
  if (!(o.stall_timeout_s >= 0 && o.stall_timeout_s < 1e9))
    return Invalid(absl::StrCat("--stall-timeout: found ", o.stall_timeout_s, ", expected 0 to 1e9 seconds"));
  for (const std::string &text : o.fail) {
    absl::StatusOr<Fault> fault = ParseFault(text);
    if (!fault.ok())
      return fault.status();
    faults_.faults.push_back(*fault);
  }
  for (const std::string &text : o.restore) {
    absl::StatusOr<Restoration> restoration = ParseRestoration(text);
    if (!restoration.ok())
      return restoration.status();
    faults_.restorations.push_back(*restoration);
  }
  if (absl::Status status = CheckFaults(faults_, o.attention, o.experts, desc_.moe_layers.size()); !status.ok())
    return status;
  if (o.max_context == 0)
    o.max_context = desc_.context;
  if (const int64_t piece = std::min(PieceRows(desc_), o.max_context); o.step_rows < piece)
    return Invalid(absl::StrCat("--step-rows: found ", o.step_rows, ", expected at least ", piece,
                                ": layers of this model keep states, and its prompts are computed in pieces of ", piece,
                                " rows"));
  if (o.chunk == 0 || o.chunk > o.step_rows)
    o.chunk = o.step_rows;
  if (o.threads == 0)
    o.threads = AvailableCores();

  absl::StatusOr<Topology> topology = o.nodes.empty() ? absl::StatusOr<Topology>(Topology(o.attention, o.experts))
                                                      : Topology::Parse(o.nodes, o.attention, o.experts);
  if (!topology.ok())
    return topology.status();
  topology_ = *topology;

  PlacementShape shape;
  for (const MoeLayerDesc &layer : desc_.moe_layers)
    shape.experts.push_back(layer.experts);
  shape.instances = o.experts;
  shape.slots = o.slots ? o.slots : MinimumSlots(shape.experts, o.experts);
  absl::StatusOr<Placement> placement = MakePlacement(shape, o.placement);
  if (!placement.ok())
    return placement.status();
  placement_ = *std::move(placement);
  absl::StatusOr<RebalanceOptions> rebalance = ParseRebalance(o.rebalance);
  if (!rebalance.ok())
    return Invalid(absl::StrCat("--rebalance: ", rebalance.status().message()));
  rebalance_ = *rebalance;

  if (o.gate_side != "auto" && o.gate_side != "expert" && o.gate_side != "attention")
    return Invalid(absl::StrCat("--gate-side: found '", o.gate_side, "', expected auto, expert or attention"));
  gate_ = o.gate_side == "attention" || (o.gate_side == "auto" && !model.programs.contains(GateSide::kExpert))
              ? GateSide::kAttention
              : GateSide::kExpert;
  if (!model.programs.contains(gate_))
    return Invalid(absl::StrCat("--gate-side: the artifact has no programs for the ", o.gate_side,
                                " side; compile with --gate-side=", o.gate_side, " or auto"));

  if (o.scheme != "auto") {
    forced_scheme_ = traffic::SchemeIndex(o.scheme);
    if (forced_scheme_ < 0)
      return Invalid(absl::StrCat("--scheme: found '", o.scheme, "', expected auto, direct, case1 or case2"));
    return absl::OkStatus();
  }
  ChooseSchemes(*topology_);
  return absl::OkStatus();
}

void Deployment::ChooseSchemes(const Topology &topology) {
  const TransferDesc transfer = TypicalTransfer(desc_);
  scheme_by_bucket_.clear();
  for (int bucket = 0; bucket <= 16; ++bucket) { // rows spread evenly over the attention instances
    std::vector<int64_t> rows(topology.attention());
    for (int64_t r = 0; r < std::min<int64_t>(int64_t{1} << bucket, options_.step_rows); ++r)
      ++rows[r % topology.attention()];
    scheme_by_bucket_.push_back(
        traffic::ChooseScheme(topology, rows, transfer.columns, transfer.k, gate_ == GateSide::kAttention, {}));
  }
}

int Deployment::ChooseScheme(const std::vector<int64_t> &rows) {
  if (forced_scheme_ >= 0)
    return forced_scheme_;
  uint64_t total = 0;
  for (int64_t r : rows)
    total += r;
  return scheme_by_bucket_[std::min<size_t>(std::bit_width(total > 0 ? total - 1 : 0), scheme_by_bucket_.size() - 1)];
}

InstanceConfig Deployment::Configure(const LoadedModel &model, Role role, int id) {
  const bool attention = role == Role::kAttention;
  const LoadedModel::Programs &programs = model.programs.at(gate_);
  InstanceConfig config;
  config.role = role;
  config.id = id;
  config.gate_side = gate_;
  config.model = &desc_;
  config.program = attention ? programs.attention : programs.expert;
  config.code = attention ? model.attention : model.expert;
  config.kernels = kernels_;
  config.weights = model.weights;
  config.topology = &*topology_;
  config.placement = &*placement_;
  config.limits = limits_;
  if (rebalances()) { // there are spare blocks for any change of one layer
    config.slots = {true, placement_->shape().slots};
    config.report_activity = true;
  }
  config.sampler = [this](const float *logits, int64_t vocab, const SamplingParams &params, int64_t index) {
    return sampler_(logits, vocab, params, index);
  };
  return config;
}

absl::Status Deployment::AddInstance(const LoadedModel &model, Role role, int id) {
  absl::StatusOr<InstanceMemory> plan = PlanMemory(Configure(model, role, id));
  if (!plan.ok())
    return plan.status();
  planned_.push_back(*plan);
  endpoints_.emplace_back();
  absl::StatusOr<std::unique_ptr<Instance>> instance = MakeInstance(model, role, id, false);
  if (!instance.ok())
    return instance.status();
  executor_->Add(*std::move(instance));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Instance>> Deployment::MakeInstance(const LoadedModel &model, Role role, int id,
                                                                   bool says_hello) {
  const bool attention = role == Role::kAttention;
  InstanceConfig config = Configure(model, role, id);
  config.says_hello = says_hello;
  if (routing_ || options_.explain_step)
    config.recorder = [this](const LayerRouting &routing) {
      if (routing_)
        routing_->Layer(routing);
      if (static_cast<int64_t>(routing.step) == options_.explain_step)
        Explain(routing);
    };
  absl::StatusOr<std::unique_ptr<Endpoint>> endpoint =
      transport_->Open({attention ? EndpointKind::kAttention : EndpointKind::kExpert, id});
  if (!endpoint.ok())
    return endpoint.status();
  config.endpoint = endpoint->get();
  endpoints_[attention ? id : options_.attention + id] = *std::move(endpoint);
  absl::StatusOr<std::unique_ptr<Instance>> instance = Instance::Create(config);
  if (!instance.ok())
    return absl::Status(instance.status().code(),
                        absl::StrCat(attention ? "attention " : "expert ", id, ": ", instance.status().message()));
  return instance;
}

absl::Status Deployment::Restore(Address address) {
  const bool attention = address.kind == EndpointKind::kAttention;
  const size_t index = attention ? address.id : options_.attention + address.id;
  executor_->Remove(index);
  endpoints_[index].reset(); // after the instance, which holds messages of it
  absl::StatusOr<std::unique_ptr<Instance>> instance =
      MakeInstance(model_, attention ? Role::kAttention : Role::kExpert, address.id, true);
  if (!instance.ok())
    return absl::Status(instance.status().code(),
                        absl::StrCat("restoring ", Describe(address), ": ", instance.status().message()));
  executor_->Replace(index, *std::move(instance));
  return engine_->controller().AwaitHello(address)
             ? absl::OkStatus()
             : absl::DeadlineExceededError(absl::StrCat("restoring ", Describe(address), ": it does not say hello"));
}

absl::Status Deployment::Adapt(const Members &members) {
  std::vector<int> attention_nodes, expert_nodes;
  for (int i = 0; i < options_.attention; ++i)
    if (members.live({EndpointKind::kAttention, i}))
      attention_nodes.push_back(topology_->attention_node(i));
  for (int i = 0; i < options_.experts; ++i)
    if (members.live({EndpointKind::kExpert, i}))
      expert_nodes.push_back(topology_->expert_node(i));
  absl::StatusOr<Topology> topology = Topology::Make(attention_nodes, expert_nodes);
  if (topology.ok() && forced_scheme_ < 0)
    ChooseSchemes(*topology);
  absl::StatusOr<RepairResult> repaired = RepairPlacement(engine_->controller(), *placement_, ++last_epoch_, repair_);
  if (!repaired.ok())
    return repaired.status();
  placement_ = std::move(repaired->placement);
  experts_loaded_ += repaired->moves;
  if (manager_)
    manager_->Replaced();
  return repaired->complete ? absl::OkStatus() : absl::AbortedError("there are more experts to load");
}

absl::Status Deployment::OpenTransport() {
  if (options_.transport == "inproc") {
    transport_ = MakeInprocTransport(transport_options_);
  } else if (absl::StartsWith(options_.transport, "strict:")) {
    absl::StatusOr<uint64_t> seed = SeedOf(options_.transport, 7, "--transport");
    if (!seed.ok())
      return seed.status();
    transport_ = MakeStrictTransport(transport_options_, *seed);
  } else {
    return Invalid(absl::StrCat("--transport: found '", options_.transport, "', expected inproc or strict:SEED"));
  }
  if (faults_.empty())
    return absl::OkStatus();
  std::unique_ptr<FailingTransport> failing = MakeFailingTransport(std::move(transport_), faults_);
  failing_ = failing.get();
  transport_ = std::move(failing);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> Deployment::ExpertBytes(const LoadedModel &model) const {
  std::vector<int64_t> bytes(desc_.moe_layers.size());
  for (const Instruction &step : model.programs.at(gate_).expert->steps)
    for (const std::string &name : step.weights) {
      absl::StatusOr<int64_t> experts = model.weights->Experts(name);
      if (!experts.ok())
        return experts.status();
      if (*experts == 0 || step.layer < 0 || step.layer >= static_cast<int64_t>(bytes.size()))
        continue;
      absl::StatusOr<int64_t> each = model.weights->Bytes(name, 0);
      if (!each.ok())
        return each.status();
      bytes[step.layer] += *each;
    }
  return bytes;
}

absl::StatusOr<int64_t> Deployment::MemoryLeft(const LoadedModel &model) {
  const int64_t available = AvailableMemory();
  int64_t left = available;
  for (int i = 0; i < options_.attention + options_.experts; ++i) {
    const bool attention = i < options_.attention;
    absl::StatusOr<InstanceMemory> plan = PlanMemory(
        Configure(model, attention ? Role::kAttention : Role::kExpert, attention ? i : i - options_.attention));
    if (!plan.ok())
      return plan.status();
    left -= plan->total() - plan->kv;
  }
  // An eighth stays for the transport and for others. Weights that do not fit are read again and again, slowly.
  return std::max(left - left / 8, available / 16);
}

absl::Status Deployment::SetLimits(const LoadedModel &model) {
  limits_.rows = limits_.step_rows = options_.step_rows;
  limits_.wanted = options_.scoring ? options_.step_rows : std::min(options_.max_batch, options_.step_rows);
  limits_.sequences = options_.max_batch;
  limits_.context = options_.max_context;
  limits_.pages = 1;
  const int64_t page_bytes = KvPageBytes(desc_), full = KvPages(desc_, options_.max_context) * options_.max_batch;
  absl::StatusOr<int64_t> budget = options_.kv_memory ? options_.kv_memory : MemoryLeft(model);
  if (!budget.ok())
    return budget.status();
  if (const int64_t available = AvailableMemory(); options_.kv_memory > available)
    return absl::ResourceExhaustedError(absl::StrCat("--kv-memory: found ", options_.kv_memory,
                                                     " bytes, expected at most the ", available,
                                                     " that this system has left"));
  const int64_t pages = page_bytes > 0 ? *budget / page_bytes / options_.attention : full;
  limits_.pages = std::min(pages, (full + options_.attention - 1) / options_.attention);
  if (limits_.pages < 1)
    return absl::ResourceExhaustedError(absl::StrCat("--kv-memory: ", *budget, " bytes over ", options_.attention,
                                                     " attention instances hold no page of ", page_bytes,
                                                     " bytes; expected at least ", page_bytes * options_.attention));
  return absl::OkStatus();
}

absl::Status Deployment::Bind(const LoadedModel &model) {
  absl::StatusOr<const abi::KernelTable *> kernels = SelectKernels(options_.kernels);
  if (!kernels.ok())
    return kernels.status();
  kernels_ = *kernels;
  if (absl::Status status = SetLimits(model); !status.ok())
    return status;

  transport_options_.attention = options_.attention;
  transport_options_.experts = options_.experts;
  transport_options_.attention_nodes = topology_->attention_nodes();
  transport_options_.expert_nodes = topology_->expert_nodes();
  transport_options_.max_message_bytes =
      std::max(MaxMessageBytes(desc_, limits_, options_.attention), MaxOrderBytes(placement_->shape(), kPieceBytes));
  absl::StatusOr<std::vector<int64_t>> bytes = ExpertBytes(model);
  if (!bytes.ok())
    return bytes.status();
  repair_ = {*std::move(bytes), rebalances() ? placement_->shape().slots : 0, kPieceBytes,
             options_.failure_deadline_ms};
  if (absl::Status status = OpenTransport(); !status.ok())
    return status;
  if (!options_.record_routing.empty()) {
    absl::StatusOr<std::unique_ptr<RoutingFile>> file = RoutingFile::Create(options_.record_routing, desc_);
    if (!file.ok())
      return file.status();
    routing_ = *std::move(file);
  }

  pool_ = std::make_unique<WorkerPool>(options_.threads);
  executor_ = std::make_unique<Executor>(*pool_, ExecutorOptions{options_.step_deadline_ms});
  for (int i = 0; i < options_.attention; ++i)
    if (absl::Status status = AddInstance(model, Role::kAttention, i); !status.ok())
      return status;
  for (int i = 0; i < options_.experts; ++i)
    if (absl::Status status = AddInstance(model, Role::kExpert, i); !status.ok())
      return status;
  absl::StatusOr<std::unique_ptr<Endpoint>> control = transport_->Open({});
  if (!control.ok())
    return control.status();
  ControllerOptions deadlines;
  deadlines.attention = options_.attention;
  deadlines.experts = options_.experts;
  deadlines.failure_deadline_ms = options_.failure_deadline_ms;
  deadlines.step_deadline_ms = options_.step_deadline_ms;
  Controller controller(
      *std::move(control), deadlines, [this] { return executor_->Poll(); },
      [this](const Members &members) { return Adapt(members); });
  engine_ = std::make_unique<Engine>(desc_, options_, limits_.pages, std::move(controller),
                                     [this](const std::vector<int64_t> &rows) { return ChooseScheme(rows); });
  if (rebalances())
    AddManager();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Create(const LoadedModel &model, RuntimeOptions options,
                                                               std::shared_ptr<void> keep) {
  std::unique_ptr<Deployment> deployment(new Deployment);
  deployment->keep_ = std::move(keep);
  deployment->options_ = std::move(options);
  deployment->model_ = model;
  deployment->desc_ = *model.desc;
  deployment->info_ = {false, model.desc->vocab, model.desc->context, model.desc->tokenizer};
  if (absl::Status status = deployment->Resolve(model); !status.ok())
    return status;
  if (absl::Status status = deployment->Bind(model); !status.ok())
    return status;
  return deployment;
}

Deployment::~Deployment() {
  if (engine_)
    engine_->controller().Shutdown();
}

void Deployment::AddManager() {
  PlacementManager::Setup setup;
  setup.options = rebalance_;
  setup.model = &desc_;
  setup.expert_bytes = repair_.expert_bytes;
  setup.spare = placement_->shape().slots;
  setup.piece = kPieceBytes;
  manager_ = std::make_unique<PlacementManager>(std::move(setup), *placement_, last_epoch_, engine_->controller());
}

absl::Status Deployment::Close() {
  if (manager_)
    manager_->Settle();
  return routing_ ? routing_->Close() : absl::OkStatus();
}

absl::StatusOr<bool> Deployment::Step() {
  if (failing_)
    for (Address address : failing_->TakeRestorable())
      if (absl::Status status = Restore(address); !status.ok())
        return status;
  if (manager_ && engine_->controller().capacity().ok())
    manager_->BeforeStep();
  absl::StatusOr<bool> ran = engine_->Step();
  if (routing_ && ran.ok() && *ran)
    routing_->Step(engine_->controller().steps(), engine_->last_origins(), engine_->last_rows(),
                   SchemeName(engine_->last_scheme()));
  return ran;
}

} // namespace janus
