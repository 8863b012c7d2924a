#include "test/unit/executor/Deployment.h"

#include "absl/strings/str_cat.h"
#include "kernels/Kernels.h"
#include "runtime/executor/Clock.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace janus::hand {
namespace {

/// A hang is a failure, not a wait.
constexpr int64_t kGiveUpNs = 60000000000;
constexpr int64_t kSequences = 4, kPages = 12;

int32_t Greedy(const float *logits, int64_t vocab, const SamplingParams &, int64_t) {
  return static_cast<int32_t>(std::max_element(logits, logits + vocab) - logits);
}

TransportOptions MailOptions(const Options &options, const ModelDesc &model) {
  TransportOptions mail;
  mail.attention = options.m;
  mail.experts = options.n;
  mail.attention_nodes = SpreadNodes(options.m, options.nodes, true);
  mail.expert_nodes = SpreadNodes(options.n, options.nodes, false);
  mail.max_message_bytes = MaxMessageBytes(model, TestLimits(), options.m); // above those of any order here
  return mail;
}

std::unique_ptr<Transport> MakeTransport(const Options &options, const TransportOptions &mail) {
  if (options.mail == Options::Mail::kStrict)
    return MakeStrictTransport(mail, options.seed);
  if (options.mail == Options::Mail::kShm)
    return *MakeShmTransport(mail);
  return MakeInprocTransport(mail);
}

std::unique_ptr<Placement> MakePlacement(const Options &options) {
  PlacementShape shape;
  shape.experts.assign(kLayers, kExperts);
  shape.instances = options.n;
  shape.slots = MinimumSlots(shape.experts, options.n);
  if (options.replicas && options.n > 1)
    shape.slots = std::min<int64_t>(kExperts, (kExperts * 3 / 2 + options.n - 1) / options.n);
  return std::make_unique<Placement>(options.replicas ? *Placement::Random(shape, options.seed)
                                                      : *Placement::Even(shape));
}

} // namespace

std::string Options::str() const {
  return absl::StrCat("m=", m, " n=", n, " nodes=", nodes, " scheme=", scheme,
                      side == GateSide::kExpert ? " egate" : " agate", replicas ? " replicas" : "", own ? " own" : "",
                      " threads=", threads, " mail=", static_cast<int>(mail), " seed=", seed, " chunk=", chunk);
}

std::vector<int> SpreadNodes(int count, int nodes, bool interleave) {
  std::vector<int> result;
  for (int i = 0; i < count; ++i)
    result.push_back(interleave ? i % nodes : i * nodes / count);
  return result;
}

InstanceLimits TestLimits() { return {64, 160, 64, kSequences, kPages}; }

std::vector<Sequence> TestSequences() {
  std::vector<Sequence> sequences;
  const int lengths[] = {5, 37, 1, 11, 20}, joins[] = {0, 0, 2, 3, 5};
  for (int s = 0; s < 5; ++s) {
    sequences.push_back({{}, 3 + s % 3, joins[s]});
    for (int i = 0; i < lengths[s]; ++i)
      sequences[s].prompt.push_back((7 * i + 13 * s + i * i) % kVocab);
  }
  return sequences;
}

Deployment::Deployment(const Options &options)
    : options(options), numbers(MakeNumbers(7)), weights(numbers), model(Model(options.side)),
      attention(Program(options.side, Role::kAttention)), expert(Program(options.side, Role::kExpert)),
      topology(
          *Topology::Make(SpreadNodes(options.m, options.nodes, true), SpreadNodes(options.n, options.nodes, false))),
      placement(MakePlacement(options)), transport(MakeTransport(options, MailOptions(options, model))),
      controller(*transport->Open({EndpointKind::kController, 0})), pool(options.threads),
      executor(pool, {options.deadline_ms}) {}

Deployment::~Deployment() = default;

InstanceConfig Deployment::Config(Address address) {
  InstanceConfig config;
  config.role = address.kind == EndpointKind::kAttention ? Role::kAttention : Role::kExpert;
  config.id = address.id;
  config.gate_side = options.side;
  config.model = &model;
  config.program = config.role == Role::kAttention ? &attention : &expert;
  config.code = code;
  config.kernels = *SelectKernels(options.kernels);
  config.weights = &weights;
  config.topology = &topology;
  config.placement = placement.get();
  config.limits = TestLimits();
  config.slots = {options.own, options.own ? placement->shape().slots : 0};
  config.sampler = sampler ? sampler : Greedy;
  config.recorder = recorder;
  return config;
}

