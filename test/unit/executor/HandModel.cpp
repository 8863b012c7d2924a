// Weights and program tables of the model.
#include "test/unit/executor/HandModel.h"

#include "absl/strings/str_cat.h"
#include "kernels/common/Pack.h"

#include <cmath>
#include <cstdlib>
#include <random>
#include <xxhash.h>

namespace janus::hand {
namespace {

using Op = Instruction::Op;

std::string Layer(int64_t layer, const char *name) { return absl::StrCat("l", layer, ".", name); }

int64_t RoundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

std::shared_ptr<float[]> Allocate(int64_t floats) {
  int64_t bytes = RoundUp(floats * static_cast<int64_t>(sizeof(float)), abi::kAlignment);
  float *data = static_cast<float *>(std::aligned_alloc(abi::kAlignment, bytes));
  std::fill(data, data + bytes / sizeof(float), 0.0f);
  return std::shared_ptr<float[]>(data, std::free);
}

struct Shape {
  const char *name;
  int64_t n, k;
};
constexpr Shape kLinears[] = {
    {"qkv", kQkv, kHidden}, {"out", kHidden, kAttended}, {"router", kExperts, kHidden}, {"shared", kHidden, kHidden}};

} // namespace

Numbers MakeNumbers(uint32_t seed) {
  std::mt19937 generator(seed);
  Numbers numbers;
  auto fill = [&](const std::string &name, int64_t count, float scale, float offset = 0.0f) {
    std::vector<float> &values = numbers[name];
    for (int64_t i = 0; i < count; ++i)
      values.push_back(offset + scale * (static_cast<float>(generator() >> 8) / 8388608.0f - 1.0f));
  };
  fill("embed", kVocab * kHidden, 1.0f);
  fill("norm", kHidden, 0.3f, 1.0f);
  fill("head", kVocab * kHidden, 0.3f);
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    fill(Layer(layer, "norm1"), kHidden, 0.3f, 1.0f);
    fill(Layer(layer, "norm2"), kHidden, 0.3f, 1.0f);
    for (const Shape &shape : kLinears)
      fill(Layer(layer, shape.name), shape.n * shape.k, 0.25f);
    fill(Layer(layer, "qkv_bias"), kQkv, 0.2f);
    fill(Layer(layer, "router_bias"), kExperts, 0.2f);
    fill(Layer(layer, "sinks"), kHeads, 1.0f);
    fill(Layer(layer, "gate"), kExperts * kIntermediate * kHidden, 0.25f);
    fill(Layer(layer, "up"), kExperts * kIntermediate * kHidden, 0.25f);
    fill(Layer(layer, "down"), kExperts * kHidden * kIntermediate, 0.25f);
    fill(Layer(layer, "up_bias"), kExperts * 2 * kIntermediate, 0.2f);
    fill(Layer(layer, "down_bias"), kExperts * kHidden, 0.2f);
  }
  for (int64_t position = 0; position < kContext; ++position)
    for (int64_t i = 0; i < kHeadDim / 2; ++i) {
      double angle = static_cast<double>(position) * std::pow(100.0, -2.0 * static_cast<double>(i) / kHeadDim);
      numbers["cos"].push_back(static_cast<float>(std::cos(angle)));
      numbers["sin"].push_back(static_cast<float>(std::sin(angle)));
    }
  return numbers;
}

PackedWeights::PackedWeights(const Numbers &numbers) {
  auto panels = [&](const std::string &name, int64_t n, int64_t k) {
    int64_t floats = PanelFloats(n, k);
    all[name] = {false, floats, Allocate(floats)};
    PackPanels(numbers.at(name).data(), k, n, k, all[name].data.get());
  };
  auto rows = [&](const std::string &name) {
    int64_t floats = static_cast<int64_t>(numbers.at(name).size());
    all[name] = {false, floats, Allocate(floats)};
    std::copy(numbers.at(name).begin(), numbers.at(name).end(), all[name].data.get());
  };
  auto by_expert = [&](const std::string &name, int64_t floats, auto pack) {
    int64_t each = RoundUp(floats, 16);
    all[name] = {true, each, Allocate(kExperts * each)};
    for (int64_t expert = 0; expert < kExperts; ++expert)
      pack(expert, all[name].data.get() + expert * each);
  };
  for (const char *name : {"embed", "norm", "cos", "sin"})
    rows(name);
  panels("head", kVocab, kHidden);
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    for (const char *name : {"norm1", "norm2", "qkv_bias", "router_bias", "sinks"})
      rows(Layer(layer, name));
    for (const Shape &shape : kLinears)
      panels(Layer(layer, shape.name), shape.n, shape.k);
    by_expert(Layer(layer, "up"), ExpertUpFloats(kIntermediate, kHidden), [&](int64_t expert, float *out) {
      int64_t begin = expert * kIntermediate * kHidden;
      PackExpertUp(&numbers.at(Layer(layer, "gate"))[begin], &numbers.at(Layer(layer, "up"))[begin], kHidden,
                   kIntermediate, kHidden, out);
    });
    by_expert(Layer(layer, "down"), PanelFloats(kHidden, kIntermediate), [&](int64_t expert, float *out) {
      PackPanels(&numbers.at(Layer(layer, "down"))[expert * kHidden * kIntermediate], kIntermediate, kHidden,
                 kIntermediate, out);
    });
    for (auto [name, floats] : {std::pair("up_bias", 2 * kIntermediate), std::pair("down_bias", kHidden)}) {
      const std::vector<float> &values = numbers.at(Layer(layer, name));
      by_expert(Layer(layer, name), floats, [&values, floats = floats](int64_t expert, float *out) {
        std::copy_n(values.begin() + expert * floats, floats, out);
      });
    }
  }
}

