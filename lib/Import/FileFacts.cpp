#include "lib/Import/ImportInternal.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace janus {
namespace {

constexpr size_t kMaxOperators = 1000, kMaxName = 200;

/// For a terminal: bounded, without control characters.
std::string shown(const std::string &text) { return absl::Utf8SafeCHexEscape(text.substr(0, kMaxName)); }

void count(const onnx::Graph &graph, FileFacts &facts) {
  for (const onnx::Node &node : graph.nodes) {
    ++facts.nodes;
    std::string name = shown(node.domain.empty() ? node.type : absl::StrCat(node.domain, ".", node.type));
    if (facts.operators.size() < kMaxOperators || facts.operators.contains(name))
      ++facts.operators[name];
    for (const onnx::Attribute &attribute : node.attributes)
      if (attribute.graph)
        count(*attribute.graph, facts);
  }
}

/// Nodes whose name begins so, of all: exporters differ in how they name, and say less in the producer.
bool areNamed(const onnx::Model &model, absl::string_view prefix) {
  size_t named = 0;
  for (const onnx::Node &node : model.nodes)
    named += absl::StartsWith(node.name, prefix);
  return named * 2 > model.nodes.size();
}

std::string exporterOf(const onnx::Model &model) {
  if (absl::StartsWith(model.producer, "onnxruntime-genai"))
    return "onnxruntime-genai model builder";
  if (absl::StartsWith(model.producer, "mobius"))
    return "mobius";
  if (absl::StartsWith(model.producer, "pytorch")) {
    if (areNamed(model, "/"))
      return "torch.onnx, TorchScript tracing (optimum exports so, too)";
    if (!areNamed(model, "node_"))
      return "torch.onnx";
    bool hub = std::any_of(model.inputs.begin(), model.inputs.end(),
                           [](const onnx::ValueInfo &input) { return absl::StartsWith(input.name, "input."); });
    return hub ? "Hugging Face transformers, on torch.onnx with dynamo" : "torch.onnx with dynamo";
  }
  return "";
}

} // namespace

FileFacts fileFacts(const onnx::Model &model) {
  FileFacts facts;
  facts.irVersion = model.irVersion;
  facts.producer = shown(model.producer);
  facts.exporter = exporterOf(model);
  for (const auto &[domain, version] : model.opsets)
    if (facts.opsets.size() < kMaxOperators)
      facts.opsets[shown(domain)] = version;
  count(model, facts);
  return facts;
}

} // namespace janus
