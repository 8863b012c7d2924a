// Calls for each sequence, over its rows: what layers remember of a sequence
// from step to step (docs/recovery-regions.md).
//
// A call is given at most the rows of one KV page, so that what a function adds
// up over them does not depend on how many rows a step has.
//
// States lie twice for each slot. A step reads the copy that stands behind its
// first row and writes the other, so that a step that was given up and comes
// again finds what it began with; between the pages of one step they lie in two
// copies that all slots share. Histories are rows in the sequence's KV pages;
// written again, they are the same.
#include "runtime/base/FloatEnvironment.h"
#include "runtime/executor/State.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstring>

namespace janus {

using Op = Instruction::Op;

namespace {

constexpr int64_t kElement = 4;                           // bytes of f32 and i32
constexpr int64_t kMostStateElements = int64_t{1} << 31;  // of all states together
constexpr int64_t kMostHistoryContext = int64_t{1} << 20; // keeps products of three such extents inside 64 bits

} // namespace

absl::Status Instance::State::CheckSequences(const Instruction &step, size_t index) const {
  auto wrong = [&](const auto &...what) {
    return absl::FailedPreconditionError(absl::StrCat("program step ", index, ": ", what...,
                                                      "; the artifact does not fit this runtime, compile it again"));
  };
  const ModelDesc &model = *config.model;
  if (!attention())
    return wrong("found an instruction of the other role");
  int64_t elements = 0;
  for (const StateDesc &state : model.states)
    elements += std::min(state.elements, kMostStateElements + 1);
  if (elements > kMostStateElements)
    return wrong("found states of ", elements, " numbers, expected at most ", kMostStateElements);
  if (step.state + step.states > static_cast<int64_t>(model.states.size()))
    return wrong("found states ", step.state, " to ", step.state + step.states - 1, ", expected some of ",
                 model.states.size());
  if (step.history >= 0 && step.history + step.inputs() > static_cast<int64_t>(model.histories.size()))
    return wrong("found histories ", step.history, " to ", step.history + step.inputs() - 1, ", expected some of ",
                 model.histories.size());
  if (step.history >= 0 && context() > kMostHistoryContext)
    return absl::FailedPreconditionError(
        absl::StrCat("program step ", index, " is given all rows of a sequence: found ", "a context of ", context(),
                     ", expected at most ", kMostHistoryContext, "; set --max-context"));
  for (size_t i = 0; i < step.operands.size(); ++i) {
    const ValueDesc &value = config.program->values[step.operands[i]];
    const bool input = static_cast<int64_t>(i) < step.inputs();
    if (value.symbol != abi::kRows || (!input && value.type != ElementType::kF32))
      return wrong("value ", value.name, ": expected rows of the instance", input ? "" : ", of f32");
    if (!input || step.history < 0)
      continue;
    const HistoryDesc &history = model.histories[step.history + i];
    if (history.columns != value.columns || history.type != value.type)
      return wrong("value ", value.name, ": found ", value.columns, " columns, expected ", history.columns,
                   " as history ", step.history + i, " and its type");
  }
  return absl::OkStatus();
}

/// Bytes of the first `count` operands of a call that is given `rows` rows, one after the other.
int64_t Instance::State::HistoryBytes(const Instruction &step, int64_t count, int64_t rows) const {
  int64_t bytes = 0;
  for (int64_t i = 0; i < count; ++i)
    bytes += Buffer::Rounded(rows * config.program->values[step.operands[i]].columns * kElement);
  return bytes;
}

void Instance::State::PlanSequences(MemorySizes &sizes) const {
  const int64_t longest = std::min(context(), config.limits.pages * config.model->page_tokens);
  for (const Instruction &step : config.program->steps) {
    if (step.op != Op::kSequences)
      continue;
    const bool history = step.history >= 0;
    const int64_t page = std::min(config.limits.rows, config.model->page_tokens);
    const int64_t rows[] = {history ? longest : step.states > 0 ? page : config.limits.rows};
    if (const abi::Fragment *fragment = FindFragment(config.program->fragments[step.fragment].name))
      sizes.workspace = std::max(sizes.workspace, fragment->workspace(rows));
    if (history)
      sizes.gathered = std::max(sizes.gathered, HistoryBytes(step, step.operands.size(), longest));
  }
  int64_t copy = 0;
  for (const StateDesc &state : config.model->states)
    copy += Buffer::Rounded(state.elements * kElement);
  sizes.states = attention() && copy > 0 ? (2 * config.limits.sequences + 3) * copy : 0;
}

void Instance::State::AllocateSequences(const MemorySizes &sizes) {
  const ModelDesc &model = *config.model;
  for (const StateDesc &state : model.states) {
    state_offsets.push_back(state_bytes);
    state_bytes += Buffer::Rounded(state.elements * kElement);
  }
  if (sizes.states > 0) {
    states = Buffer(sizes.states);
    memory.buffers += states.bytes();
    copies.resize(config.limits.sequences);
  }
  if (sizes.gathered > 0) {
    gathered = Buffer(sizes.gathered, Buffer::Touch::kOnUse);
    memory.buffers += gathered.bytes();
  }
  int64_t offset = KvPageBytes(model);
  history_offsets.resize(model.histories.size());
  for (size_t i = model.histories.size(); i-- > 0;)
    history_offsets[i] = offset -= model.histories[i].columns * model.page_tokens * kElement;
}

absl::Status Instance::State::OpenStates(const StepSequence &sequence) {
  if (config.model->states.empty())
    return absl::OkStatus();
  const int64_t slot = sequence.slot, zeros = 2 * config.limits.sequences;
  StateCopies &copy = copies[slot];
  if (sequence.opens)
    copy.rows[0] = copy.rows[1] = -1;
  int64_t written = 0;
  if (sequence.begin == 0) {
    copy.past = zeros;
  } else if (copy.rows[0] == sequence.begin || copy.rows[1] == sequence.begin) {
    written = copy.rows[0] == sequence.begin;
    copy.past = 2 * slot + 1 - written;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("step descriptor, sequence slot ", slot, ": found rows from position ", sequence.begin,
                     ", expected to continue where its states stand, behind ", std::max<int64_t>(copy.rows[0], 0),
                     " or ", std::max<int64_t>(copy.rows[1], 0), " rows"));
  }
  copy.present = 2 * slot + written;
  copy.rows[written] = -1; // until the step is done
  return absl::OkStatus();
}

