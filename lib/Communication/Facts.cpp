#include "janus/Communication/Facts.h"

#include "dialects/janus/IR/JanusOps.h"

#include <map>
#include <optional>
#include <set>

using namespace mlir;
using nlohmann::json;

namespace janus {
namespace {

/// Where a value was made: through the borders of fragments, transfers and conversions of form.
Value source(Value value) {
  while (value) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto fragment = dyn_cast_or_null<dist::FragmentOp>(argument.getOwner()->getParentOp());
      if (!fragment)
        return value;
      value = fragment->getOperand(argument.getArgNumber());
      continue;
    }
    Operation *op = value.getDefiningOp();
    unsigned number = cast<OpResult>(value).getResultNumber();
    if (auto fragment = dyn_cast<dist::FragmentOp>(op))
      value = fragment.getBlock().getTerminator()->getOperand(number);
    else if (auto dispatch = dyn_cast<dist::DispatchOp>(op); dispatch && number < dispatch.getValues().size())
      value = dispatch.getValues()[number];
    else if (isa<UnrealizedConversionCastOp>(op) && op->getNumOperands() == 1)
      value = op->getOperand(0);
    else
      return value;
  }
  return value;
}

Operation *maker(Value value) {
  Value made = source(value);
  return made ? made.getDefiningOp() : nullptr;
}

/// Operations that rearrange columns and compute nothing.
bool rearranges(Operation *op) { return isa<moe::ColumnsOp>(op) || op->getName().getStringRef() == "moe.arrange"; }

/// What the query, key or value of an attention passed on its way from a linear layer.
struct Path {
  moe::RotaryOp rotary;
  moe::NormOp norm;                             // of each head
  llvm::SmallSetVector<Operation *, 4> linears; // the last ones before the attention
};

void follow(Value value, Path &path, unsigned depth = 0) {
  Operation *op = maker(value);
  if (!op || depth > 32)
    return;
  if (isa<moe::LinearOp>(op)) {
    path.linears.insert(op);
    return;
  }
  if (auto rotary = dyn_cast<moe::RotaryOp>(op))
    path.rotary = rotary, value = rotary.getX();
  else if (auto norm = dyn_cast<moe::NormOp>(op))
    path.norm = norm, value = norm.getX();
  else if (rearranges(op)) {
    for (Value operand : op->getOperands())
      follow(operand, path, depth + 1);
    return;
  } else
    return;
  follow(value, path, depth + 1);
}

/// Columns of the compressed keys and values, if these are made from such: a linear layer of a norm of (some columns
/// of) another linear layer that adds no residual; or, absorbed, that norm itself.
std::optional<int64_t> latentColumns(Value value) {
  std::function<std::optional<int64_t>(Value, unsigned)> look = [&](Value at,
                                                                    unsigned depth) -> std::optional<int64_t> {
    Operation *op = maker(at);
    if (!op || depth > 32)
      return std::nullopt;
    if (auto norm = dyn_cast<moe::NormOp>(op)) {
      Operation *below = maker(norm.getX());
      bool cut = false;
      while (below && rearranges(below)) {
        cut = true;
        below = maker(below->getOperand(0));
      }
      auto linear = dyn_cast_or_null<moe::LinearOp>(below);
      bool whole = norm.getGroup() == 0 || static_cast<int64_t>(norm.getGroup()) == norm.getX().getType().getDimSize(1);
      if (linear && !linear.getResidual() && whole && (cut || depth > 0))
        return norm.getX().getType().getDimSize(1);
      return std::nullopt;
    }
    if (auto linear = dyn_cast<moe::LinearOp>(op))
      return depth < 30 ? look(linear.getX(), 30) : std::nullopt;
    if (rearranges(op))
      return look(op->getOperand(0), depth + 1);
    return std::nullopt;
  };
  return look(value, 0);
}

const char *sideOf(Operation *op) {
  auto fragment = op->getParentOfType<dist::FragmentOp>();
  return !fragment ? nullptr : fragment.getMesh() == dist::kExpertMesh ? "expert" : "attention";
}

void setSide(json &object, Operation *op, const char *key = "side") {
  if (const char *side = sideOf(op))
    object[key] = side;
}

