#include "janus/Lowering/Passes.h"
#include "lib/Lowering/PackedWeights.h"
#include "lib/Lowering/ValueSlots.h"

#include "dialects/janus/IR/JanusOps.h"
#include "dialects/moe/IR/MoEOps.h"
#include "runtime/base/Json.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_BUILDPROGRAMSPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;
using nlohmann::json;
using Op = Instruction::Op;

/// One role's program while its step function is read.
struct RoleBuilder {
  RoleBuilder(const Liveness &liveness, const RowSymbols &symbols) : slots(program, liveness, symbols) {}
  RoleProgram program;
  ValueSlots slots;
  std::map<std::string, int64_t> fragments;

  Instruction &add(Op op, int64_t layer, int64_t transfer = -1) {
    Instruction &step = program.steps.emplace_back();
    step.op = op;
    step.layer = layer;
    step.transfer = transfer;
    return step;
  }
};

/// Reads one step function into the programs of both roles.
class ProgramBuilder {
public:
  ProgramBuilder(func::FuncOp step, const PackedWeights &weights)
      : step(step), weights(weights), liveness(step), attention(liveness, symbols), expert(liveness, symbols) {}

  LogicalResult build() {
    const char *names[] = {"ids", "positions", "wanted"};
    const int64_t counts[] = {abi::kRows, abi::kRows, abi::kWanted};
    for (auto [argument, name, symbol] : llvm::zip(step.getArguments(), names, counts)) {
      symbols.set(argument, symbol);
      int64_t slot = attention.slots.define(argument, name);
      attention.program.inputs[name] = slot;
    }
    for (Operation &op : step.getBody().front()) {
      if (failed(visit(op)))
        return failure();
      attention.slots.release(liveness.position(&op));
      expert.slots.release(liveness.position(&op));
    }
    return success();
  }

  json programs() const { return {{"attention", ToJson(attention.program)}, {"expert", ToJson(expert.program)}}; }
  /// Adds the facts that this step function knows.
  void describe(json &model, json &transfers) const {
    for (const auto &[cache, fields] : caches)
      model["kv_caches"][cache] = fields;
    for (const auto &[layer, fields] : moeLayers)
      model["moe_layers"][layer] = fields;
    for (const auto &[state, fields] : states)
      model["states"][state] = fields;
    for (const auto &[history, fields] : histories)
      model["histories"][history] = fields;
    for (const json &transfer : dispatches)
      transfers.push_back(transfer);
  }

private:
  LogicalResult visit(Operation &op) {
    if (auto call = dyn_cast<func::CallOp>(op))
      return visitCall(call);
    if (auto sequence = dyn_cast<moe::SequenceOp>(op))
      return visitSequence(sequence);
    if (auto dispatch = dyn_cast<dist::DispatchOp>(op))
      return visitDispatch(dispatch);
    if (auto collect = dyn_cast<dist::CollectOp>(op)) {
      expert.add(Op::kReturn, collect.getLayer(), collect.getTransfer()).operands = {
          expert.slots.slot(collect.getValue())};
      symbols.set(collect.getResult(), abi::kRows);
      int64_t slot = attention.slots.define(collect.getResult(), "");
      attention.add(Op::kCollect, collect.getLayer(), collect.getTransfer()).operands = {slot};
      return success();
    }
    if (auto exchange = dyn_cast<dist::ExchangeOp>(op)) {
      attention.add(Op::kExchange, exchange.getLayer()).operands = {attention.slots.slot(exchange.getIds())};
      attention.slots.alias(exchange.getResult(), exchange.getIds());
      return success();
    }
    if (auto schedule = dyn_cast<dist::ScheduleOp>(op)) {
      RoleBuilder &role = expert.slots.has(schedule.getIds()) ? expert : attention;
      Instruction &instruction = role.add(Op::kSchedule, schedule.getLayer());
      instruction.experts = schedule.getExperts();
      instruction.k = schedule.getK();
      instruction.operands = {role.slots.slot(schedule.getIds()), role.slots.slot(schedule.getWeights())};
      moeLayers[schedule.getLayer()] = {{"experts", schedule.getExperts()}, {"k", schedule.getK()}};
      return success();
    }
    if (auto result = dyn_cast<func::ReturnOp>(op)) {
      if (result.getNumOperands() != 1)
        return result.emitOpError("expects one result, the logits, but found ") << result.getNumOperands();
      attention.program.outputs["logits"] = attention.slots.slot(result.getOperand(0));
      return success();
    }
    if (isa<moe::GetWeightOp>(op))
      return success();
    return op.emitOpError("is not known to role programs; run --janus-outline-fragments first");
  }

