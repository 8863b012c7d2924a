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
void checkNames(const Graph &model, Diagnostics &diagnostics) {
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

Producers defineAll(const Graph &graph, Diagnostics &diagnostics) {
  Producers producers;
  for (const Tensor &tensor : graph.initializers)
    define(producers, tensor.name, kConstantOrInput, "initializer", diagnostics);
  for (const ValueInfo &input : graph.inputs)
    define(producers, input.name, kConstantOrInput, "input", diagnostics);
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (const std::string &output : graph.nodes[i].outputs)
      if (!output.empty())
        define(producers, output, static_cast<long>(i), "value", diagnostics);
  return producers;
}

class Sorter {
public:
  Sorter(const Model &model, Diagnostics &diagnostics) : model_(model), diagnostics_(diagnostics) {}

  /// Sorts the graph; returns the names that it reads of the graphs around it, which a graph that has none around it
  /// may not have.
  std::vector<std::string> sort(Graph &graph, bool outermost) {
    checkNames(graph, diagnostics_);
    Producers producers = defineAll(graph, diagnostics_);
    std::vector<std::string> outside;
    std::vector<size_t> missing(graph.nodes.size());
    std::vector<std::vector<size_t>> users(graph.nodes.size());
    auto read = [&](size_t i, const std::string &input) {
      auto it = producers.find(input);
      if (it == producers.end() && !outermost) {
        outside.push_back(input);
      } else if (it == producers.end()) {
        diagnostics_.error(Code::Graph, graph.nodes[i], opsetOf(model_, graph.nodes[i]),
                           absl::StrCat("input '", absl::CHexEscape(input), "' is defined nowhere in the graph"));
      } else if (it->second != kConstantOrInput) {
        users[it->second].push_back(i);
        ++missing[i];
      }
    };
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const std::string &input : graph.nodes[i].inputs)
        if (!input.empty())
          read(i, input);
      for (Attribute &attribute : graph.nodes[i].attributes)
        if (attribute.graph)
          for (const std::string &name : sort(*attribute.graph, false))
            read(i, name);
    }
    for (const ValueInfo &output : graph.outputs)
      if (!producers.contains(output.name)) {
        if (outermost)
          diagnostics_.error(Code::Graph, absl::StrCat("graph output '", absl::CHexEscape(output.name),
                                                       "' is defined nowhere in the graph"));
        else
          outside.push_back(output.name);
      }
    order(graph, missing, users);
    return outside;
  }

private:
  void order(Graph &graph, std::vector<size_t> &missing, const std::vector<std::vector<size_t>> &users) {
    std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
    for (size_t i = 0; i < missing.size(); ++i)
      if (!missing[i])
        ready.push(i);
    std::vector<Node> sorted;
    sorted.reserve(graph.nodes.size());
    std::vector<bool> placed(graph.nodes.size());
    while (!ready.empty()) {
      size_t i = ready.top();
      ready.pop();
      placed[i] = true;
      for (size_t user : users[i])
        if (--missing[user] == 0)
          ready.push(user);
      sorted.push_back(std::move(graph.nodes[i]));
    }
    for (size_t i = 0; i < placed.size(); ++i)
      if (!placed[i])
        diagnostics_.error(Code::Graph, graph.nodes[i], opsetOf(model_, graph.nodes[i]),
                           "lies on, or behind, a cycle of the graph; an ONNX graph has none");
    graph.nodes = std::move(sorted);
  }

  const Model &model_;
  Diagnostics &diagnostics_;
};
} // namespace

void checkAndSort(Model &model, Diagnostics &diagnostics) { Sorter(model, diagnostics).sort(model, true); }
} // namespace janus::onnx
