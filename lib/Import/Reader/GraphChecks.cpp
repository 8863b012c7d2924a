#include "lib/Import/Reader/GraphChecks.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include <functional>
#include <queue>
#include <unordered_map>

namespace janus::onnx {
namespace {
constexpr long kConstantOrInput = -1;
/// Value name -> position of the node that produces it in Model::nodes, or kConstantOrInput.
using Producers = std::unordered_map<std::string, long>;

int64_t opsetOf(const Model &model, const Node &node) {
  auto it = model.opsets.find(node.domain);
  return it == model.opsets.end() ? 0 : it->second;
}

void define(Producers &producers, const std::string &name, long producer, const std::string &what,
            Diagnostics &diagnostics) {
  if (!producers.emplace(name, producer).second)
    diagnostics.error(Code::Graph, absl::StrCat(what, " '", absl::CHexEscape(name),
                                                "' is defined more than once; names must be unique"));
}

/// Whether `text` is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool isUtf8(const std::string &text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const unsigned lead = byte(i++);
    if (lead < 0x80)
      continue;
    const int more = lead >= 0xC2 && lead <= 0xDF   ? 1
                     : lead >= 0xE0 && lead <= 0xEF ? 2
                     : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                    : 0;
    const unsigned low = lead == 0xE0   ? 0xA0
                         : lead == 0xF0 ? 0x90
                                        : 0x80,
                   high = lead == 0xED   ? 0x9F
                          : lead == 0xF4 ? 0x8F
                                         : 0xBF;
    if (!more || byte(i) < low || byte(i) > high)
      return false;
    for (int k = 0; k < more; ++k, ++i)
      if ((byte(i) & 0xC0) != 0x80)
        return false;
  }
  return true;
}

/// Names of tensors and dimensions go into the artifact's JSON.
void checkNames(const Model &model, Diagnostics &diagnostics) {
  auto check = [&](const std::string &name, const char *what) {
    if (!isUtf8(name))
      diagnostics.error(Code::Graph,
                        absl::StrCat(what, " '", absl::CHexEscape(name), "' is not UTF-8, as ONNX wants it"));
  };
  for (const Tensor &tensor : model.initializers)
    check(tensor.name, "the name of initializer");
  for (const auto *values : {&model.inputs, &model.outputs})
    for (const ValueInfo &value : *values) {
      check(value.name, "the name of input or output");
      for (const Dim &dim : value.dims)
        check(dim.symbol, "the dimension");
    }
}

Producers defineAll(const Model &model, Diagnostics &diagnostics) {
  Producers producers;
  for (const Tensor &tensor : model.initializers)
    define(producers, tensor.name, kConstantOrInput, "initializer", diagnostics);
  for (const ValueInfo &input : model.inputs)
    define(producers, input.name, kConstantOrInput, "input", diagnostics);
  for (size_t i = 0; i < model.nodes.size(); ++i)
    for (const std::string &output : model.nodes[i].outputs)
      if (!output.empty())
        define(producers, output, static_cast<long>(i), "value", diagnostics);
  return producers;
}
} // namespace

void checkAndSort(Model &model, Diagnostics &diagnostics) {
  checkNames(model, diagnostics);
  Producers producers = defineAll(model, diagnostics);
  std::vector<size_t> missing(model.nodes.size());
  std::vector<std::vector<size_t>> users(model.nodes.size());
  for (size_t i = 0; i < model.nodes.size(); ++i)
    for (const std::string &input : model.nodes[i].inputs) {
      if (input.empty())
        continue;
      auto it = producers.find(input);
      if (it == producers.end()) {
        diagnostics.error(Code::Graph, model.nodes[i], opsetOf(model, model.nodes[i]),
                          absl::StrCat("input '", absl::CHexEscape(input), "' is defined nowhere in the graph"));
      } else if (it->second != kConstantOrInput) {
        users[it->second].push_back(i);
        ++missing[i];
      }
    }
  for (const ValueInfo &output : model.outputs)
    if (!producers.contains(output.name))
      diagnostics.error(Code::Graph, absl::StrCat("graph output '", absl::CHexEscape(output.name),
                                                  "' is defined nowhere in the graph"));

  std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
  for (size_t i = 0; i < missing.size(); ++i)
    if (!missing[i])
      ready.push(i);
  std::vector<Node> sorted;
  sorted.reserve(model.nodes.size());
  std::vector<bool> placed(model.nodes.size());
  while (!ready.empty()) {
    size_t i = ready.top();
    ready.pop();
    placed[i] = true;
    for (size_t user : users[i])
      if (--missing[user] == 0)
        ready.push(user);
    sorted.push_back(std::move(model.nodes[i]));
  }
  for (size_t i = 0; i < placed.size(); ++i)
    if (!placed[i])
      diagnostics.error(Code::Graph, model.nodes[i], opsetOf(model, model.nodes[i]),
                        "lies on, or behind, a cycle of the graph; an ONNX graph has none");
  model.nodes = std::move(sorted);
}
} // namespace janus::onnx