  LogicalResult visitCall(func::CallOp call) {
    func::FuncOp callee = calleeOf(call);
    RoleBuilder &role = callee->getAttrOfType<StringAttr>(kRole).getValue() == "attention" ? attention : expert;
    int64_t inputs = callee->getAttrOfType<IntegerAttr>(kInputs).getInt();
    std::vector<int64_t> operands;
    for (auto [value, argument] : llvm::zip(call.getOperands().take_front(inputs), callee.getArguments())) {
      symbols.set(argument, symbols.get(value));
      if (isAssignment(value.getType()))
        continue;
      if (!role.slots.has(value))
        return call.emitOpError("expects operands of its own mesh, but one crosses without a transfer");
      operands.push_back(role.slots.slot(value));
    }
    Block &body = callee.getBody().front();
    for (Operation &op : body) {
      symbols.visit(&op);
      if (auto attentionOp = dyn_cast<moe::AttentionOp>(op))
        caches[call->getAttrOfType<IntegerAttr>(kCache).getInt() + attentionOp.getCache()] = {
            {"kv_heads", attentionOp.getKvHeads()},
            {"head_dim", attentionOp.getHeadDim()},
            {"value_dim", attentionOp.getValueDim()},
            {"window", attentionOp.getWindow()}};
    }
    for (auto [result, yielded] : llvm::zip(call.getResults(), body.getTerminator()->getOperands())) {
      symbols.set(result, symbols.get(yielded));
      operands.push_back(role.slots.define(result, ""));
    }
    Instruction &instruction = addCall(role, Op::kCall, call, callee.getName(), std::move(operands));
    if (auto cache = call->getAttrOfType<IntegerAttr>(kCache))
      instruction.cache = cache.getInt();
    return success();
  }

  /// The instruction of a call; `states` more operands and results are those of each sequence.
  Instruction &addCall(RoleBuilder &role, Op kind, Operation *call, StringRef name, std::vector<int64_t> operands,
                       int64_t states = 0) {
    std::vector<std::string> table = weights.names(call);
    auto [fragment, fresh] = role.fragments.try_emplace(name.str(), role.program.fragments.size());
    if (fresh)
      role.program.fragments.push_back(
          {name.str(), static_cast<int64_t>(operands.size()) + 2 * states, static_cast<int64_t>(table.size())});
    Instruction &instruction = role.add(kind, call->getAttrOfType<IntegerAttr>(kLayer).getInt());
    instruction.fragment = fragment->second;
    instruction.operands = std::move(operands);
    instruction.outputs = call->getNumResults();
    instruction.weights = std::move(table);
    instruction.states = states;
    return instruction;
  }