absl::Status Deployment::Create(const std::function<bool(Address)> &here) {
  for (int i = 0; i < options.m + options.n; ++i) {
    const Address address =
        i < options.m ? Address{EndpointKind::kAttention, i} : Address{EndpointKind::kExpert, i - options.m};
    if (!here(address))
      continue;
    absl::StatusOr<std::unique_ptr<Endpoint>> endpoint = transport->Open(address);
    if (!endpoint.ok())
      return endpoint.status();
    endpoints.push_back(*std::move(endpoint));
    InstanceConfig config = Config(address);
    config.endpoint = endpoints.back().get();
    absl::StatusOr<std::unique_ptr<Instance>> instance = Instance::Create(config);
    if (!instance.ok())
      return instance.status();
    executor.Add(*std::move(instance));
  }
  return absl::OkStatus();
}

void Deployment::Send(Address to, const StepDescriptor &descriptor) {
  absl::StatusOr<SendBuffer> buffer = controller->Acquire(to, EncodedBytes(descriptor));
  for (; !buffer.ok(); buffer = controller->Acquire(to, EncodedBytes(descriptor)))
    Pump();
  EncodeTo(descriptor, buffer->bytes.data());
  MessageName name;
  name.epoch = descriptor.epoch;
  name.step = descriptor.step;
  name.attempt = descriptor.attempt;
  name.phase = Phase::kStep;
  name.part = descriptor.suspend ? kSuspendPart : 0;
  controller->Post(*buffer, name);
}

void Deployment::Pump() {
  if (!executor.Poll() && idle)
    idle();
}

void Deployment::Begin(StepDescriptor step, const std::vector<std::vector<StepSequence>> &sequences) {
  if (before_step)
    before_step();
  step.epoch = epoch;
  step.rows.assign(options.m, 0);
  for (int i = 0; i < options.m; ++i)
    for (const StepSequence &sequence : sequences[i])
      step.rows[i] += static_cast<int32_t>(sequence.tokens.size());
  rows_of_step[step.step].assign(step.rows.begin(), step.rows.end());
  for (int i = 0; i < options.m; ++i) {
    step.sequences = sequences[i];
    Send({EndpointKind::kAttention, i}, step);
  }
  step.sequences.clear();
  for (int i = 0; i < options.n; ++i)
    if (std::find(step.lost_experts.begin(), step.lost_experts.end(), i) == step.lost_experts.end())
      Send({EndpointKind::kExpert, i}, step);
}

void Deployment::Listen() {
  Incoming message;
  while (controller->Poll(message)) {
    if (message.name.phase == Phase::kResult) {
      absl::StatusOr<StepResult> result = DecodeStepResult(message.bytes);
      if (result.ok())
        results.emplace_back(message.name.source, *std::move(result));
    } else if (other_message) {
      other_message(message);
    }
    controller->Release(message);
  }
}

std::vector<std::pair<Address, StepResult>> Deployment::Await(uint64_t step, size_t count) {
  std::vector<std::pair<Address, StepResult>> found;
  const int64_t end = Nanoseconds() + kGiveUpNs;
  while (found.size() < count && Nanoseconds() < end) {
    Pump();
    Listen();
    for (auto &[from, result] : std::exchange(results, {})) {
      const bool known =
          std::any_of(found.begin(), found.end(), [&, from = from](const auto &other) { return other.first == from; });
      if (result.step == step && result.kind != StepResult::Kind::kPosition && !known)
        found.emplace_back(from, std::move(result));
    }
  }
  return found;
}