absl::StatusOr<const PackedWeights::Packed *> PackedWeights::Find(const std::string &name, bool by_expert) {
  auto it = all.find(name);
  if (it == all.end() || it->second.by_expert != by_expert)
    return absl::NotFoundError(absl::StrCat("weight ", name, " is not in the model"));
  return &it->second;
}

absl::StatusOr<int64_t> PackedWeights::Experts(const std::string &name) {
  auto it = all.find(name);
  if (it == all.end())
    return absl::NotFoundError(absl::StrCat("weight ", name, " is not in the model"));
  return it->second.by_expert ? kExperts : 0;
}

absl::StatusOr<int64_t> PackedWeights::Bytes(const std::string &name, int64_t) {
  auto it = all.find(name);
  if (it == all.end())
    return absl::NotFoundError(absl::StrCat("weight ", name, " is not in the model"));
  return it->second.each * static_cast<int64_t>(sizeof(float));
}

absl::StatusOr<WeightView> PackedWeights::Tensor(const std::string &name) {
  absl::StatusOr<const Packed *> packed = Find(name, false);
  if (!packed.ok())
    return packed.status();
  return WeightView{(*packed)->data.get(), (*packed)->each * static_cast<int64_t>(sizeof(float))};
}

absl::StatusOr<WeightView> PackedWeights::Expert(const std::string &name, int64_t expert) {
  absl::StatusOr<const Packed *> packed = Find(name, true);
  if (!packed.ok())
    return packed.status();
  asked[name].push_back(expert);
  return View(**packed, expert);
}

absl::StatusOr<UncheckedWeight> PackedWeights::Unchecked(const std::string &name, int64_t expert) {
  absl::StatusOr<const Packed *> packed = Find(name, true);
  if (!packed.ok())
    return packed.status();
  asked[name].push_back(expert);
  const WeightView view = View(**packed, expert);
  return UncheckedWeight{view.data, view.bytes, XXH3_64bits(view.data, view.bytes)};
}

WeightView PackedWeights::View(const Packed &packed, int64_t expert) const {
  return {packed.data.get() + expert * packed.each, packed.each * static_cast<int64_t>(sizeof(float))};
}

ModelDesc Model(GateSide side) {
  ModelDesc model;
  model.vocab = kVocab, model.context = kContext, model.hidden = kHidden, model.page_tokens = 32;
  model.moe_layers.assign(kLayers, MoeLayerDesc{kExperts, kTopK});
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    model.kv_caches.push_back({kKvHeads, kHeadDim, kHeadDim, layer == 1 ? kWindow : 0});
    model.transfers.push_back({layer, layer, side == GateSide::kAttention, kHidden, kTopK});
  }
  return model;
}

namespace {

/// Appends values and instructions to a program.
struct Builder {
  RoleProgram program;

