#include "lib/Lowering/PackedWeights.h"

#include "dialects/moe/IR/MoEOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus::lowering {

func::FuncOp calleeOf(func::CallOp call) {
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
}

std::string PackedWeights::join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : "+") + part;
  return text;
}

std::vector<WeightUse> PackedWeights::usesOf(Operation *op) {
  std::vector<WeightUse> uses;
  if (auto call = dyn_cast<func::CallOp>(op)) {
    for (const WeightEntry &entry : collectWeights(calleeOf(call).getBody().front()).entries) {
      WeightUse &use = uses.emplace_back();
      for (Value part : entry.parts) {
        Value operand = call.getOperand(cast<BlockArgument>(part).getArgNumber());
        use.parts.push_back(operand.getDefiningOp<moe::GetWeightOp>().getWeight().str());
      }
      use.layout = layoutName(entry.layout, entry.parts.front().getType());
      use.perExpert = entry.perExpert;
    }
  } else if (auto sequence = dyn_cast<moe::SequenceOp>(op)) {
    for (Value input : sequence.getInputs())
      if (auto get = input.getDefiningOp<moe::GetWeightOp>())
        uses.push_back({{get.getWeight().str()}, layoutName(WeightLayout::kRows, get.getType()), false});
  }
  return uses;
}

std::string PackedWeights::name(const std::vector<std::string> &parts, const std::string &layout) const {
  std::string text = join(parts);
  if (layouts.at(text).size() > 1)
    text += "." + layout;
  return text;
}

void PackedWeights::collect(func::FuncOp step) {
  for (Operation &op : step.getBody().front()) {
    auto call = dyn_cast<func::CallOp>(op);
    bool attention = !call || calleeOf(call)->getAttrOfType<StringAttr>(kRole).getValue() == "attention";
    for (const WeightUse &use : usesOf(&op)) {
      std::string joined = join(use.parts);
      layouts[joined].insert(use.layout);
      auto [index, fresh] = indices.try_emplace(joined + "." + use.layout, packed.size());
      if (fresh)
        packed.push_back({use.parts, use.layout, use.perExpert, op.getAttrOfType<IntegerAttr>(kLayer).getInt()});
      packed[index->second].attention |= attention;
    }
  }
}

std::vector<std::string> PackedWeights::names(Operation *call) const {
  std::vector<std::string> result;
  for (const WeightUse &use : usesOf(call))
    result.push_back(name(use.parts, use.layout));
  return result;
}

ArrayAttr PackedWeights::describe(MLIRContext *context) const {
  Builder builder(context);
  std::map<std::pair<int64_t, std::string>, std::vector<Attribute>> files; // layer of experts or -1; file
  for (const Packed &weight : packed) {
    std::pair<int64_t, std::string> file = {-1, weight.attention ? "weights/attention.safetensors"
                                                                 : "weights/expert.safetensors"};
    if (weight.perExpert)
      file = {weight.layer, "weights/experts." + std::to_string(weight.layer) + ".safetensors"};
    SmallVector<Attribute> parts;
    for (const std::string &part : weight.parts)
      parts.push_back(FlatSymbolRefAttr::get(context, part));
    NamedAttrList fields;
    fields.set("name", builder.getStringAttr(name(weight.parts, weight.layout)));
    fields.set("layout", builder.getStringAttr(weight.layout));
    fields.set("parts", builder.getArrayAttr(parts));
    fields.set("file", builder.getStringAttr(file.second));
    if (weight.perExpert)
      fields.set("experts", builder.getUnitAttr());
    files[file].push_back(fields.getDictionary(context));
  }
  SmallVector<Attribute> all;
  for (const auto &[file, weights] : files)
    all.append(weights.begin(), weights.end());
  return builder.getArrayAttr(all);
}

} // namespace janus::lowering
