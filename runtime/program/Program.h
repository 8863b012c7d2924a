//===- Program.h - the program section of a manifest ------------*- C++ -*-===//
//
// The parsed form of docs/artifact.md, PROGRAM. Fragments themselves are code
// (include/janus/ABI/Program.h). Values are indices into `values`.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PROGRAM_PROGRAM_H
#define JANUS_RUNTIME_PROGRAM_PROGRAM_H

#include "absl/status/statusor.h"
#include "janus/ABI/Program.h"
#include "nlohmann/json.hpp"

#include <map>
#include <string>
#include <vector>

namespace janus {

enum class ElementType { kF32, kI32 };

struct ValueDesc {
  std::string name;
  ElementType type = ElementType::kF32;
  int64_t symbol = -1;    // abi::Symbol of the row count, or -1
  int64_t fixed_rows = 0; // rows when symbol is -1
  int64_t columns = 0;
};

struct Instruction {
  enum class Op { kCall, kSequences, kDispatch, kCollect, kExchange, kReceive, kSchedule, kReturn };
  Op op = Op::kCall;
  int64_t layer = 0;
  int64_t fragment = -1;            // kCall, kSequences
  std::vector<int64_t> operands;    // kCall, kSequences: inputs then outputs; else the values moved
  int64_t outputs = 0;              // kCall, kSequences: how many of operands are outputs
  std::vector<std::string> weights; // kCall, kSequences
  int64_t cache = 0;                // kCall: Call::kv points to this cache of the instance
  int64_t transfer = -1;            // kDispatch, kCollect, kReceive, kReturn
  int64_t experts = 0, k = 0;       // kSchedule; operands = {ids, weights}
  /// kSequences: the fragment is called for each sequence with rows in the step, over those of the operands. It is
  /// given `states` states of the model from number `state` on as well, or, with a history, all rows of the sequence so
  /// far: those of input i are history `history` + i.
  int64_t state = 0, states = 0;
  int64_t history = -1; // -1: none
  int64_t inputs() const { return static_cast<int64_t>(operands.size()) - outputs; }
};

/// Values and weights of a fragment, at most each.
inline constexpr int64_t kMaxFragmentOperands = 4096;

struct FragmentDesc {
  std::string name;
  int64_t operands = 0, weights = 0;
};

/// What one role does in a step.
struct RoleProgram {
  uint64_t hash = 0;
  std::vector<ValueDesc> values;
  std::map<std::string, int64_t> inputs, outputs; // name -> value
  std::vector<FragmentDesc> fragments;
  std::vector<Instruction> steps;
};

/// Parses and checks: every index in range, every op complete. Errors are
/// InvalidArgument and name the field, what was found and what is expected.
absl::StatusOr<RoleProgram> ParseRoleProgram(const nlohmann::json &json);
nlohmann::json ToJson(const RoleProgram &program);
/// XXH3-64 of ToJson(program) without "hash".
uint64_t ProgramHash(const RoleProgram &program);

struct KvCacheDesc {
  int64_t kv_heads = 0, head_dim = 0, value_dim = 0, window = 0;
};
struct MoeLayerDesc {
  int64_t experts = 0, k = 0;
};
/// Numbers of a sequence that a layer keeps from step to step, f32, zero before its first row.
struct StateDesc {
  int64_t elements = 0;
};
/// An operand of which a layer wants the rows of all steps.
struct HistoryDesc {
  ElementType type = ElementType::kF32;
  int64_t columns = 0;
};
struct TransferDesc {
  int64_t id = 0, layer = 0;
  bool routed = false; // AGate
  int64_t columns = 0; // hidden size of the activations
  int64_t k = 0;
};

/// Facts of the model that the runtime needs (manifest "model", "transfers").
struct ModelDesc {
  int64_t vocab = 0, context = 0, hidden = 0, page_tokens = 32;
  std::vector<MoeLayerDesc> moe_layers; // by layer
  std::vector<KvCacheDesc> kv_caches;
  std::vector<StateDesc> states;
  std::vector<HistoryDesc> histories;
  std::vector<TransferDesc> transfers;
  std::string tokenizer; // "bytes" or empty
};

enum class GateSide { kExpert, kAttention };
enum class Role { kAttention, kExpert };

} // namespace janus

#endif // JANUS_RUNTIME_PROGRAM_PROGRAM_H