bool Deployment::Retry(StepDescriptor step, const std::vector<std::vector<StepSequence>> &sequences, uint16_t attempt,
                       const std::vector<int32_t> &lost_experts) {
  StepDescriptor suspend;
  suspend.step = step.step;
  suspend.attempt = attempt;
  suspend.suspend = true;
  std::set<Address> missing;
  for (int i = 0; i < options.m + options.n; ++i) {
    const Address address =
        i < options.m ? Address{EndpointKind::kAttention, i} : Address{EndpointKind::kExpert, i - options.m};
    if (i >= options.m && std::find(lost_experts.begin(), lost_experts.end(), address.id) != lost_experts.end())
      continue;
    missing.insert(address);
    Send(address, suspend);
  }
  step.attempt = attempt;
  step.lost_experts = lost_experts;
  step.from_layer.assign(options.m, kFinished);
  const int64_t end = Nanoseconds() + kGiveUpNs;
  while (!missing.empty() && Nanoseconds() < end) {
    Pump();
    Listen();
    for (const auto &[from, result] : results)
      if (result.kind == StepResult::Kind::kPosition && result.step == step.step && result.attempt == attempt) {
        missing.erase(from);
        if (from.kind == EndpointKind::kAttention)
          step.from_layer[from.id] = result.position;
      }
  }
  if (!missing.empty())
    return false;
  Begin(step, sequences);
  return true;
}

void Deployment::Shutdown() {
  StepDescriptor step;
  step.step = next_step++;
  step.shutdown = true;
  Begin(step, std::vector<std::vector<StepSequence>>(options.m));
}

absl::StatusOr<std::vector<Outcome>> Deployment::Play(const std::vector<Sequence> &sequences) {
  std::vector<Outcome> outcomes(sequences.size());
  std::vector<int> done(sequences.size());
  const int per_sequence = static_cast<int>(KvPages(model, kContext));
  auto finished = [&](size_t s) { return static_cast<int>(outcomes[s].tokens.size()) == sequences[s].new_tokens; };
  for (int now = 0;; ++now, ++next_step) {
    std::vector<std::vector<StepSequence>> rows(options.m);
    std::vector<std::vector<size_t>> who(options.m);
    size_t active = 0, left = 0;
    for (size_t s = 0; s < sequences.size(); ++s) {
      left += !finished(s);
      if (finished(s) || now < sequences[s].joins)
        continue;
      const int home = static_cast<int>(s) % options.m, prompt = static_cast<int>(sequences[s].prompt.size());
      StepSequence step;
      step.slot = static_cast<int32_t>(s) / options.m % kSequences;
      step.begin = done[s];
      step.opens = done[s] == 0;
      for (int p = 0; step.opens && p < per_sequence; ++p)
        step.pages.push_back(kPages - 1 - (step.slot * per_sequence + p));
      if (done[s] < prompt)
        for (int i = done[s]; i < std::min(prompt, done[s] + options.chunk); ++i)
          step.tokens.push_back(sequences[s].prompt[i]);
      else
        step.tokens.push_back(outcomes[s].tokens.back());
      done[s] += static_cast<int>(step.tokens.size());
      step.sample = done[s] >= prompt;
      step.logits = StepSequence::Logits::kAll;
      step.return_logits = true;
      step.token_index = static_cast<int64_t>(outcomes[s].tokens.size());
      active += rows[home].empty();
      rows[home].push_back(step);
      who[home].push_back(s);
    }
    if (left == 0)
      return outcomes;
    StepDescriptor step;
    step.step = next_step;
    step.scheme = options.scheme;
    Begin(step, rows);
    if (begun)
      begun(step, rows);
    const std::vector<std::pair<Address, StepResult>> results = Await(next_step, active);
    if (results.size() != active)
      return absl::DeadlineExceededError(
          absl::StrCat("step ", next_step, ": ", results.size(), " results of ", active));
    for (const auto &[from, result] : results) {
      if (result.error_code)
        return absl::Status(static_cast<absl::StatusCode>(result.error_code),
                            std::string(result.error.begin(), result.error.end()));
      for (size_t i = 0; i < result.sequences.size(); ++i) {
        Outcome &outcome = outcomes[who[from.id].at(i)];
        const StepResult::Sequence &part = result.sequences[i];
        outcome.logits.insert(outcome.logits.end(), part.logits.begin(), part.logits.end());
        if (part.token >= 0)
          outcome.tokens.push_back(part.token);
      }
    }
  }
}

bool Same(const std::vector<Outcome> &a, const std::vector<Outcome> &b) {
  bool same = a.size() == b.size();
  for (size_t s = 0; same && s < a.size(); ++s)
    same = a[s].tokens == b[s].tokens && a[s].logits.size() == b[s].logits.size() &&
           std::memcmp(a[s].logits.data(), b[s].logits.data(), a[s].logits.size() * sizeof(float)) == 0;
  return same;
}

} // namespace janus::hand
