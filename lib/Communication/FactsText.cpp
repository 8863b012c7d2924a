#include "janus/Communication/Facts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using nlohmann::json;

namespace janus {
namespace {

std::string text(const json &value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// Joins what is not empty with commas.
class List {
public:
  List &add(const std::string &part) {
    if (!part.empty())
      text_ += (text_.empty() ? "" : ", ") + part;
    return *this;
  }
  List &addIf(bool condition, const std::string &part) { return condition ? add(part) : *this; }
  const std::string &str() const { return text_; }

private:
  std::string text_;
};

std::string activation(const json &facts) {
  std::string name = text(facts["activation"]);
  if (facts.value("gated", false) && name != "swiglu")
    name = "gated " + name;
  std::string constants;
  for (const char *key : {"alpha", "beta", "limit"})
    if (facts.contains(key))
      constants += std::string(constants.empty() ? "" : ", ") + key + " " + text(facts[key]);
  return constants.empty() ? name : name + " (" + constants + ")";
}

std::string router(const json &facts) {
  std::string score = text(facts["score"]);
  llvm::replace(score, '_', ' ');
  List list;
  list.add("router " + score + (facts.value("bias", false) ? " of biased logits" : ""));
  list.addIf(facts.value("select_bias", false), "chosen by score and bias");
  if (facts.contains("groups")) {
    const json &groups = facts["groups"];
    std::string by = text(groups["score"]);
    list.add(text(groups["kept"]) + " of " + text(groups["count"]) + " groups by " +
             (by == "top2_sum" ? "their two best" : "their best"));
  }
  list.addIf(facts.value("renormalize", false), "renormalised");
  list.addIf(facts["scale"] != 1, "times " + text(facts["scale"]));
  list.addIf(facts.value("expert_scale", false), "a scale for each expert");
  return list.str();
}

std::string mlp(const json &list) {
  List out;
  for (const json &facts : list)
    out.add("inner " + text(facts["inner"]) + " " + activation(facts));
  return out.str();
}

/// Lines of at most `width` columns, cut at commas; those after the first are indented by `indent`.
std::string wrap(const std::string &first, const std::string &indent, const std::string &content, size_t width) {
  std::string out = first, line;
  size_t column = first.size();
  for (size_t at = 0; at < content.size();) {
    size_t comma = content.find(", ", at);
    std::string part = content.substr(at, comma == std::string::npos ? comma : comma + 1 - at);
    if (column + 1 + part.size() > width && column > indent.size()) {
      out += "\n" + indent;
      column = indent.size();
    } else if (at) {
      out += " ";
      ++column;
    }
    out += part;
    column += part.size();
    at = comma == std::string::npos ? content.size() : comma + 2;
  }
  return out + "\n";
}

constexpr size_t kWidth = 110;

} // namespace

std::string rangesText(const std::vector<int64_t> &numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i;
    while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1)
      ++end;
    if (end < i + 2) // two of a row are no range
      end = i;
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[i]);
    if (end > i)
      text += " to " + std::to_string(numbers[end]);
    i = end + 1;
  }
  return text;
}

std::string bytesText(int64_t bytes) {
  std::string text;
  llvm::raw_string_ostream out(text);
  double value = static_cast<double>(bytes);
  if (bytes < 10 << 10)
    out << bytes << " B";
  else if (bytes < int64_t(10) << 20)
    out << llvm::format("%.1f KiB", value / 1024.0);
  else if (bytes < int64_t(10) << 30)
    out << llvm::format("%.1f MiB", value / 1048576.0);
  else
    out << llvm::format("%.1f GiB", value / 1073741824.0);
  return text;
}

std::string attentionText(const json &facts) {
  List list;
  bool latent = facts.contains("latent");
  list.add(text(facts["kind"]) + " " + text(facts["heads"]) + "/" + text(facts["kv_heads"]) + " heads of " +
           text(facts["head_dim"]) +
           (facts["value_dim"] != facts["head_dim"] ? " (values " + text(facts["value_dim"]) + ")" : ""));
  list.addIf(latent, "latent " + (latent ? text(facts["latent"]) : ""));
  list.addIf(facts["window"] != 0, "window " + text(facts["window"]));
  list.addIf(facts.contains("chunk"), "chunks of " + (facts.contains("chunk") ? text(facts["chunk"]) : ""));
  list.addIf(facts.value("sinks", false), "sinks");
  list.addIf(facts["softcap"] != 0, "softcap " + text(facts["softcap"]));
  list.addIf(facts.value("qk_norm", false), "q/k norm");
  if (auto rotary = facts.find("rotary"); rotary != facts.end())
    list.add(std::string((*rotary)["interleaved"].get<bool>() ? "interleaved rotary " : "rotary ") +
             text((*rotary)["dim"]));
  else
    list.add("no rotary");
  return list.str();
}

std::string mixtureText(const json &moe) {
  List list;
  list.add("MoE " + text(moe.value("k", json("?"))) + " of " + text(moe["experts"]) + " experts");
  list.add("inner " + text(moe["inner"]) + " " + activation(moe));
  list.addIf(moe.contains("bits"), (moe.contains("bits") ? text(moe["bits"]) : "") + "-bit weights");
  list.addIf(moe.value("expert_bias", false), "biases");
  list.addIf(moe.value("weigh_input", false), "weights on the input");
  if (auto gate = moe.find("router"); gate != moe.end()) {
    list.add(router(*gate));
    list.addIf(gate->contains("side") && (*gate)["side"] != moe.value("side", json()), "which runs on @attention");
  }
  return list.str();
}

std::string sequencesText(const json &list) {
  List out;
  for (const json &facts : list)
    out.add("function of rows" + std::string(facts["history"].get<bool>() ? " and all rows before them"
                                             : facts["state"] != 0        ? " and a state of " + text(facts["state"])
                                                                          : ""));
  return out.str();
}

std::string layersText(const json &layers, const std::string &indent) {
  std::vector<std::pair<json, std::vector<int64_t>>> groups;
  for (json layer : layers) {
    int64_t number = layer["layer"];
    layer.erase("layer");
    if (auto sequences = layer.find("sequences"); sequences != layer.end())
      for (json &sequence : *sequences)
        sequence.erase("function");
    auto found = llvm::find_if(groups, [&](const auto &group) { return group.first == layer; });
    if (found == groups.end())
      groups.push_back({layer, {number}});
    else
      found->second.push_back(number);
  }
  std::string out;
  for (const auto &[layer, numbers] : groups) {
    std::string head = indent + (numbers.size() > 1 ? "layers " : "layer ") + rangesText(numbers) + ": ";
    std::string rest = indent + "    ";
    auto line = [&](const std::string &content, const json &facts) {
      std::string side = facts.is_object() && facts.contains("side") ? " -> @" + text(facts["side"]) : "";
      out += wrap(head, rest, content + side, kWidth);
      head = rest;
    };
    if (layer.contains("attention"))
      line(attentionText(layer["attention"]), layer["attention"]);
    if (layer.contains("sequences"))
      line(sequencesText(layer["sequences"]), layer["sequences"][0]);
    if (layer.contains("moe")) {
      const json &moe = layer["moe"];
      line(mixtureText(moe), moe);
      if (moe.contains("shared"))
        line((moe.value("shared_gate", false) ? "gated shared expert, " : "shared expert, ") + mlp(moe["shared"]),
             moe["shared"][0]);
    }
    if (layer.contains("mlp"))
      line((layer.contains("moe") ? "beside it a dense MLP, " : "dense MLP, ") + mlp(layer["mlp"]), layer["mlp"][0]);
  }
  return out;
}

} // namespace janus