  LogicalResult visitSequence(moe::SequenceOp sequence) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(sequence, sequence.getCalleeAttr());
    constexpr uint64_t kMost = 1 << 16; // far above any model
    if (sequence.getState() > kMost || sequence.getHistory().value_or(0) > kMost)
      return sequence.emitOpError() << "expects the numbers of its state and history to be at most " << kMost;
    std::vector<int64_t> operands;
    int64_t history = static_cast<int64_t>(sequence.getHistory().value_or(0));
    for (Value value : sequence.getInputs()) {
      if (value.getDefiningOp<moe::GetWeightOp>())
        continue;
      auto type = cast<RankedTensorType>(value.getType());
      if (type.hasStaticShape() || !attention.slots.has(value) || symbols.get(value) != abi::kRows)
        return sequence.emitOpError("expects weights, and rows of all of the step's tokens, on @attention");
      operands.push_back(attention.slots.slot(value));
      json fields = {{"columns", columnsOf(type)}, {"type", type.getElementType().isInteger() ? "i32" : "f32"}};
      if (sequence.getHistory() && !histories.try_emplace(history++, fields).second)
        return sequence.emitOpError() << "expects a history of its own, but " << history - 1 << " is taken";
    }
    for (Value result : sequence.getResults()) {
      symbols.set(result, abi::kRows);
      operands.push_back(attention.slots.define(result, ""));
    }
    ArrayRef<Type> past = callee.getArgumentTypes().drop_front(sequence.getInputs().size());
    int64_t state = sequence.getState();
    for (Type type : past)
      if (!states.try_emplace(state++, json{{"elements", cast<RankedTensorType>(type).getNumElements()}}).second)
        return sequence.emitOpError() << "expects states of its own, but " << state - 1 << " is taken";
    Instruction &instruction = addCall(attention, Op::kSequences, sequence, callee.getName(), std::move(operands),
                                       static_cast<int64_t>(past.size()));
    instruction.state = past.empty() ? 0 : static_cast<int64_t>(sequence.getState());
    instruction.history = sequence.getHistory() ? static_cast<int64_t>(*sequence.getHistory()) : -1;
    return success();
  }

  LogicalResult visitDispatch(dist::DispatchOp dispatch) {
    Instruction &send = attention.add(Op::kDispatch, dispatch.getLayer(), dispatch.getTransfer());
    for (Value value : dispatch.getValues())
      send.operands.push_back(attention.slots.slot(value));
    std::vector<int64_t> received;
    for (Value result : dispatch.getResults()) {
      if (isAssignment(result.getType()))
        continue;
      symbols.set(result, abi::kStepRows);
      received.push_back(expert.slots.define(result, ""));
    }
    expert.add(Op::kReceive, dispatch.getLayer(), dispatch.getTransfer()).operands = received;
    int64_t k = 0;
    for (auto collect : step.getOps<dist::CollectOp>())
      if (collect.getTransfer() == dispatch.getTransfer())
        k = cast<RankedTensorType>(collect.getResult().getType()).getDimSize(1);
    dispatches.push_back({{"id", dispatch.getTransfer()},
                          {"kind", "dispatch"},
                          {"layer", dispatch.getLayer()},
                          {"routed", dispatch.getRouted()},
                          {"columns", columnsOf(dispatch.getValues()[0].getType())},
                          {"k", k}});
    return success();
  }

  func::FuncOp step;
  const PackedWeights &weights;
  Liveness liveness;
  RowSymbols symbols;
  RoleBuilder attention, expert;
  std::map<int64_t, json> caches, moeLayers, states, histories;
  std::vector<json> dispatches;
};

json toJson(Attribute attribute) {
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.str();
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    json array = json::array();
    for (Attribute element : list)
      array.push_back(toJson(element));
    return array;
  }
  return nullptr;
}

struct BuildPrograms : impl::BuildProgramsPassBase<BuildPrograms> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    SmallVector<func::FuncOp> steps;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr("janus.gate_side"))
        steps.push_back(function);
    if (steps.empty())
      return;
    PackedWeights weights;
    for (func::FuncOp step : steps)
      weights.collect(step);

    json programs, transfers = json::array();
    json model = {{"kv_caches", json::array()}, {"moe_layers", json::array()}, {"page_tokens", 32}};
    if (auto facts = module->getAttrOfType<DictionaryAttr>(moe::kModelAttr))
      for (NamedAttribute fact : facts)
        model[fact.getName().str()] = toJson(fact.getValue());
    for (func::FuncOp step : steps) {
      ProgramBuilder program(step, weights);
      if (failed(program.build()))
        return signalPassFailure();
      programs[step->getAttrOfType<StringAttr>("janus.gate_side").str()] = program.programs();
      program.describe(model, transfers);
    }
    for (const char *list : {"states", "histories"})
      for (const json &entry : model.value(list, json::array()))
        if (entry.is_null()) {
          module.emitError() << "expects moe.sequence to number " << list << " from 0 without gaps, found " << list
                             << " " << model[list].dump();
          return signalPassFailure();
        }
    module->setAttr(kWeights, weights.describe(&getContext()));
    module->setAttr(kPrograms, builder.getStringAttr(JsonText(programs)));
    module->setAttr(kModel, builder.getStringAttr(JsonText(model)));
    module->setAttr(kTransfers, builder.getStringAttr(JsonText(transfers)));
    for (func::FuncOp step : steps)
      step.erase();
  }
};
} // namespace
} // namespace janus
