#include "runtime/program/Program.h"

#include "runtime/program/JsonReader.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include <array>
#include <set>
#include <utility>
#include <xxhash.h>

namespace janus {
namespace {

using Reader = JsonReader;

using nlohmann::json;
using Op = Instruction::Op;

constexpr std::array<absl::string_view, abi::kSymbolCount> kSymbolNames = {"rows", "step_rows", "pairs", "wanted"};
constexpr std::array<std::pair<Op, absl::string_view>, 8> kOpNames = {{{Op::kCall, "call"},
                                                                       {Op::kSequences, "sequences"},
                                                                       {Op::kDispatch, "dispatch"},
                                                                       {Op::kCollect, "collect"},
                                                                       {Op::kExchange, "exchange"},
                                                                       {Op::kReceive, "receive"},
                                                                       {Op::kSchedule, "schedule"},
                                                                       {Op::kReturn, "return"}}};
/// Far above any model; keeps rows * columns * 4 inside 64 bits.
constexpr int64_t kMaxNumber = int64_t{1} << 40;

absl::StatusOr<ValueDesc> ParseValue(const json &object, std::string where) {
  Reader reader(object, std::move(where));
  ValueDesc value;
  value.name = reader.String("name");
  std::string type = reader.String("type");
  value.type = type == "i32" ? ElementType::kI32 : ElementType::kF32;
  if (reader.status.ok() && type != "f32" && type != "i32")
    reader.Fail("type", absl::StrCat("found \"", type, "\", expected \"f32\" or \"i32\""));
  value.columns = reader.Int("columns", 1, kMaxNumber);
  const json *rows = reader.Member("rows");
  if (rows && rows->is_string()) {
    std::string name = rows->get<std::string>();
    for (size_t i = 0; i < kSymbolNames.size(); ++i)
      if (kSymbolNames[i] == name)
        value.symbol = static_cast<int64_t>(i);
    if (value.symbol < 0)
      reader.Fail("rows",
                  absl::StrCat("found \"", name, "\", expected ", absl::StrJoin(kSymbolNames, ", "), " or a number"));
  } else if (rows) {
    value.fixed_rows = reader.Number(*rows, "rows", 0, kMaxNumber);
  }
  if (!reader.status.ok())
    return reader.status;
  return value;
}

absl::StatusOr<FragmentDesc> ParseFragment(const json &object, std::string where) {
  Reader reader(object, std::move(where));
  FragmentDesc fragment;
  fragment.name = reader.String("name");
  fragment.operands = reader.Int("operands", 0, kMaxFragmentOperands);
  fragment.weights = reader.Int("weights", 0, kMaxFragmentOperands);
  if (!reader.status.ok())
    return reader.status;
  return fragment;
}

void ParseCall(Reader &reader, const RoleProgram &program, Instruction &step) {
  const int64_t values = static_cast<int64_t>(program.values.size());
  step.fragment = reader.Int("fragment", 0, static_cast<int64_t>(program.fragments.size()) - 1);
  step.operands = reader.Indices("operands", values);
  step.outputs = reader.Int("outputs", 0, static_cast<int64_t>(step.operands.size()));
  if (reader.object.is_object() && reader.object.contains("cache"))
    step.cache = reader.Int("cache", 0, 1 << 20);
  if (const json *weights = reader.Array("weights"))
    for (const json &name : *weights) {
      if (!name.is_string())
        return reader.Fail("weights", absl::StrCat("found ", name.dump(), ", expected the name of a weight"));
      step.weights.push_back(name.get<std::string>());
    }
  if (step.op == Op::kSequences) {
    step.state = reader.Int("state", 0, 1 << 20);
    step.states = reader.Int("states", 0, 1 << 20);
    step.history = reader.Int("history", -1, 1 << 20);
  }
  if (!reader.status.ok())
    return;
  const FragmentDesc &fragment = program.fragments[step.fragment];
  const int64_t operands = static_cast<int64_t>(step.operands.size()) + 2 * step.states;
  if (operands != fragment.operands)
    reader.Fail("operands",
                absl::StrCat("found ", operands, ", but fragment ", fragment.name, " takes ", fragment.operands));
  else if (static_cast<int64_t>(step.weights.size()) != fragment.weights)
    reader.Fail("weights", absl::StrCat("found ", step.weights.size(), ", but fragment ", fragment.name, " takes ",
                                        fragment.weights));
}

absl::StatusOr<Instruction> ParseInstruction(const json &object, const RoleProgram &program, std::string where) {
  Reader reader(object, std::move(where));
  const int64_t values = static_cast<int64_t>(program.values.size());
  Instruction step;
  std::string name = reader.String("op");
  bool known = false;
  for (const auto &[op, op_name] : kOpNames)
    if (op_name == name) {
      step.op = op;
      known = true;
    }
  if (reader.status.ok() && !known)
    reader.Fail("op", absl::StrCat("found \"", name,
                                   "\", expected call, sequences, dispatch, collect, exchange, receive, schedule or "
                                   "return"));
  step.layer = reader.Int("layer", step.op == Op::kCall ? -1 : 0, 1 << 20);
  switch (step.op) {
  case Op::kSequences:
    ParseCall(reader, program, step);
    if (reader.status.ok() && (step.inputs() < 1 || step.outputs < 1))
      reader.Fail("outputs", absl::StrCat("found ", step.outputs, " of ", step.operands.size(),
                                          " operands, expected at least one input and one output"));
    if (reader.status.ok() && step.history >= 0 && step.states > 0)
      reader.Fail("states", absl::StrCat("found ", step.states, ", expected none beside a history"));
    break;
  case Op::kCall:
    ParseCall(reader, program, step);
    break;
  case Op::kDispatch:
  case Op::kReceive:
    step.transfer = reader.Int("transfer", 0, 1 << 20);
    step.operands = reader.Indices("values", values);
    if (reader.status.ok() && (step.operands.empty() || step.operands.size() > 3))
      reader.Fail("values", absl::StrCat("found ", step.operands.size(), " values, expected 1 to 3"));
    break;
  case Op::kCollect:
  case Op::kReturn:
    step.transfer = reader.Int("transfer", 0, 1 << 20);
    step.operands = {reader.Int("value", 0, values - 1)};
    break;
  case Op::kExchange:
    step.operands = {reader.Int("value", 0, values - 1)};
    break;
  case Op::kSchedule:
    step.experts = reader.Int("experts", 1, 65536);
    step.k = reader.Int("k", 1, step.experts);
    step.operands = {reader.Int("ids", 0, values - 1), reader.Int("weights", 0, values - 1)};
    break;
  }
  if (!reader.status.ok())
    return reader.status;
  return step;
}

json RowsToJson(const ValueDesc &value) {
  if (value.symbol >= 0)
    return std::string(kSymbolNames[value.symbol]);
  return value.fixed_rows;
}

json StepToJson(const Instruction &step) {
  json object = {{"layer", step.layer}};
  for (const auto &[op, name] : kOpNames)
    if (op == step.op)
      object["op"] = std::string(name);
  switch (step.op) {
  case Op::kSequences:
    object["state"] = step.state;
    object["states"] = step.states;
    object["history"] = step.history;
    [[fallthrough]];
  case Op::kCall:
    object["fragment"] = step.fragment;
    object["operands"] = step.operands;
    object["outputs"] = step.outputs;
    object["weights"] = step.weights;
    if (step.cache != 0)
      object["cache"] = step.cache;
    break;
  case Op::kDispatch:
  case Op::kReceive:
    object["transfer"] = step.transfer;
    object["values"] = step.operands;
    break;
  case Op::kCollect:
  case Op::kReturn:
    object["transfer"] = step.transfer;
    object["value"] = step.operands.at(0);
    break;
  case Op::kExchange:
    object["value"] = step.operands.at(0);
    break;
  case Op::kSchedule:
    object["experts"] = step.experts;
    object["k"] = step.k;
    object["ids"] = step.operands.at(0);
    object["weights"] = step.operands.at(1);
    break;
  }
  return object;
}

json ToJsonWithoutHash(const RoleProgram &program) {
  json object = {{"inputs", program.inputs}, {"outputs", program.outputs}};
  object["values"] = object["fragments"] = object["steps"] = json::array();
  for (const ValueDesc &value : program.values)
    object["values"].push_back({{"name", value.name},
                                {"type", value.type == ElementType::kI32 ? "i32" : "f32"},
                                {"rows", RowsToJson(value)},
                                {"columns", value.columns}});
  for (const FragmentDesc &fragment : program.fragments)
    object["fragments"].push_back(
        {{"name", fragment.name}, {"operands", fragment.operands}, {"weights", fragment.weights}});
  for (const Instruction &step : program.steps)
    object["steps"].push_back(StepToJson(step));
  return object;
}

std::string HashText(uint64_t hash) { return absl::StrFormat("%016x", hash); }

/// Parses every element of array member `name` with `parse(element, where)`.
template <typename T, typename Parse>
absl::Status ParseList(Reader &reader, absl::string_view name, std::vector<T> &out, Parse parse) {
  const json *array = reader.Array(name);
  if (!array)
    return reader.status;
  for (size_t i = 0; i < array->size(); ++i) {
    absl::StatusOr<T> element = parse((*array)[i], absl::StrCat(reader.where, ".", name, "[", i, "]"));
    if (!element.ok())
      return element.status();
    out.push_back(*std::move(element));
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<RoleProgram> ParseRoleProgram(const json &object) {
  Reader reader(object, "program");
  RoleProgram program;
  std::string hash = reader.String("hash");
  if (absl::Status status = ParseList(reader, "values", program.values, ParseValue); !status.ok())
    return status;
  const int64_t values = static_cast<int64_t>(program.values.size());
  program.inputs = reader.NamedIndices("inputs", values);
  program.outputs = reader.NamedIndices("outputs", values);
  if (absl::Status status = ParseList(reader, "fragments", program.fragments, ParseFragment); !status.ok())
    return status;
  auto parse_step = [&](const json &element, std::string where) {
    return ParseInstruction(element, program, std::move(where));
  };
  if (absl::Status status = ParseList(reader, "steps", program.steps, parse_step); !status.ok())
    return status;
  program.hash = ProgramHash(program);
  if (HashText(program.hash) != hash)
    reader.Fail("hash", absl::StrCat("found \"", hash, "\", but the program hashes to \"", HashText(program.hash),
                                     "\"; the manifest was changed after it was written, compile the model again"));
  if (!reader.status.ok())
    return reader.status;
  return program;
}

json ToJson(const RoleProgram &program) {
  json object = ToJsonWithoutHash(program);
  object["hash"] = HashText(ProgramHash(program));
  return object;
}

uint64_t ProgramHash(const RoleProgram &program) {
  std::string text = ToJsonWithoutHash(program).dump(-1, ' ', false, json::error_handler_t::replace);
  return XXH3_64bits(text.data(), text.size());
}

} // namespace janus