double number(FloatAttr attribute) { return attribute.getValueAsDouble(); }
/// As a reader would write it: 1.702 and not 1.7020000219345093.
json shortNumber(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.7g", static_cast<double>(value));
  return std::isfinite(value) ? json(std::strtod(text, nullptr)) : json(nullptr);
}

json attentionFacts(moe::AttentionOp op) {
  int64_t heads = op.getHeads(), kv = op.getKvHeads();
  json facts = {{"heads", heads},
                {"kv_heads", kv},
                {"head_dim", op.getHeadDim()},
                {"value_dim", op.getValueDim()},
                {"window", op.getWindow()},
                {"sinks", static_cast<bool>(op.getSinks())},
                {"softcap", shortNumber(op.getSoftcap().convertToFloat())},
                {"scale", shortNumber(op.getScale().convertToFloat())}};
  if (auto chunk = op->getAttrOfType<IntegerAttr>("chunk"); chunk && chunk.getInt())
    facts["chunk"] = chunk.getInt();
  Path q, k;
  follow(op.getQ(), q);
  follow(op.getK(), k);
  std::optional<int64_t> latent = latentColumns(op.getV());
  facts["kind"] = latent ? "MLA" : kv == heads ? "MHA" : kv == 1 ? "MQA" : "GQA";
  if (latent)
    facts["latent"] = *latent;
  facts["qk_norm"] = !latent && q.norm && k.norm;
  if (moe::RotaryOp rotary = q.rotary ? q.rotary : k.rotary)
    facts["rotary"] = {{"dim", rotary.getRotaryDim()},
                       {"interleaved", rotary.getInterleaved()},
                       {"positions", rotary.getCos().getType().getDimSize(0)}};
  setSide(facts, op);
  return facts;
}

json activationFacts(moe::ActivationAttr activation, bool gated) {
  json facts = {{"activation", moe::stringifyActivationKind(activation.getKind()).str()}, {"gated", gated}};
  if (activation.getKind() != moe::ActivationKind::swiglu)
    return facts;
  if (number(activation.getAlpha()) != 1)
    facts["alpha"] = shortNumber(static_cast<float>(number(activation.getAlpha())));
  if (number(activation.getBeta()) != 0)
    facts["beta"] = shortNumber(static_cast<float>(number(activation.getBeta())));
  if (!activation.getLimit().getValue().isInfinity())
    facts["limit"] = shortNumber(static_cast<float>(number(activation.getLimit())));
  return facts;
}

template <typename Experts> json expertFacts(Experts op) {
  auto gate = cast<RankedTensorType>(op.getGate().getType());
  json facts = activationFacts(op.getActivation(), static_cast<bool>(op.getUp()));
  facts["experts"] = gate.getDimSize(0);
  facts["inner"] = gate.getDimSize(1);
  facts["hidden"] = gate.getDimSize(2);
  facts["expert_bias"] = op.getGateBias() || op.getUpBias() || op.getDownBias();
  facts["weigh_input"] = static_cast<bool>(op.getWeighInputAttr());
  if (auto blocks = dyn_cast_or_null<moe::BlocksAttr>(gate.getEncoding()))
    facts["bits"] = blocks.getBits();
  setSide(facts, op);
  return facts;
}

json routerFacts(moe::RouteOp op) {
  json facts = {{"score", moe::stringifyScore(op.getScore()).str()},
                {"renormalize", op.getRenormalize()},
                {"select_bias", static_cast<bool>(op.getSelectBias())},
                {"expert_scale", static_cast<bool>(op.getExpertScale())},
                {"scale", shortNumber(op.getScale().convertToFloat())}};
  auto linear = dyn_cast_or_null<moe::LinearOp>(maker(op.getLogits()));
  facts["bias"] = linear && linear.getBias();
  if (auto groups = op.getGroups())
    facts["groups"] = {{"count", groups->getCount()},
                       {"kept", groups->getKept()},
                       {"score", moe::stringifyGroupScore(groups->getScore()).str()}};
  setSide(facts, op);
  return facts;
}

/// What a function reads of earlier rows: states, all of them, or nothing.
json sequenceFacts(moe::SequenceOp op) {
  json facts = {
      {"function", op.getCallee().str()}, {"state", stateElements(op)}, {"history", op.getHistory().has_value()}};
  setSide(facts, op);
  return facts;
}