  Builder() {
    for (uint32_t i = 0; i < Code().fragment_count; ++i)
      program.fragments.push_back(
          {Code().fragments[i].name, Code().fragments[i].operands, Code().fragments[i].weights});
  }
  int64_t Value(const char *name, ElementType type, abi::Symbol symbol, int64_t columns) {
    program.values.push_back({name, type, symbol, 0, columns});
    return static_cast<int64_t>(program.values.size()) - 1;
  }
  Instruction &Step(Op op, int64_t layer) {
    program.steps.emplace_back();
    program.steps.back().op = op;
    program.steps.back().layer = layer;
    return program.steps.back();
  }
  void Call(const char *fragment, int64_t layer, std::vector<int64_t> operands, int64_t outputs,
            std::vector<std::string> weights) {
    Instruction &step = Step(Op::kCall, layer);
    for (size_t i = 0; i < program.fragments.size(); ++i)
      if (program.fragments[i].name == fragment)
        step.fragment = static_cast<int64_t>(i);
    step.operands = std::move(operands);
    step.outputs = outputs;
    step.weights = std::move(weights);
  }
  void Move(Op op, int64_t layer, std::vector<int64_t> values) {
    Instruction &step = Step(op, layer);
    step.transfer = layer;
    step.operands = std::move(values);
  }
  void Schedule(int64_t layer, int64_t ids, int64_t weights) {
    Instruction &step = Step(Op::kSchedule, layer);
    step.operands = {ids, weights};
    step.experts = kExperts;
    step.k = kTopK;
  }
  RoleProgram Finish() {
    program.hash = ProgramHash(program);
    return std::move(program);
  }
};

RoleProgram AttentionProgram(GateSide side) {
  Builder b;
  auto f32 = [&](const char *name, int64_t columns) { return b.Value(name, ElementType::kF32, abi::kRows, columns); };
  int64_t ids = b.Value("ids", ElementType::kI32, abi::kRows, 1);
  int64_t positions = b.Value("positions", ElementType::kI32, abi::kRows, 1);
  int64_t wanted = b.Value("wanted", ElementType::kI32, abi::kWanted, 1);
  int64_t x = f32("x", kHidden), next = f32("next", kHidden), h = f32("h", kHidden), s = f32("s", kHidden);
  int64_t y = f32("y", kTopK * kHidden), chosen = b.Value("chosen", ElementType::kI32, abi::kRows, kTopK);
  int64_t weights = f32("weights", kTopK);
  int64_t logits = b.Value("logits", ElementType::kF32, abi::kWanted, kVocab);
  b.program.inputs = {{"ids", ids}, {"positions", positions}, {"wanted", wanted}};
  b.program.outputs = {{"logits", logits}};
  b.Call("embed", 0, {ids, x}, 1, {"embed"});
  for (int64_t l = 0; l < kLayers; ++l) {
    std::vector<std::string> names = {Layer(l, "norm1"), Layer(l, "qkv"),  Layer(l, "qkv_bias"), "cos", "sin",
                                      Layer(l, "out"),   Layer(l, "norm2")};
    if (l == 1)
      names.push_back(Layer(l, "sinks"));
    b.Call(l == 1 ? "attend_window" : "attend_all", l, {x, positions, next, h}, 2, names);
    b.program.steps.back().cache = l;
    if (side == GateSide::kAttention) {
      b.Call("route_rows", l, {h, chosen, weights}, 2, {Layer(l, "router"), Layer(l, "router_bias")});
      b.Step(Op::kExchange, l).operands = {chosen};
      b.Schedule(l, chosen, weights);
      b.Move(Op::kDispatch, l, {h, chosen, weights});
    } else {
      b.Move(Op::kDispatch, l, {h});
    }
    b.Call("shared", l, {h, s}, 1, {Layer(l, "shared")});
    b.Move(Op::kCollect, l, {y});
    b.Call("combine", l, {y, s, next, x}, 1, {});
  }
  b.Call("head", kLayers - 1, {x, wanted, logits}, 1, {"norm", "head"});
  return b.Finish();
}

RoleProgram ExpertProgram(GateSide side) {
  Builder b;
  int64_t h = b.Value("h", ElementType::kF32, abi::kStepRows, kHidden);
  int64_t chosen = b.Value("chosen", ElementType::kI32, abi::kStepRows, kTopK);
  int64_t weights = b.Value("weights", ElementType::kF32, abi::kStepRows, kTopK);
  int64_t y = b.Value("y", ElementType::kF32, abi::kPairs, kHidden);
  for (int64_t l = 0; l < kLayers; ++l) {
    b.Move(Op::kReceive, l, {h});
    if (side == GateSide::kExpert) {
      b.Call("route_step", l, {h, chosen, weights}, 2, {Layer(l, "router"), Layer(l, "router_bias")});
      b.Schedule(l, chosen, weights);
    }
    b.Call("experts", l, {h, y}, 1, {Layer(l, "up"), Layer(l, "down"), Layer(l, "up_bias"), Layer(l, "down_bias")});
    b.Move(Op::kReturn, l, {y});
  }
  return b.Finish();
}

} // namespace

RoleProgram Program(GateSide side, Role role) {
  return role == Role::kAttention ? AttentionProgram(side) : ExpertProgram(side);
}

} // namespace janus::hand
