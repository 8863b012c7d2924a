#include "janus/Communication/Explain.h"
#include "janus/Communication/Facts.h"
#include "janus/Partition/MeshAnalysis.h"
#include "lib/Communication/PlanMemory.h"
#include "lib/Communication/Predict.h"

#include "dialects/janus/IR/JanusOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using nlohmann::json;

namespace janus {
namespace {

/// Attributes of the model that are numbers, strings, lists or dictionaries of them.
json toJson(Attribute attribute) {
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.str();
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    json result = json::array();
    for (Attribute element : list)
      result.push_back(toJson(element));
    return result;
  }
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    json result = json::object();
    for (NamedAttribute entry : dictionary)
      result[entry.getName().str()] = toJson(entry.getValue());
    return result;
  }
  return nullptr;
}

json schemesJson(ArrayAttr schemes) {
  json result = json::array();
  for (auto scheme : schemes.getAsRange<dist::SchemeAttr>()) {
    json phases = json::array();
    for (dist::PhaseAttr phase : scheme.getPhases())
      phases.push_back({{"name", phase.getName().str()},
                        {"link", dist::stringifyLink(phase.getLink()).str()},
                        {"messages", phase.getMessages().str()},
                        {"bytes", phase.getBytes().str()}});
    result.push_back({{"name", scheme.getName().str()}, {"phases", phases}});
  }
  return result;
}

int64_t columnsOf(Value value, unsigned dimension) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dimension);
}

/// A transfer op, or null for an operation that is none.
json transferJson(Operation &op) {
  if (auto dispatch = dyn_cast<dist::DispatchOp>(op)) {
    json result = {{"kind", "dispatch"},
                   {"layer", dispatch.getLayer()},
                   {"transfer", dispatch.getTransfer()},
                   {"routed", dispatch.getRouted()},
                   {"columns", columnsOf(dispatch.getValues()[0], 1)},
                   {"schemes", schemesJson(dispatch.getSchemes())}};
    if (dispatch.getRouted())
      result["k"] = columnsOf(dispatch.getValues()[1], 1);
    return result;
  }
  if (auto collect = dyn_cast<dist::CollectOp>(op))
    return {{"kind", "return"},
            {"layer", collect.getLayer()},
            {"transfer", collect.getTransfer()},
            {"k", columnsOf(collect.getResult(), 1)},
            {"columns", columnsOf(collect.getResult(), 2)},
            {"schemes", schemesJson(collect.getSchemes())}};
  if (auto exchange = dyn_cast<dist::ExchangeOp>(op))
    return {{"kind", "exchange"},
            {"layer", exchange.getLayer()},
            {"k", columnsOf(exchange.getIds(), 1)},
            {"schemes", schemesJson(exchange.getSchemes())}};
  return nullptr;
}

/// Operations of a fragment in first order, counted by name and origin.
json operationsJson(dist::FragmentOp fragment, RouterSide side) {
  llvm::MapVector<std::pair<StringRef, StringRef>, int64_t> counts;
  std::vector<std::string> origins; // keeps the strings that `counts` refers to
  origins.reserve(fragment.getBlock().getOperations().size());
  for (Operation &op : fragment.getBlock().without_terminator()) {
    if (isa<moe::GetWeightOp>(op))
      continue;
    origins.push_back(originOf(&op, side));
    ++counts[{op.getName().getStringRef(), origins.back()}];
  }
  json result = json::array();
  for (const auto &[key, count] : counts)
    result.push_back({{"op", key.first.str()}, {"origin", key.second.str()}, {"count", count}});
  return result;
}

json stepJson(func::FuncOp step, RouterSide side) {
  json fragments = json::array(), transfers = json::array(), schedules = json::array();
  for (Operation &op : step.getBody().front()) {
    if (auto fragment = dyn_cast<dist::FragmentOp>(op))
      fragments.push_back({{"mesh", fragment.getMesh().str()},
                           {"layer", fragment.getLayer()},
                           {"origin", fragment.getOrigin().str()},
                           {"operations", operationsJson(fragment, side)}});
    else if (auto schedule = dyn_cast<dist::ScheduleOp>(op))
      schedules.push_back({{"layer", schedule.getLayer()},
                           {"experts", schedule.getExperts()},
                           {"k", schedule.getK()},
                           {"placement", schedule.getPlacement().str()}});
    else if (json transfer = transferJson(op); !transfer.is_null())
      transfers.push_back(std::move(transfer));
  }
  return {{"name", step.getName().str()}, {"gate_side", side == RouterSide::kExpert ? "expert" : "attention"},
          {"fragments", fragments},       {"transfers", transfers},
          {"schedules", schedules},       {"memory", memoryPlan(step)},
          {"layers", layerFacts(step)},   {"stored", weightFacts(step)}};
}

/// What recovery found: operations of the model by name, weights read inside fragments aside.
json recoveredJson(func::FuncOp step) {
  json result = json::object();
  step.walk([&](Operation *op) {
    if (op->getDialect() && op->getDialect()->getNamespace() == "moe" && !isa<moe::GetWeightOp>(op))
      result[op->getName().getStringRef().str()] = result.value(op->getName().getStringRef().str(), int64_t(0)) + 1;
    else if (isa<dist::ExpertsOp>(op))
      result["moe.experts"] = result.value("moe.experts", int64_t(0)) + 1;
  });
  return result;
}

/// A tensor program: what it computes, by operator.
json tensorJson(func::FuncOp main) {
  json operators = json::object();
  main.walk([&](Operation *op) {
    std::string name = op->getName().getStringRef().str();
    if (!isa<func::FuncOp, func::ReturnOp>(op))
      operators[name] = operators.value(name, int64_t(0)) + 1;
  });
  return {{"contract", "tensor"}, {"operators", operators}};
}

json reportOf(ModuleOp module) {
  if (auto recorded = module->getAttrOfType<StringAttr>(kPlanAttr)) {
    json plan = json::parse(recorded.begin(), recorded.end(), nullptr, /*allow_exceptions=*/false);
    if (plan.is_object())
      return plan;
  }
  json result = {{"contract", "language-model"},
                 {"model", json::object()},
                 {"recovered", json::object()},
                 {"steps", json::array()}};
  for (auto step : module.getOps<func::FuncOp>()) {
    auto gateSide = step->getAttrOfType<StringAttr>(dist::kGateSideAttr);
    if (!gateSide)
      continue;
    if (result["steps"].empty()) {
      for (Operation *holder : {step.getOperation(), module.getOperation()})
        if (auto model = holder->getAttrOfType<DictionaryAttr>("moe.model"))
          result["model"] = toJson(model);
      result["recovered"] = recoveredJson(step);
    }
    result["steps"].push_back(
        stepJson(step, gateSide.getValue() == "expert" ? RouterSide::kExpert : RouterSide::kAttention));
  }
  if (auto main = module.lookupSymbol<func::FuncOp>("main"); main && result["steps"].empty())
    return tensorJson(main);
  return result;
}

} // namespace

json explainJson(ModuleOp module, const ExplainOptions &options) {
  json result = reportOf(module);
  if (options.topology && result["contract"] == "language-model")
    result["prediction"] = predict(result, *options.topology);
  return result;
}

} // namespace janus
