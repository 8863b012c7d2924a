// A step of an instance: from its descriptor through the role program to the
// result.
#include "runtime/base/FloatEnvironment.h"
#include "runtime/executor/Await.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <utility>

namespace janus {

using executor::Controller;
using executor::Task;
using Op = Instruction::Op;

absl::Status Instance::State::OpenStep() {
  failed.store(false, std::memory_order_relaxed);
  layer = 0;
  if (static_cast<int64_t>(descriptor.rows.size()) != m)
    return absl::InvalidArgumentError(
        absl::StrCat("step descriptor: rows of ", descriptor.rows.size(), " attention instances, expected ", m));
  if (descriptor.scheme > 2)
    return absl::InvalidArgumentError(absl::StrCat("step descriptor: found transfer scheme ", descriptor.scheme,
                                                   ", expected 0 (direct), 1 (case1) or 2 (case2)"));
  OpenRoutes();
  if ((attention() ? routes.attention_group : routes.expert_group)[id] < 0)
    return absl::FailedPreconditionError(absl::StrCat("step descriptor: ", Name(), " is among the lost"));
  int64_t sum = 0;
  for (int32_t i = 0; i < m; ++i) {
    const int64_t count = descriptor.rows[i];
    if (count > config.limits.rows || sum + count > config.limits.step_rows ||
        (count > 0 && (routes.attention_group[i] < 0 || routes.experts.empty())))
      return absl::InvalidArgumentError(absl::StrCat(
          "step descriptor: found ", count, " rows of attention ", i, " after ", sum, ", expected at most ",
          config.limits.rows, " of one instance that is not lost and ", config.limits.step_rows, " together"));
    sum += count;
  }
  // An attempt that goes on finds its sequences open.
  catching_up = begun && attention() && descriptor.rows[id] > 0;
  const int32_t from = !attention() || descriptor.from_layer.empty() ? kNotBegun : descriptor.from_layer[id];
  if (attention() && descriptor.rows[id] > 0 && from != (catching_up ? position : kNotBegun))
    return absl::FailedPreconditionError(absl::StrCat("step descriptor: found layer ", from,
                                                      " to go on from, expected ", catching_up ? position : kNotBegun,
                                                      ", where ", Name(), " is in step ", descriptor.step));
  if (catching_up)
    return absl::OkStatus();
  my_rows = attention() ? descriptor.rows[id] : 0;
  absl::Status status = OpenSequences();
  begun = status.ok();
  position = 0;
  symbols[abi::kRows] = my_rows;
  symbols[abi::kPairs] = 0;
  symbols[abi::kWanted] = wanted_rows;
  return status;
}

/// Routes and schedules without those that are lost.
void Instance::State::OpenRoutes() {
  if (descriptor.lost_attention == lost_attention && descriptor.lost_experts == lost_experts)
    return;
  lost_attention = descriptor.lost_attention;
  lost_experts = descriptor.lost_experts;
  SetRoutes();
}

/// The rows of those attention instances that take part in a layer.
void Instance::State::OpenRows(int64_t of_layer) {
  rows_of = of_layer;
  step_rows = 0;
  active.clear();
  std::fill(group_rows.begin(), group_rows.end(), 0);
  for (int32_t i = 0; i < m; ++i) {
    const bool takes_part = descriptor.from_layer.empty() || descriptor.from_layer[i] <= of_layer;
    rows[i] = takes_part ? descriptor.rows[i] : 0;
    row_begin[i] = step_rows;
    std::fill_n(row_owner.begin() + step_rows, rows[i], i);
    step_rows += rows[i];
    if (rows[i] == 0)
      continue;
    group_rows[routes.attention_group[i]] += rows[i];
    active.push_back(i);
  }
  row_begin[m] = step_rows;
  symbols[abi::kStepRows] = step_rows;
  if (!attention())
    symbols[abi::kRows] = step_rows;
}

absl::Status Instance::State::OpenSequences() {
  int64_t row = 0;
  wanted_rows = 0;
  for (const StepSequence &sequence : descriptor.sequences)
    if (absl::Status status = OpenSequence(sequence, row); !status.ok())
      return status;
  if (row != my_rows)
    return absl::InvalidArgumentError(
        absl::StrCat("step descriptor: found ", row, " tokens, expected ", my_rows, ", the rows of ", Name()));
  return absl::OkStatus();
}

absl::Status Instance::State::OpenSequence(const StepSequence &sequence, int64_t &row) {
  const auto tokens = static_cast<int64_t>(sequence.tokens.size());
  const int64_t slot = sequence.slot, begin = sequence.begin;
  auto wrong = [&](const auto &...what) {
    return absl::InvalidArgumentError(absl::StrCat("step descriptor, sequence slot ", slot, ": ", what...));
  };
  if (!attention() || row + tokens > my_rows)
    return wrong("found more rows than the ", my_rows, " of ", Name());
  if (slot >= config.limits.sequences)
    return wrong("expected a slot below ", config.limits.sequences);
  if (used_in[slot] == descriptor.step + 1)
    return wrong("found twice in the step, expected once");
  used_in[slot] = descriptor.step + 1;
  int32_t *table = page_entries.data() + slot * pages_per_sequence;
  if (sequence.opens) {
    page_counts[slot] = 0;
    lengths[slot] = 0;
    if (static_cast<int64_t>(sequence.pages.size()) > pages_per_sequence)
      return wrong("found ", sequence.pages.size(), " pages, expected at most ", pages_per_sequence);
    for (int32_t page : sequence.pages)
      if (page < 0 || page >= config.limits.pages)
        return wrong("found page ", page, ", expected a page below ", config.limits.pages);
    std::copy(sequence.pages.begin(), sequence.pages.end(), table);
    page_counts[slot] = static_cast<int32_t>(sequence.pages.size());
  } else if (!sequence.pages.empty()) {
    return wrong("found pages for a sequence that is open, expected none");
  }
  const int64_t room = std::min<int64_t>(context(), page_counts[slot] * config.model->page_tokens);
  if (begin > lengths[slot] || begin + tokens > room)
    return wrong("found positions ", begin, " to ", begin + tokens - 1, ", expected to continue after ", lengths[slot],
                 " tokens and to end before ", room);
  lengths[slot] = static_cast<int32_t>(begin + tokens);
  if (absl::Status status = OpenStates(sequence); !status.ok())
    return status;
  for (int64_t i = 0; i < tokens; ++i) {
    if (sequence.tokens[i] < 0 || sequence.tokens[i] >= config.model->vocab)
      return wrong("found token id ", sequence.tokens[i], ", expected an id below ", config.model->vocab);
    const bool wanted = sequence.logits == StepSequence::Logits::kAll ||
                        (sequence.logits == StepSequence::Logits::kLast && i + 1 == tokens);
    if (wanted && wanted_rows == config.limits.wanted)
      return wrong("found more than ", config.limits.wanted, " rows whose logits are wanted");
    if (wanted)
      values[wanted_value].as<int32_t>()[wanted_rows++] = static_cast<int32_t>(row);
    values[ids_value].as<int32_t>()[row] = sequence.tokens[i];
    values[positions_value].as<int32_t>()[row] = static_cast<int32_t>(begin + i);
    row_sequence[row] = static_cast<int32_t>(slot);
    ++row;
  }
  return absl::OkStatus();
}

Task Instance::State::Step() {
  absl::Status status = std::exchange(error, absl::OkStatus());
  if (status.ok())
    status = SwitchTo(descriptor.epoch);
  if (status.ok())
    status = OpenStep();
  if (status.ok()) {
    Task play = Play();
    status = co_await play;
  }
  if (status.ok() && (!attention() || my_rows == 0)) {
    ++stats.steps;
    co_return status;
  }
  error = status;
  Task report = Report();
  status = co_await report;
  co_return status;
}

/// Whether an instruction has nothing to do in this attempt.
bool Instance::State::Skips(const Instruction &step) {
  if (step.fragment >= 0 && attention())
    return my_rows == 0 || catching_up;
  if (step.layer != rows_of && !descriptor.from_layer.empty())
    OpenRows(step.layer);
  if (!attention())
    return step_rows == 0;
  if (rows[id] > 0) {
    catching_up = false;
    position = static_cast<int32_t>(step.layer);
    return false;
  }
  if (!relays() || (step.op != Op::kDispatch && step.op != Op::kCollect))
    return true;
  stats.relayed_behind += catching_up;
  return false;
}

Task Instance::State::Play() {
  const bool finished = catching_up && position == kFinished;
  OpenRows(0);
  if (step_rows == 0 && descriptor.from_layer.empty())
    co_return absl::OkStatus();
  activity.Begin();
  for (at = 0; at < config.program->steps.size(); ++at) {
    const Instruction &step = config.program->steps[at];
    if (Skips(step))
      continue;
    layer = std::max<int64_t>(step.layer, 0);
    const int64_t begin = Nanoseconds();
    wait_ns = 0;
    absl::Status status;
    if (step.op == Op::kCall) {
      status = RunCall(step, calls[at]);
    } else if (step.op == Op::kSequences) {
      status = RunSequences(step, calls[at]);
    } else if (step.op == Op::kSchedule) {
      status = Schedule(step);
    } else {
      Task transfer = Transfer(step);
      status = co_await transfer;
    }
    Account(step, Nanoseconds() - begin);
    if (!status.ok())
      co_return status;
  }
  layer = 0;
  if (!activity.empty()) {
    Task report = ReportActivity();
    JANUS_CO_RETURN_IF_ERROR(co_await report);
  }
  if (my_rows > 0 && !finished) {
    const int64_t begin = Nanoseconds();
    JANUS_CO_RETURN_IF_ERROR(Sample());
    stats.outside.attention_ns += Nanoseconds() - begin;
    CloseStates();
    position = kFinished;
  }
  co_return absl::OkStatus();
}

Task Instance::State::Transfer(const Instruction &step) {
  switch (step.op) {
  case Op::kDispatch:
    return transfer(step).routed ? DispatchRouted(step) : DispatchWhole(step);
  case Op::kCollect:
    return Collect(step);
  case Op::kExchange:
    return Exchange(step);
  case Op::kReceive:
    return Receive(step);
  default:
    return Return(step);
  }
}

void Instance::State::Account(const Instruction &step, int64_t ns) {
  LayerStats &layer_stats = step.layer >= 0 ? stats.layers[step.layer] : stats.outside;
  if (step.fragment >= 0)
    (attention() ? layer_stats.attention_ns : layer_stats.expert_ns) += ns;
  else if (step.op == Op::kSchedule)
    layer_stats.schedule_ns += ns;
  else
    layer_stats.transfer_ns += ns - wait_ns;
  layer_stats.wait_ns += wait_ns;
}

absl::Status Instance::State::RunCall(const Instruction &step, const BoundCall &call) {
  const abi::Call arguments = {&host,
                               this,
                               symbols,
                               call.operands.data(),
                               call.weights.data(),
                               workspace.as(),
                               views.empty() ? nullptr : views.data() + step.cache,
                               attention() ? nullptr : &assignment->assignment()};
  ScopedFloatEnvironment environment;
  call.fragment->run(&arguments);
  if (failed.load(std::memory_order_acquire))
    return absl::Status(error.code(),
                        absl::StrCat("fragment ", call.fragment->name, ", layer ", step.layer, ": ", error.message()));
  return absl::OkStatus();
}

absl::Status Instance::State::Sample() {
  const int64_t vocab = config.model->vocab;
  const float *logits = values[logits_value].as<float>();
  result.step = descriptor.step;
  result.sequences.resize(descriptor.sequences.size());
  for (size_t i = 0; i < descriptor.sequences.size(); ++i) {
    const StepSequence &sequence = descriptor.sequences[i];
    StepResult::Sequence &out = result.sequences[i];
    const int64_t rows = sequence.logits == StepSequence::Logits::kAll
                             ? static_cast<int64_t>(sequence.tokens.size())
                             : static_cast<int64_t>(sequence.logits == StepSequence::Logits::kLast);
    out.slot = sequence.slot;
    out.token = -1;
    out.logits.clear();
    if (sequence.return_logits)
      out.logits.assign(logits, logits + rows * vocab);
    logits += rows * vocab;
    if (!sequence.sample)
      continue;
    out.token = config.sampler(logits - vocab, vocab, sequence.sampling, sequence.token_index);
    if (out.token < 0 || out.token >= vocab)
      return absl::InternalError(absl::StrCat("sequence slot ", sequence.slot, ": the sampler gave token ", out.token,
                                              ", expected an id below ", vocab));
  }
  return absl::OkStatus();
}

Task Instance::State::Report() {
  result.step = descriptor.step;
  result.attempt = descriptor.attempt;
  result.position = position;
  result.error_code = 0;
  result.error.clear();
  if (!error.ok()) {
    result.sequences.clear();
    result.SetError(Name(), error);
  }
  ++(error.ok() ? stats.steps : stats.failed_steps);
  char *room = co_await Room(Controller(), Phase::kResult, 0, EncodedBytes(result));
  JANUS_CO_RETURN_IF_ERROR(mail->status());
  EncodeTo(result, room);
  mail->Post();
  co_return absl::OkStatus();
}

} // namespace janus
