#include "lib/Import/Reader/Diagnostics.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lib/Import/Reader/Model.h"

namespace janus::onnx {

namespace {
/// Names and texts of a hostile file may be megabytes long.
constexpr size_t kMaxText = 400, kMaxMessage = 2000;
std::string shorten(const std::string &text) {
  return text.size() <= kMaxText ? text : absl::StrCat(text.substr(0, kMaxText - 100), "... (", text.size(), " bytes)");
}
} // namespace

std::string displayName(const Node &node) { return node.name.empty() ? absl::StrCat("#", node.index) : node.name; }

std::string Diagnostic::str() const {
  std::string line = absl::StrFormat("%s[JNS-ONNX-%03d]: ", warning ? "warning" : "error", static_cast<int>(code));
  if (!nodes.empty()) {
    absl::StrAppend(
        &line, count == 1 ? "node '" : "nodes '",
        absl::StrJoin(nodes, "', '",
                      [](std::string *out, const std::string &name) { out->append(absl::CHexEscape(shorten(name))); }),
        "'");
    if (count > nodes.size())
      absl::StrAppend(&line, " and ", count - nodes.size(), " more");
    absl::StrAppend(&line, " (", where, "): ");
  }
  return line + (text.size() <= kMaxMessage ? text : absl::StrCat(text.substr(0, kMaxMessage), "..."));
}

void Diagnostics::atNode(Code code, bool warning, const Node &node, int64_t opset, std::string text) {
  std::string where = absl::StrCat(node.domain.empty() ? "ai.onnx" : absl::CHexEscape(node.domain), ".",
                                   absl::CHexEscape(node.type), ", opset ", opset);
  add({code, warning, std::move(where), std::move(text), {displayName(node)}, 1});
}

bool Diagnostics::has(Code code) const { return codes_.contains(code); }

void Diagnostics::add(Diagnostic diagnostic) {
  errors_ += !diagnostic.warning;
  if (!diagnostic.warning)
    codes_.insert(diagnostic.code);
  std::string cause = absl::StrCat(static_cast<int>(diagnostic.code), diagnostic.warning ? "w" : "e", diagnostic.where,
                                   "\n", diagnostic.text);
  if (auto found = known_.find(cause); found != known_.end()) {
    Diagnostic &known = all_[found->second];
    known.count += diagnostic.count;
    if (known.nodes.size() < kMaxNodes)
      known.nodes.insert(known.nodes.end(), diagnostic.nodes.begin(), diagnostic.nodes.end());
    return;
  }
  if (all_.size() == kMaxCauses) {
    ++left_;
    return;
  }
  known_.emplace(std::move(cause), all_.size());
  all_.push_back(std::move(diagnostic));
}

std::string Diagnostics::str() const {
  std::string text;
  for (const Diagnostic &diagnostic : all_)
    absl::StrAppend(&text, diagnostic.str(), "\n");
  if (left_)
    absl::StrAppend(&text, "and ", left_, " more, of other causes\n");
  return text;
}
} // namespace janus::onnx