void Instance::State::CloseStates() {
  if (config.model->states.empty())
    return;
  for (const StepSequence &sequence : descriptor.sequences)
    copies[sequence.slot].rows[copies[sequence.slot].present - 2 * sequence.slot] =
        sequence.begin + static_cast<int64_t>(sequence.tokens.size());
}

/// Rows [begin, end) of one operand go into the sequence's page.
void Instance::State::AppendHistory(int64_t slot, int64_t history, const char *rows, int64_t begin, int64_t end) {
  const int64_t width = config.model->histories[history].columns * kElement, page_tokens = config.model->page_tokens;
  char *page = pool_pages.as() + page_tables[slot][begin / page_tokens] * KvPageBytes(*config.model);
  std::memcpy(page + history_offsets[history] + begin % page_tokens * width, rows, (end - begin) * width);
}

/// Rows [0, end).
void Instance::State::GatherHistory(int64_t slot, int64_t history, char *rows, int64_t end) const {
  const int64_t width = config.model->histories[history].columns * kElement, page_tokens = config.model->page_tokens;
  for (int64_t at = 0; at < end; at += page_tokens) {
    const char *page = pool_pages.as() + page_tables[slot][at / page_tokens] * KvPageBytes(*config.model);
    const int64_t bytes = std::min(page_tokens, end - at) * width;
    std::memcpy(rows, page + history_offsets[history], bytes);
    rows += bytes;
  }
}

absl::Status Instance::State::RunSequences(const Instruction &step, BoundCall &call) {
  if (step.states == 0 && step.history < 0) // of each row by itself
    return RunRows(step, call, {0, 0, my_rows, 0}, 0, 0);
  const int64_t zeros = 2 * config.limits.sequences, page_tokens = config.model->page_tokens;
  int64_t row = 0;
  for (const StepSequence &sequence : descriptor.sequences) {
    const int64_t end = sequence.begin + static_cast<int64_t>(sequence.tokens.size());
    int64_t past = step.states > 0 ? copies[sequence.slot].past : 0, between = zeros + 1;
    for (int64_t at = sequence.begin; at < end;) {
      const int64_t stop = std::min(end, (at / page_tokens + 1) * page_tokens);
      const int64_t present = step.states == 0 ? 0 : stop == end ? copies[sequence.slot].present : between;
      if (absl::Status status = RunRows(step, call, {sequence.slot, at, stop, row}, past, present); !status.ok())
        return status;
      past = present;
      between = between == zeros + 1 ? zeros + 2 : zeros + 1;
      row += stop - at;
      at = stop;
    }
  }
  return absl::OkStatus();
}

/// One call. `past`, `present`: copies of the states.
absl::Status Instance::State::RunRows(const Instruction &step, BoundCall &call, const SequenceRows &rows, int64_t past,
                                      int64_t present) {
  const bool history = step.history >= 0;
  const int64_t inputs = step.inputs(), operands = static_cast<int64_t>(step.operands.size());
  const int64_t given[] = {history ? rows.end : rows.end - rows.begin};
  auto width = [&](int64_t i) { return config.program->values[step.operands[i]].columns * kElement; };
  auto value = [&](int64_t i) { return values[step.operands[i]].as() + rows.row * width(i); };
  for (int64_t i = 0; i < operands; ++i) {
    char *place = history ? gathered.as() + HistoryBytes(step, i, given[0]) : value(i);
    call.operands[i < inputs ? i : i + step.states] = place; // the states stand behind the inputs
    if (!history || i >= inputs)
      continue;
    AppendHistory(rows.slot, step.history + i, value(i), rows.begin, rows.end);
    GatherHistory(rows.slot, step.history + i, place, rows.end);
  }
  for (int64_t i = 0; i < step.states; ++i) {
    call.operands[inputs + i] = StateOf(past, step.state + i);
    call.operands[operands + step.states + i] = StateOf(present, step.state + i);
  }
  const abi::Call arguments = {&host,          this,    given,  call.operands.data(), call.weights.data(),
                               workspace.as(), nullptr, nullptr};
  ScopedFloatEnvironment environment;
  call.fragment->run(&arguments);
  if (failed.load(std::memory_order_acquire))
    return absl::Status(error.code(), absl::StrCat("fragment ", call.fragment->name, ", layer ", step.layer,
                                                   ", sequence slot ", rows.slot, ": ", error.message()));
  for (int64_t i = inputs; history && i < operands; ++i)
    std::memcpy(value(i), static_cast<char *>(call.operands[i]) + rows.begin * width(i),
                (rows.end - rows.begin) * width(i));
  return absl::OkStatus();
}

} // namespace janus
