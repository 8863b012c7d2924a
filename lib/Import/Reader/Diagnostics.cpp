#include "lib/Import/Reader/Diagnostics.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lib/Import/Reader/Model.h"

namespace janus::onnx {

std::string displayName(const Node &node) { return node.name.empty() ? absl::StrCat("#", node.index) : node.name; }

std::string Diagnostic::str() const {
  std::string line = absl::StrFormat("%s[JNS-ONNX-%03d]: ", warning ? "warning" : "error", static_cast<int>(code));
  if (!nodes.empty()) {
    absl::StrAppend(
        &line, count == 1 ? "node '" : "nodes '",
        absl::StrJoin(nodes, "', '",
                      [](std::string *out, const std::string &name) { out->append(absl::CHexEscape(name)); }),
        "'");
    if (count > nodes.size())
      absl::StrAppend(&line, " and ", count - nodes.size(), " more");
    absl::StrAppend(&line, " (", where, "): ");
  }
  return line + text;
}

void Diagnostics::atNode(Code code, bool warning, const Node &node, int64_t opset, std::string text) {
  std::string where = absl::StrCat(node.domain.empty() ? "ai.onnx" : absl::CHexEscape(node.domain), ".",
                                   absl::CHexEscape(node.type), ", opset ", opset);
  add({code, warning, std::move(where), std::move(text), {displayName(node)}, 1});
}

void Diagnostics::add(Diagnostic diagnostic) {
  errors_ += !diagnostic.warning;
  for (Diagnostic &known : all_)
    if (known.code == diagnostic.code && known.warning == diagnostic.warning && known.where == diagnostic.where &&
        known.text == diagnostic.text) {
      known.count += diagnostic.count;
      if (known.nodes.size() < kMaxNodes)
        known.nodes.insert(known.nodes.end(), diagnostic.nodes.begin(), diagnostic.nodes.end());
      return;
    }
  if (all_.size() < kMaxCauses)
    all_.push_back(std::move(diagnostic));
}

std::string Diagnostics::str() const {
  std::string text;
  for (const Diagnostic &diagnostic : all_)
    absl::StrAppend(&text, diagnostic.str(), "\n");
  return text;
}
} // namespace janus::onnx
