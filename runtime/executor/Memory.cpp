// What an instance allocates: Sizes is the plan; Allocate follows it and counts
// what it really took.
#include "runtime/executor/State.h"

#include <algorithm>
#include <new>

namespace janus {

using executor::AssignmentBuilder;

int64_t Buffer::Rounded(int64_t bytes) {
  return (std::max<int64_t>(bytes, 1) + abi::kAlignment - 1) / abi::kAlignment * abi::kAlignment;
}

Buffer::Buffer(int64_t bytes, Touch touch) : size(Rounded(bytes)) {
  const int populate = touch == Touch::kNow ? MAP_POPULATE : MAP_NORESERVE;
  void *pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
  if (pages == MAP_FAILED)
    throw std::bad_alloc(); // Instance::Create turns it into ResourceExhausted
  data = {pages, Unmap{static_cast<size_t>(size)}};
}

int64_t KvPageBytes(const ModelDesc &model) {
  int64_t floats = 0;
  for (const KvCacheDesc &cache : model.kv_caches)
    floats += cache.kv_heads * (cache.head_dim + cache.value_dim);
  for (const HistoryDesc &history : model.histories)
    floats += history.columns;
  return floats * model.page_tokens * static_cast<int64_t>(sizeof(float));
}

int64_t KvPages(const ModelDesc &model, int64_t tokens) { return (tokens + model.page_tokens - 1) / model.page_tokens; }

namespace {

int64_t MaxK(const ModelDesc &model) {
  int64_t k = 1;
  for (const MoeLayerDesc &layer : model.moe_layers)
    k = std::max(k, layer.k);
  return k;
}

int64_t MaxColumns(const ModelDesc &model) {
  int64_t columns = 0;
  for (const TransferDesc &transfer : model.transfers)
    columns = std::max(columns, transfer.columns);
  return columns;
}

template <typename T> int64_t Fill(std::vector<T> &vector, int64_t count) {
  vector.assign(count, T());
  return static_cast<int64_t>(vector.capacity() * sizeof(T));
}

} // namespace

int64_t MaxMessageBytes(const ModelDesc &model, const InstanceLimits &limits, int64_t attention_instances) {
  const int64_t k = MaxK(model), columns = MaxColumns(model);
  const int64_t dispatch = limits.step_rows * (columns * 4 + k * static_cast<int64_t>(sizeof(executor::RoutedPair)));
  const int64_t results = limits.step_rows * k * executor::ReturnBytes(columns);
  constexpr int64_t kSequence = 64, kHeader = 16384; // of control messages; with an error text and who is lost
  const int64_t step = kHeader + attention_instances * 8 +
                       limits.sequences * (kSequence + KvPages(model, model.context) * 4) + limits.rows * 4;
  const int64_t logits = kHeader + limits.sequences * kSequence + limits.wanted * model.vocab * 4;
  return std::max({dispatch, results, step, logits, MaxActivityBytes(model, limits.step_rows)});
}

MemorySizes Instance::State::Sizes() const {
  const InstanceLimits &limits = config.limits;
  const int64_t k = MaxK(*config.model), columns = MaxColumns(*config.model);
  const int64_t rows = attention() ? limits.rows : limits.step_rows;
  const int64_t most[abi::kSymbolCount] = {rows, limits.step_rows, limits.step_rows * k,
                                           attention() ? limits.wanted : 0};
  MemorySizes sizes;
  for (const ValueDesc &value : config.program->values)
    sizes.values.push_back((value.symbol < 0 ? value.fixed_rows : most[value.symbol]) * value.columns * 4);
  for (const Instruction &step : config.program->steps)
    if (step.op == Instruction::Op::kCall)
      if (const abi::Fragment *fragment = FindFragment(config.program->fragments[step.fragment].name))
        sizes.workspace = std::max(sizes.workspace, fragment->workspace(most));
  PlanSequences(sizes);
  sizes.activity = config.report_activity ? ActivityRecorder::Bytes(*config.model, limits.step_rows) : 0;
  sizes.row_owner = limits.step_rows;
  sizes.seen = attention() ? limits.rows * k : 0;
  const bool routed = config.gate_side == GateSide::kAttention;
  sizes.choices = attention() == routed ? limits.step_rows * k : 0; // who schedules
  if (!attention())
    return sizes;
  const executor::NodeGroup &group = routes.attention[routes.attention_group[id]];
  const int64_t together =
      std::min<int64_t>(static_cast<int64_t>(group.members.size()) * limits.rows, limits.step_rows);
  sizes.all_ids = routed ? limits.step_rows * k : 0;
  sizes.pairs = routed ? limits.rows * k : 0;
  sizes.staging = !routed ? together * columns * 4 : 0; // also of those who lead when others are lost
  sizes.pages = limits.pages * KvPageBytes(*config.model);
  sizes.page_entries = limits.sequences * KvPages(*config.model, config.model->context);
  return sizes;
}

int64_t MemorySizes::buffers() const {
  int64_t bytes = Buffer::Rounded(workspace) + Buffer::Rounded(staging);
  bytes += states > 0 ? Buffer::Rounded(states) : 0;
  bytes += gathered > 0 ? Buffer::Rounded(gathered) : 0;
  for (int64_t value : values)
    bytes += Buffer::Rounded(value);
  return bytes + (row_owner + all_ids) * 4 + executor::Scheduler::Bytes(choices) + seen +
         pairs * static_cast<int64_t>(sizeof(executor::RoutedPair)) + activity;
}

absl::StatusOr<InstanceMemory> PlanMemory(const InstanceConfig &config) { return Instance::Plan(config); }

absl::StatusOr<InstanceMemory> Instance::Plan(const InstanceConfig &config) {
  State state(config);
  if (absl::Status status = state.Prepare(); !status.ok())
    return status;
  const MemorySizes sizes = state.Sizes();
  InstanceMemory memory;
  memory.buffers = sizes.buffers();
  if (config.role == Role::kExpert)
    memory.buffers += AssignmentBuilder::Bytes(config.limits.step_rows, MaxK(*config.model), state.slots);
  else
    memory.kv = Buffer::Rounded(sizes.pages) + sizes.page_entries * 4;
  if (!config.weights)
    return memory;
  if (absl::Status status = state.DeclareSlots(); !status.ok())
    return status;
  absl::StatusOr<int64_t> tensors = state.PlanTensors();
  absl::StatusOr<int64_t> slots =
      state.store->Plan([&](int64_t layer, int64_t slot) { return state.Hosted(layer, slot); });
  if (!tensors.ok() || !slots.ok())
    return tensors.ok() ? slots.status() : tensors.status();
  memory.weights = *tensors;
  memory.slots = *slots;
  return memory;
}

absl::StatusOr<int64_t> Instance::State::PlanTensors() const {
  std::set<std::string> counted;
  int64_t total = 0;
  for (const Instruction &step : config.program->steps)
    for (const std::string &name : step.weights) {
      absl::StatusOr<int64_t> experts = config.weights->Experts(name);
      if (!experts.ok())
        return experts.status();
      if (*experts > 0 || !counted.insert(name).second)
        continue;
      absl::StatusOr<int64_t> bytes = config.weights->Bytes(name, 0);
      if (!bytes.ok())
        return bytes.status();
      total += *bytes;
    }
  return total;
}

void Instance::State::Allocate() {
  const MemorySizes sizes = Sizes();
  const InstanceLimits &limits = config.limits;
  for (int64_t bytes : sizes.values) {
    values.emplace_back(bytes);
    memory.buffers += values.back().bytes();
  }
  // With histories it serves the longest sequence, and most are short.
  workspace = Buffer(sizes.workspace, sizes.gathered > 0 ? Buffer::Touch::kOnUse : Buffer::Touch::kNow);
  staging = Buffer(sizes.staging);
  memory.buffers += workspace.bytes() + staging.bytes();
  scheduler.Reserve(sizes.choices);
  memory.buffers += executor::Scheduler::Bytes(sizes.choices);
  memory.buffers += Fill(row_owner, sizes.row_owner) + Fill(all_ids, sizes.all_ids) + Fill(seen, sizes.seen) +
                    Fill(pairs, sizes.pairs);
  const int64_t k = MaxK(*config.model);
  if (!attention()) {
    assignment.emplace(limits.step_rows, k, slots);
    memory.buffers += AssignmentBuilder::Bytes(limits.step_rows, k, slots);
  } else {
    AllocateKv(sizes);
    AllocateSequences(sizes);
  }
  if (config.report_activity)
    activity = ActivityRecorder(*config.model, limits.step_rows);
  memory.buffers += activity.memory();
  rows.resize(m);
  row_begin.resize(m + 1);
  active.reserve(m);
  wanted_instances.resize(n);
  held.reserve(std::max(m, n));
  held_views.reserve(std::max(m, n));
  stats.layers.resize(config.model->moe_layers.size());
  for (const Instruction &step : config.program->steps)
    if (step.layer >= static_cast<int64_t>(stats.layers.size()))
      stats.layers.resize(step.layer + 1);
  for (LayerStats &layer : stats.layers)
    layer.a_max_schedules.resize(slots + 1);
  if (config.count_tokens)
    for (size_t i = 0; i < config.model->moe_layers.size(); ++i)
      stats.layers[i].tokens.resize(config.model->moe_layers[i].experts);
}

void Instance::State::AllocateKv(const MemorySizes &sizes) {
  const ModelDesc &model = *config.model;
  const InstanceLimits &limits = config.limits;
  pool_pages = Buffer(sizes.pages, Buffer::Touch::kOnUse); // most runs never fill it
  memory.kv = pool_pages.bytes() + Fill(page_entries, sizes.page_entries);
  pages_per_sequence = KvPages(model, model.context);
  for (int64_t slot = 0; slot < limits.sequences; ++slot)
    page_tables.push_back(page_entries.data() + slot * pages_per_sequence);
  page_counts.resize(limits.sequences);
  lengths.resize(limits.sequences);
  used_in.resize(limits.sequences);
  row_sequence.resize(limits.rows);
  const int64_t stride = KvPageBytes(model) / static_cast<int64_t>(sizeof(float));
  float *base = pool_pages.as<float>();
  for (const KvCacheDesc &cache : model.kv_caches) {
    views.push_back({base, stride, model.page_tokens, page_tables.data(), row_sequence.data()});
    base += cache.kv_heads * (cache.head_dim + cache.value_dim) * model.page_tokens;
  }
}

} // namespace janus
