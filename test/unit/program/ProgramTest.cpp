#include "runtime/program/Program.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <functional>
#include <xxhash.h>

namespace janus {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A program with one instruction of every kind, as docs/artifact.md writes it.
json Example() {
  return json::parse(R"({
    "values": [{"name": "ids", "type": "i32", "rows": "rows", "columns": 1},
               {"name": "h", "type": "f32", "rows": "step_rows", "columns": 128},
               {"name": "y", "type": "f32", "rows": "pairs", "columns": 128},
               {"name": "t", "type": "f32", "rows": 7, "columns": 3},
               {"name": "z", "type": "f32", "rows": "wanted", "columns": 256}],
    "inputs": {"ids": 0}, "outputs": {"logits": 4},
    "fragments": [{"name": "attn_0", "operands": 2, "weights": 1}, {"name": "sequence_0", "operands": 6, "weights": 0}],
    "steps": [
      {"op": "call", "fragment": 0, "layer": 0, "operands": [0, 1], "outputs": 1, "weights": ["embed"]},
      {"op": "dispatch", "transfer": 0, "layer": 0, "values": [1]},
      {"op": "collect",  "transfer": 0, "layer": 0, "value": 1},
      {"op": "exchange", "layer": 0, "value": 0},
      {"op": "receive",  "transfer": 0, "layer": 0, "values": [1]},
      {"op": "schedule", "layer": 0, "experts": 16, "k": 2, "ids": 0, "weights": 1},
      {"op": "return",   "transfer": 0, "layer": 0, "value": 2},
      {"op": "sequences", "fragment": 1, "layer": 0, "operands": [0, 1], "outputs": 1, "weights": [], "state": 3, "states": 2, "history": -1}]})");
}

json Signed(json object) {
  object.erase("hash");
  std::string text = object.dump();
  char hash[17];
  snprintf(hash, sizeof(hash), "%016llx", static_cast<unsigned long long>(XXH3_64bits(text.data(), text.size())));
  object["hash"] = hash;
  return object;
}

TEST(Program, ParsesEveryInstruction) {
  absl::StatusOr<RoleProgram> program = ParseRoleProgram(Signed(Example()));
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_EQ(program->values.size(), 5u);
  EXPECT_EQ(program->values[0].type, ElementType::kI32);
  EXPECT_EQ(program->values[1].symbol, abi::kStepRows);
  EXPECT_EQ(program->values[2].symbol, abi::kPairs);
  EXPECT_EQ(program->values[3].symbol, -1);
  EXPECT_EQ(program->values[3].fixed_rows, 7);
  EXPECT_EQ(program->values[4].symbol, abi::kWanted);
  EXPECT_EQ(program->inputs.at("ids"), 0);
  EXPECT_EQ(program->outputs.at("logits"), 4);
  ASSERT_EQ(program->steps.size(), 8u);
  EXPECT_EQ(program->steps[0].op, Instruction::Op::kCall);
  EXPECT_THAT(program->steps[0].operands, ElementsAre(0, 1));
  EXPECT_THAT(program->steps[0].weights, ElementsAre("embed"));
  EXPECT_EQ(program->steps[5].experts, 16);
  EXPECT_THAT(program->steps[5].operands, ElementsAre(0, 1));
  EXPECT_EQ(program->steps[6].op, Instruction::Op::kReturn);
  EXPECT_EQ(program->steps[7].op, Instruction::Op::kSequences);
  EXPECT_EQ(program->steps[7].inputs(), 1);
  EXPECT_EQ(program->steps[7].state, 3);
  EXPECT_EQ(program->steps[7].states, 2);
  EXPECT_EQ(program->steps[7].history, -1);
}

TEST(Program, RoundTrips) {
  json object = Signed(Example());
  EXPECT_EQ(ToJson(*ParseRoleProgram(object)), object);
}

struct Broken {
  const char *name;
  std::function<void(json &)> change;
  const char *field, *message;
};

class ProgramErrors : public testing::TestWithParam<Broken> {};

TEST_P(ProgramErrors, NameTheField) {
  json object = Example();
  GetParam().change(object);
  absl::StatusOr<RoleProgram> program = ParseRoleProgram(Signed(object));
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(program.status().message()),
              AllOf(HasSubstr(GetParam().field), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Program, ProgramErrors,
    testing::Values(
        Broken{"missing", [](json &o) { o.erase("steps"); }, "program.steps", "is missing"},
        Broken{"not_array", [](json &o) { o["values"] = 3; }, "program.values", "found number, expected an array"},
        Broken{"type", [](json &o) { o["values"][1]["type"] = "f16"; }, "program.values[1].type", "\"f16\""},
        Broken{"rows", [](json &o) { o["values"][1]["rows"] = "cols"; }, "program.values[1].rows", "\"cols\""},
        Broken{"columns", [](json &o) { o["values"][1]["columns"] = 0; }, "program.values[1].columns", "found 0"},
        Broken{"fraction", [](json &o) { o["values"][1]["columns"] = 1.5; }, "program.values[1].columns", "1.5"},
        Broken{"huge", [](json &o) { o["values"][3]["rows"] = UINT64_MAX; }, "program.values[3].rows", "184467"},
        Broken{"input", [](json &o) { o["inputs"]["ids"] = 5; }, "program.inputs.ids", "in [0, 4]"},
        Broken{"fragment", [](json &o) { o["steps"][0]["fragment"] = 2; }, "program.steps[0].fragment", "[0, 1]"},
        Broken{"operand", [](json &o) { o["steps"][0]["operands"][1] = -1; }, "program.steps[0].operands", "-1"},
        Broken{"count", [](json &o) { o["steps"][0]["operands"] = {0}; }, "program.steps[0].operands", "takes 2"},
        Broken{"outputs", [](json &o) { o["steps"][0]["outputs"] = 3; }, "program.steps[0].outputs", "[0, 2]"},
        Broken{"weights", [](json &o) { o["steps"][0]["weights"] = json::array(); }, "steps[0].weights", "takes 1"},
        Broken{"op", [](json &o) { o["steps"][1]["op"] = "send"; }, "program.steps[1].op", "\"send\""},
        Broken{"no_values", [](json &o) { o["steps"][1]["values"] = json::array(); }, "steps[1].values", "1 to 3"},
        Broken{"k", [](json &o) { o["steps"][5]["k"] = 17; }, "program.steps[5].k", "[1, 16]"},
        Broken{"states", [](json &o) { o["steps"][7]["states"] = 1; }, "steps[7].operands", "found 4, but fragment"},
        Broken{"state", [](json &o) { o["steps"][7]["state"] = -1; }, "steps[7].state", "found -1"},
        Broken{"history", [](json &o) { o["steps"][7]["history"] = -2; }, "steps[7].history", "found -2"},
        Broken{"both", [](json &o) { o["steps"][7]["history"] = 0; }, "steps[7].states", "none beside a history"},
        Broken{"no_input", [](json &o) { o["steps"][7]["outputs"] = 2; }, "steps[7].outputs", "at least one input"},
        Broken{"object", [](json &o) { o["steps"][2] = 3; }, "program.steps[2]", "expected an object"}),
    [](const testing::TestParamInfo<Broken> &info) { return info.param.name; });

TEST(Program, ChangedAfterHashing) {
  json object = Signed(Example());
  object["steps"][0]["layer"] = 1;
  absl::StatusOr<RoleProgram> program = ParseRoleProgram(object);
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(std::string(program.status().message()), HasSubstr("program.hash"));
}

} // namespace
} // namespace janus
