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

std::vector<std::string> PackedWeights::partNames(func::CallOp call, const WeightEntry &entry) {
  std::vector<std::string> names;
  for (Value part : entry.parts) {
    Value operand = call.getOperand(cast<BlockArgument>(part).getArgNumber());
    names.push_back(operand.getDefiningOp<moe::GetWeightOp>().getWeight().str());
  }
  return names;
}

std::string PackedWeights::name(const std::vector<std::string> &parts, const std::string &layout) const {
  std::string text = join(parts);
  if (layouts.at(text).size() > 1)
    text += "." + layout;
  return text;
}

void PackedWeights::collect(func::FuncOp step) {
  for (auto call : step.getOps<func::CallOp>()) {
    func::FuncOp callee = calleeOf(call);
    bool attention = callee->getAttrOfType<StringAttr>(kRole).getValue() == "attention";
    int64_t layer = call->getAttrOfType<IntegerAttr>(kLayer).getInt();
    for (const WeightEntry &entry : collectWeights(callee.getBody().front()).entries) {
      std::vector<std::string> parts = partNames(call, entry);
      std::string joined = join(parts);
      std::string layout = layoutName(entry.layout, entry.parts.front().getType());
      layouts[joined].insert(layout);
      auto [index, fresh] = indices.try_emplace(joined + "." + layout, packed.size());
      if (fresh)
        packed.push_back({parts, layout, entry.perExpert, layer});
      packed[index->second].attention |= attention;
    }
  }
}

std::vector<std::string> PackedWeights::names(func::CallOp call) const {
  std::vector<std::string> result;
  for (const WeightEntry &entry : collectWeights(calleeOf(call).getBody().front()).entries)
    result.push_back(name(partNames(call, entry), layoutName(entry.layout, entry.parts.front().getType())));
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
