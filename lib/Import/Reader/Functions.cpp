#include "lib/Import/Reader/Functions.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace janus::onnx {
namespace {
constexpr size_t kMaxShownName = 256; // of a node, which gets the names of all calls around it

std::string keyOf(const std::string &domain, const std::string &name, const std::string &overload) {
  return absl::StrCat(domain, "\n", name, "\n", overload);
}

class Inliner {
public:
  Inliner(const std::vector<Function> &functions, const NativeOperator &native, Diagnostics &diagnostics,
          const Limits &limits)
      : native_(native), diagnostics_(diagnostics), limits_(limits) {
    for (const Function &function : functions)
      if (!functions_.emplace(keyOf(function.domain, function.name, function.overload), &function).second)
        diagnostics_.error(Code::Graph, absl::StrCat("function '", absl::CHexEscape(function.domain), ".",
                                                     absl::CHexEscape(function.name), "' is defined more than once"));
  }

  bool failed() const { return failed_; }

  /// Counts what each call will become, in time linear in the functions' bodies: bodies that call each other many times
  /// are refused before they are copied. Calls that close a circle count nothing; expand finds them.
  void measure() {
    std::vector<std::pair<const Function *, bool>> open;
    for (const auto &[key, function] : functions_)
      open.emplace_back(function, false);
    while (!open.empty()) {
      auto &[function, entered] = open.back();
      if (!entered && sizes_.contains(function)) {
        open.pop_back();
      } else if (!entered) {
        entered = true;
        sizes_[function] = 0;
        for (const Function *called : calls(*function))
          if (!sizes_.contains(called))
            open.emplace_back(called, false); // moves `open`
      } else {
        const Function *done = function;
        size_t size = 0;
        sum(done->nodes, size);
        sizes_[done] = size;
        open.pop_back();
      }
    }
  }

  void run(Graph &graph) {
    std::vector<Node> nodes;
    std::swap(nodes, graph.nodes);
    for (Node &node : nodes)
      expand(std::move(node), graph.nodes);
  }

private:
  using Names = std::unordered_map<std::string, std::string>;

  const Function *find(const Node &node) const {
    auto it = functions_.find(keyOf(node.domain, node.type, node.overload));
    return it == functions_.end() || native_(node.domain, node.type) ? nullptr : it->second;
  }

  template <typename Visit> static void visit(const std::vector<Node> &nodes, Visit each) {
    for (const Node &node : nodes) {
      each(node);
      for (const Attribute &attribute : node.attributes)
        if (attribute.graph)
          visit(attribute.graph->nodes, each);
    }
  }

  std::vector<const Function *> calls(const Function &function) const {
    std::vector<const Function *> called;
    visit(function.nodes, [&](const Node &node) {
      if (const Function *inner = find(node))
        called.push_back(inner);
    });
    return called;
  }

  /// Adds the nodes that these become; stays just above the limit once it is there.
  void sum(const std::vector<Node> &nodes, size_t &size) const {
    visit(nodes, [&](const Node &node) {
      const Function *function = find(node);
      size = std::min(size + (function ? sizes_.at(function) : 1), limits_.nodes + 1);
    });
  }

  void failAsTooLarge(const Node &node) {
    fail(node, absl::StrCat("with the model's functions inlined there are more than ", limits_.nodes, " nodes or ",
                            limits_.graphBytes, " bytes of names"));
  }

  void expand(Node node, std::vector<Node> &out) {
    if (failed_)
      return;
    for (Attribute &attribute : node.attributes)
      if (attribute.graph)
        run(*attribute.graph);
    const Function *function = find(node);
    if (!function) {
      for (const auto *list : {&node.inputs, &node.outputs})
        for (const std::string &name : *list)
          bytes_ += name.size();
      if (++nodes_ > limits_.nodes || bytes_ > limits_.graphBytes)
        return failAsTooLarge(node);
      out.push_back(std::move(node));
      return;
    }
    if (active_.size() >= static_cast<size_t>(limits_.depth))
      return fail(node, absl::StrCat("functions call each other to a depth of more than ", limits_.depth));
    if (!active_.insert(function).second)
      return fail(node, "a function that calls itself has no end");
    if (nodes_ + sizes_.at(function) > limits_.nodes)
      return failAsTooLarge(node);
    call(node, *function, out);
    active_.erase(function);
  }