/// One layer while it is being collected.
struct Layer {
  std::optional<json> attention, experts, router;
  json sequences = json::array(); // functions of the rows of a sequence
  int64_t k = 0;
  Value x;                                // what the experts read
  SmallVector<moe::ActivateOp> activates; // of dense MLPs and shared experts
  SmallVector<moe::GateOp> gates;

  bool beyondAttention() const { return experts || router || !activates.empty(); }
  bool empty() const { return !attention && !beyondAttention() && sequences.empty(); }
};

/// The input of the linear layer before an activation.
Value inputOf(moe::ActivateOp op) {
  Path path;
  follow(op.getGate(), path);
  return path.linears.empty() ? Value() : source(cast<moe::LinearOp>(path.linears.front()).getX());
}

json finish(const Layer &layer, int64_t index) {
  json facts = {{"layer", index}};
  if (layer.attention)
    facts["attention"] = *layer.attention;
  if (!layer.sequences.empty())
    facts["sequences"] = layer.sequences;
  json shared = json::array(), dense = json::array();
  for (moe::ActivateOp op : layer.activates) {
    json mlp = activationFacts(op.getActivation(), static_cast<bool>(op.getUp()));
    mlp["inner"] = op.getGate().getType().getDimSize(1);
    setSide(mlp, op);
    bool beside = layer.experts && layer.x && inputOf(op) == layer.x;
    (beside ? shared : dense).push_back(mlp);
  }
  if (layer.experts) {
    facts["moe"] = *layer.experts;
    if (layer.k)
      facts["moe"]["k"] = layer.k;
    if (layer.router)
      facts["moe"]["router"] = *layer.router;
    if (!shared.empty()) {
      facts["moe"]["shared"] = shared;
      facts["moe"]["shared_gate"] = !layer.gates.empty();
    }
  }
  if (!dense.empty())
    facts["mlp"] = dense;
  return facts;
}

/// What a linear layer is for, by what stands before and behind it.
const char *linearRole(moe::LinearOp op) {
  if (op.getRouter())
    return "router";
  SmallVector<Value> stack{op.getResult()};
  std::set<void *> seen;
  while (!stack.empty()) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value.getAsOpaquePointer()).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isa<moe::AttentionOp>(user))
        return "attention";
      if (isa<moe::ActivateOp>(user))
        return "mlp";
      if (isa<func::ReturnOp>(user))
        return "head";
      if (rearranges(user) || isa<moe::RotaryOp, moe::NormOp, UnrealizedConversionCastOp>(user)) {
        llvm::append_range(stack, user->getResults());
      } else if (isa<dist::YieldOp>(user)) {
        stack.push_back(user->getParentOp()->getResult(use.getOperandNumber()));
      } else if (auto linear = dyn_cast<moe::LinearOp>(user); linear && use.getOperandNumber() == 0) {
        stack.push_back(linear.getResult()); // latent attention: a linear layer of a linear layer
      } else if (auto fragment = dyn_cast<dist::FragmentOp>(user)) {
        stack.push_back(fragment.getBlock().getArgument(use.getOperandNumber()));
      }
    }
    if (value == op.getResult()) { // what comes in says more than what is far behind
      Operation *before = maker(op.getX());
      while (before && rearranges(before))
        before = maker(before->getOperand(0));
      if (before && isa<moe::AttentionOp>(before))
        return "attention";
      if (before && isa<moe::ActivateOp>(before))
        return "mlp";
    }
    if (op.getResidual())
      break; // the residual stream leads everywhere
  }
  return "other";
}

const char *roleOf(Operation *op) {
  if (isa<moe::EmbeddingOp>(op))
    return "embedding";
  if (isa<moe::AttentionOp>(op))
    return "attention";
  if (isa<moe::RotaryOp>(op))
    return "rotary tables";
  if (isa<moe::NormOp>(op))
    return "norms";
  if (isa<moe::SequenceOp>(op))
    return "sequences";
  if (isa<moe::RouteOp>(op))
    return "router";
  if (isa<moe::ExpertsOp, dist::ExpertsOp>(op))
    return "experts";
  if (auto linear = dyn_cast<moe::LinearOp>(op))
    return linearRole(linear);
  return "other";
}

