#include "janus/Communication/Explain.h"
#include "janus/Communication/Facts.h"
#include "runtime/base/Json.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using nlohmann::json;

namespace janus {
namespace {

/// Groups equal consecutive-or-not entries that differ in "layer" and "transfer" only; first order is kept.
std::vector<std::pair<json, std::vector<int64_t>>> byLayer(const json &entries) {
  std::vector<std::pair<json, std::vector<int64_t>>> groups;
  for (json entry : entries) {
    int64_t layer = entry["layer"];
    entry.erase("layer");
    entry.erase("transfer");
    auto found = llvm::find_if(groups, [&](const auto &group) { return group.first == entry; });
    if (found == groups.end())
      groups.push_back({entry, {layer}});
    else if (found->second.back() != layer)
      found->second.push_back(layer);
  }
  return groups;
}

class Writer {
public:
  explicit Writer(llvm::raw_ostream &out) : out_(out) {}

  void write(const json &report) {
    if (report["contract"] == "tensor") {
      out_ << "tensor program: named tensors in, named tensors out, on one instance\noperators\n";
      for (const auto &[name, count] : report["operators"].items())
        out_ << "  " << llvm::left_justify(name, 40) << " " << count.dump() << "\n";
      return;
    }
    out_ << "model\n";
    for (const auto &[key, value] : report["model"].items())
      if (value.is_primitive())
        out_ << "  " << llvm::left_justify(key, 14) << value.dump() << "\n";
    out_ << "recovered\n";
    for (const auto &[name, count] : report["recovered"].items())
      out_ << "  " << llvm::left_justify(name, 16) << count.dump() << "\n";
    for (const json &step : report["steps"])
      writeStep(step);
    if (auto prediction = report.find("prediction"); prediction != report.end())
      writePrediction(*prediction);
  }

private:
  static std::string text(const json &value) { return value.get<std::string>(); }

  void writeStep(const json &step) {
    out_ << "@" << text(step["name"]) << ": the router runs on the " << text(step["gate_side"]) << " side\n";
    if (!step["layers"].empty())
      out_ << "  layers\n" << layersText(step["layers"], "    ");
    out_ << "  stored weights by role\n";
    for (const auto &[role, facts] : step["stored"].items())
      out_ << "    " << llvm::left_justify(role, 16) << llvm::left_justify(bytesText(facts["bytes"]), 12) << "@"
           << text(facts["side"]) << "\n";
    out_ << "  where each operation runs, and why\n";
    for (const auto &[fragment, layers] : byLayer(step["fragments"])) {
      out_ << "    @" << text(fragment["mesh"]) << ", layer " << rangesText(layers) << "\n";
      for (const json &op : fragment["operations"])
        out_ << "      " << llvm::left_justify(text(op["op"]), 16)
             << llvm::left_justify("x" + std::to_string(op["count"].get<int64_t>()), 5) << text(op["origin"]) << "\n";
    }
    out_ << "  transfers, by step and layer (expressions: docs/transfers.md)\n";
    for (const auto &[transfer, layers] : byLayer(step["transfers"])) {
      out_ << "    " << text(transfer["kind"]) << (transfer.value("routed", false) ? ", routed" : "") << ", layer "
           << rangesText(layers) << "\n";
      for (const json &scheme : transfer["schemes"])
        for (const json &phase : scheme["phases"])
          out_ << "      " << llvm::left_justify(text(scheme["name"]), 9) << llvm::left_justify(text(phase["name"]), 10)
               << llvm::left_justify(text(phase["link"]), 9) << "messages " << text(phase["messages"]) << "; bytes "
               << text(phase["bytes"]) << "\n";
    }
    const json &memory = step["memory"];
    out_ << "  memory of an instance\n";
    out_ << "    attention  weights " << bytesText(memory["attention"]["weights"]) << ", KV cache "
         << bytesText(memory["attention"]["kv_per_token"]) << " per token";
    if (memory["attention"].contains("states_per_sequence"))
      out_ << ", states " << bytesText(memory["attention"]["states_per_sequence"]) << " per sequence";
    out_ << "\n";
    out_ << "    expert     weights " << bytesText(memory["expert"]["weights"]);
    int64_t slots = 0;
    for (const json &slot : memory["expert"]["slot"])
      slots += slot.get<int64_t>();
    out_ << ", one slot in every layer " << bytesText(slots) << "\n";
  }

  void writePrediction(const json &prediction) {
    if (auto error = prediction.find("error"); error != prediction.end()) {
      out_ << "prediction: " << text(*error) << "\n";
      return;
    }
    out_ << "prediction for " << text(prediction["nodes"]) << " (" << text(prediction["assumption"]) << ")\n";
    for (const json &step : prediction["steps"]) {
      out_ << "  @" << text(step["name"]) << "\n";
      for (const json &group : step["groups"]) {
        out_ << "    layer " << rangesText(group["layers"]) << "\n";
        for (const json &bucket : group["buckets"])
          writeBucket(bucket);
      }
      for (const json &instance : step["memory"])
        out_ << "    " << llvm::left_justify(text(instance["instance"]), 6) << " weights "
             << bytesText(instance["weights"]) << ", "
             << (instance.contains("kv") ? "KV cache " + bytesText(instance["kv"])
                                         : "slots " + bytesText(instance["slots"]))
             << "\n";
    }
  }

  /// One row count: what each scheme costs in one layer, and the choice.
  void writeBucket(const json &bucket) {
    out_ << "      " << bucket["rows"].dump() << " rows per attention instance: " << text(bucket["chosen"]) << "\n";
    for (const json &scheme : bucket["schemes"]) {
      out_ << "        " << llvm::left_justify(text(scheme["name"]), 9)
           << llvm::format("%.2f us in one layer", scheme["time_us"].get<double>())
           << (scheme["name"] == bucket["chosen"] ? "  <- chosen" : "") << "\n";
      for (const json &phase : scheme["phases"])
        if (phase["messages"] != 0) // the JSON has them all
          out_ << "          " << llvm::left_justify(text(phase["transfer"]), 10)
               << llvm::left_justify(text(phase["name"]), 10) << llvm::left_justify(text(phase["link"]), 9)
               << phase["messages"].dump() << " messages, " << phase["bytes"].dump() << " bytes\n";
    }
  }

  llvm::raw_ostream &out_;
};

} // namespace

std::string explain(mlir::ModuleOp module, const ExplainOptions &options) {
  json report = explainJson(module, options);
  std::string result;
  llvm::raw_string_ostream out(result);
  if (options.json)
    out << JsonText(report, 1) << "\n";
  else
    Writer(out).write(report);
  return result;
}

} // namespace janus
