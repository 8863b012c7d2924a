#include "tools/janus-compile/Causes.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace janus {
namespace {

/// Names of a hostile file may be long, and hold what moves a terminal's cursor.
std::string shorten(StringRef text, size_t most) {
  std::string shown;
  for (char c : text.take_front(most)) {
    bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    shown += control ? absl::StrFormat("\\x%02x", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return text.size() <= most ? shown : absl::StrCat(shown, "... (", text.size(), " bytes)");
}

/// The importer's locations hold an ONNX node's name around the file and the node's index; dumps have lines.
void locate(Location location, std::string &file, std::string &node) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    auto at = dyn_cast<FileLineColLoc>(name.getChildLoc());
    if (at)
      file = at.getFilename().str();
    if (!at || at.getLine()) // 0 is the graph as a whole
      node = shorten(name.getName(), Causes::kMaxName);
  } else if (auto at = dyn_cast<FileLineColLoc>(location)) {
    file = at.getLine() ? absl::StrCat(at.getFilename().str(), ":", at.getLine(), ":", at.getColumn())
                        : at.getFilename().str();
  } else if (auto fused = dyn_cast<FusedLoc>(location); fused && !fused.getLocations().empty()) {
    locate(fused.getLocations().front(), file, node);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    locate(call.getCallee(), file, node);
  }
}

const char *severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  return "";
}

std::string nodesText(const Cause &cause) {
  std::string text;
  if (cause.nodes.empty())
    return text;
  text += cause.count == 1 ? "node " : "nodes ";
  for (size_t i = 0; i < cause.nodes.size(); ++i)
    absl::StrAppend(&text, i ? ", '" : "'", cause.nodes[i], "'");
  if (int64_t more = cause.count - static_cast<int64_t>(cause.nodes.size()); more > 0)
    absl::StrAppend(&text, " and ", more, " more");
  return text;
}

std::string place(const Cause &cause) {
  std::string text = cause.file.empty() ? "" : cause.file + ": ", nodes = nodesText(cause);
  return text + nodes + (nodes.empty() ? "" : ": ");
}

constexpr size_t kMaxText = 2000;

} // namespace

void Causes::add(Diagnostic &diagnostic) {
  Cause cause;
  cause.severity = diagnostic.getSeverity();
  std::string node;
  locate(diagnostic.getLocation(), cause.file, node);
  std::string text = diagnostic.str();
  StringRef message(text);
  if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation())) // the node stands in front
    message.consume_back((" (ONNX node '" + name.getName().getValue() + "')").str());
  if (message.starts_with("[JNS-ONNX-") && message.contains("] ")) {
    auto [code, rest] = message.split("] ");
    cause.code = code.drop_front(1).str();
    message = rest;
  }
  cause.text = shorten(message, kMaxText);
  if (!node.empty())
    cause.nodes = {node}, cause.count = 1;
  for (Diagnostic &note : diagnostic.getNotes()) {
    Cause line;
    std::string at;
    locate(note.getLocation(), line.file, at);
    if (!at.empty())
      line.nodes = {at}, line.count = 1;
    if (cause.notes.size() < kMaxNodes)
      cause.notes.push_back(place(line) + "note: " + shorten(note.str(), kMaxText));
  }
  merge(std::move(cause));
}

void Causes::add(const onnx::Diagnostics &diagnostics) {
  for (const onnx::Diagnostic &diagnostic : diagnostics.all()) {
    Cause cause;
    cause.severity = diagnostic.warning ? DiagnosticSeverity::Warning : DiagnosticSeverity::Error;
    cause.code = absl::StrFormat("JNS-ONNX-%03d", static_cast<int>(diagnostic.code));
    cause.text = shorten(diagnostic.text, kMaxText);
    for (const std::string &node : diagnostic.nodes)
      cause.nodes.push_back(shorten(node, kMaxName));
    cause.count = static_cast<int64_t>(diagnostic.count);
    cause.operation = shorten(diagnostic.where, kMaxName);
    cause.imported = true;
    merge(std::move(cause));
  }
  left_ += static_cast<int64_t>(diagnostics.left());
}

void Causes::merge(Cause cause) {
  errors_ += cause.severity == DiagnosticSeverity::Error;
  std::string key =
      absl::StrCat(severityName(cause.severity), "\n", cause.code, "\n", cause.operation, "\n", cause.text);
  auto found = known_.find(key);
  if (found == known_.end()) {
    if (all_.size() == kMaxCauses) {
      ++left_;
      return;
    }
    known_[key] = all_.size();
    all_.push_back(std::move(cause));
    return;
  }
  Cause &known = all_[found->second];
  known.count += cause.count;
  for (std::string &node : cause.nodes)
    if (known.nodes.size() < kMaxNodes)
      known.nodes.push_back(std::move(node));
}

void Causes::printNew() {
  for (; printed_ < all_.size(); ++printed_)
    llvm::errs() << toText(all_[printed_]);
  if (left_ > leftPrinted_)
    llvm::errs() << "and " << left_ - leftPrinted_ << " more, of other causes\n";
  leftPrinted_ = left_;
}

std::string toText(const Cause &cause) {
  std::string name = severityName(cause.severity);
  std::string code = cause.code.empty() ? "" : "[" + cause.code + "]";
  std::string nodes = nodesText(cause), text;
  if (cause.imported)
    text = absl::StrCat(name, code, ": ", nodes, nodes.empty() ? "" : absl::StrCat(" (", cause.operation, "): "));
  else if (cause.severity == DiagnosticSeverity::Error)
    text = absl::StrCat(place(cause), name, code, ": ");
  else
    text = absl::StrCat(place(cause), name, ": ", code, code.empty() ? "" : " ");
  text += cause.text + "\n";
  for (const std::string &note : cause.notes)
    text += note + "\n";
  return text;
}

nlohmann::json toJson(const Cause &cause) {
  nlohmann::json result = {
      {"severity", severityName(cause.severity)}, {"text", cause.text}, {"nodes", cause.nodes}, {"count", cause.count}};
  if (!cause.code.empty())
    result["code"] = cause.code;
  if (!cause.operation.empty())
    result["operator"] = cause.operation;
  if (!cause.notes.empty())
    result["notes"] = cause.notes;
  return result;
}

} // namespace janus