/// Bits of the numbers that an attribute of a weight's views refers to or holds: views, elements, or, of quantised
/// ones, integers, scales and zero points.
int64_t storedBits(Attribute attribute) {
  if (auto view = dyn_cast<moe::ViewAttr>(attribute)) {
    int64_t elements = 1;
    for (int64_t extent : view.getShape())
      elements *= extent;
    return elements * static_cast<int64_t>(view.getStorage().getIntOrFloatBitWidth());
  }
  if (auto elements = dyn_cast<ElementsAttr>(attribute))
    return elements.getNumElements() * static_cast<int64_t>(elements.getElementType().getIntOrFloatBitWidth());
  int64_t bits = 0;
  if (isa<moe::QuantisedAttr, ArrayAttr>(attribute))
    attribute.walkImmediateSubElements([&](Attribute part) { bits += storedBits(part); }, [](Type) {});
  return bits;
}

int64_t storedBytes(moe::WeightOp weight) {
  Attribute stored = weight.getViewsAttr() ? Attribute(weight.getViewsAttr()) : Attribute(weight.getValueAttr());
  return stored ? (storedBits(stored) + 7) / 8 : 0;
}

} // namespace

int64_t stateElements(moe::SequenceOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<FunctionOpInterface>(op, op.getCalleeAttr());
  int64_t elements = 0;
  for (Type type : callee ? callee.getArgumentTypes().drop_front(op.getInputs().size()) : ArrayRef<Type>())
    elements += cast<RankedTensorType>(type).getNumElements();
  return elements;
}

json layerFacts(func::FuncOp step) {
  json layers = json::array();
  Layer current;
  auto close = [&] {
    if (!current.empty())
      layers.push_back(finish(current, static_cast<int64_t>(layers.size())));
    current = {};
  };
  step.walk([&](Operation *op) {
    if (auto sequence = dyn_cast<moe::SequenceOp>(op)) {
      if (current.beyondAttention() && (sequence.getHistory() || stateElements(sequence)))
        close(); // it mixes rows, as an attention does
      current.sequences.push_back(sequenceFacts(sequence));
    } else if (auto attention = dyn_cast<moe::AttentionOp>(op)) {
      if (current.attention || current.beyondAttention())
        close();
      current.attention = attentionFacts(attention);
    } else if (auto route = dyn_cast<moe::RouteOp>(op)) {
      if (current.router)
        close();
      current.router = routerFacts(route);
      current.k = static_cast<int64_t>(route.getK());
    } else if (auto experts = dyn_cast<moe::ExpertsOp>(op)) {
      if (current.experts)
        close();
      current.experts = expertFacts(experts), current.x = source(experts.getX());
    } else if (auto experts = dyn_cast<dist::ExpertsOp>(op)) {
      if (current.experts)
        close();
      current.experts = expertFacts(experts), current.x = source(experts.getX());
    } else if (auto activate = dyn_cast<moe::ActivateOp>(op)) {
      current.activates.push_back(activate);
    } else if (auto gate = dyn_cast<moe::GateOp>(op)) {
      current.gates.push_back(gate);
    }
  });
  close();
  return layers;
}

json weightFacts(func::FuncOp step) {
  std::map<StringRef, moe::WeightOp> weights;
  for (auto weight : step->getParentOfType<ModuleOp>().getOps<moe::WeightOp>())
    weights[weight.getSymName()] = weight;
  std::set<StringRef> seen;
  json roles = json::object();
  step.walk([&](moe::GetWeightOp read) {
    auto weight = weights.find(read.getWeight());
    if (weight == weights.end() || read->use_empty() || !seen.insert(read.getWeight()).second)
      return;
    Operation *user = *read->user_begin();
    for (Operation *other : read->getUsers()) // the first in order
      if (other->getBlock() == user->getBlock() && other->isBeforeInBlock(user))
        user = other;
    json &role = roles.emplace(roleOf(user), json{{"bytes", int64_t(0)}}).first.value();
    role["bytes"] = role["bytes"].get<int64_t>() + storedBytes(weight->second);
    setSide(role, user);
  });
  return roles;
}

} // namespace janus