  void call(const Node &node, const Function &function, std::vector<Node> &out) {
    if (node.inputs.size() > function.inputs.size() || node.outputs.size() > function.outputs.size())
      return fail(node, absl::StrCat("numbers of inputs and outputs of the function; found ", node.inputs.size(),
                                     " and ", node.outputs.size(), "; expected at most ", function.inputs.size(),
                                     " and ", function.outputs.size()));
    Names names;
    for (size_t i = 0; i < function.inputs.size(); ++i)
      names[function.inputs[i]] = i < node.inputs.size() ? node.inputs[i] : "";
    std::vector<std::pair<std::string, std::string>> copies; // an output that is an input, or is named twice
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (!node.outputs[i].empty() && !names.emplace(function.outputs[i], node.outputs[i]).second)
        copies.emplace_back(function.outputs[i], node.outputs[i]);
    const size_t id = calls_++;
    for (const Node &body : function.nodes) {
      Node copy = body;
      copy.index = node.index;
      copy.name = absl::StrCat(displayName(node).substr(0, kMaxShownName), "/",
                               (body.name.empty() ? body.type : body.name).substr(0, kMaxShownName));
      rename(copy, names, id);
      if (!bindAttributes(copy.attributes, node, function))
        return;
      expand(std::move(copy), out);
      if (failed_)
        return;
    }
    for (const auto &[formal, actual] : copies) {
      Node copy;
      copy.name = displayName(node), copy.type = "Identity", copy.index = node.index;
      copy.inputs = {names[formal]}, copy.outputs = {actual};
      expand(std::move(copy), out);
    }
  }

  /// Values of the body get names of their own.
  void rename(Node &node, Names &names, size_t id) {
    for (auto *list : {&node.inputs, &node.outputs}) {
      for (std::string &name : *list)
        if (!name.empty()) {
          auto [entry, fresh] = names.try_emplace(name);
          if (fresh)
            entry->second = absl::StrCat("call", id, ".", names.size());
          name = entry->second;
        }
      while (!list->empty() && list->back().empty())
        list->pop_back();
    }
    for (Attribute &attribute : node.attributes)
      if (attribute.graph) {
        attribute.graph = std::make_shared<Graph>(*attribute.graph);
        Names inner = names;
        for (ValueInfo &input : attribute.graph->inputs)
          input.name = inner[input.name] = absl::StrCat("call", id, ".", inner.size(), ".", input.name.substr(0, 64));
        for (Tensor &tensor : attribute.graph->initializers)
          tensor.name = inner[tensor.name] =
              absl::StrCat("call", id, ".", inner.size(), ".", tensor.name.substr(0, 64));
        for (Node &nested : attribute.graph->nodes)
          rename(nested, inner, id);
        for (ValueInfo &output : attribute.graph->outputs)
          if (auto it = inner.find(output.name); it != inner.end())
            output.name = it->second;
      }
  }

  /// References take the value that the call gives, or the default, or are left out.
  bool bindAttributes(std::vector<Attribute> &attributes, const Node &node, const Function &function) {
    std::vector<Attribute> bound;
    for (Attribute &attribute : attributes) {
      if (attribute.graph)
        for (Node &nested : attribute.graph->nodes)
          if (!bindAttributes(nested.attributes, node, function))
            return false;
      if (attribute.kind != Attribute::Kind::Reference) {
        bound.push_back(std::move(attribute));
        continue;
      }
      const Attribute *value = nullptr;
      for (const auto *list : {&function.defaults, &node.attributes})
        for (const Attribute &given : *list)
          if (given.name == attribute.reference)
            value = &given;
      if (!value)
        continue;
      bound.push_back(*value);
      bound.back().name = attribute.name;
    }
    attributes = std::move(bound);
    return true;
  }

  void fail(const Node &node, const std::string &text) {
    diagnostics_.error(Code::Graph, node, 0, text);
    failed_ = true;
  }

  std::unordered_map<std::string, const Function *> functions_;
  const NativeOperator &native_;
  Diagnostics &diagnostics_;
  const Limits &limits_;
  std::unordered_set<const Function *> active_;
  std::unordered_map<const Function *, size_t> sizes_; // nodes that a call becomes, at most limits_.nodes + 1
  size_t calls_ = 0, nodes_ = 0, bytes_ = 0;
  bool failed_ = false;
};
} // namespace

bool inlineFunctions(Model &model, const std::vector<Function> &functions, const NativeOperator &native,
                     Diagnostics &diagnostics, const Limits &limits) {
  if (functions.empty())
    return true;
  Inliner inliner(functions, native, diagnostics, limits);
  inliner.measure();
  inliner.run(model);
  return !inliner.failed();
}
} // namespace janus::onnx
