#include "janus/Communication/Facts.h"
#include "tools/janus-compile/Check.h"

#include "absl/strings/str_cat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using nlohmann::json;

namespace janus {
namespace {

constexpr size_t kWidth = 110;

std::string text(const json &value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// A paragraph of words, at most kWidth columns; the first line begins with `first`, the others with as many blanks.
void paragraph(llvm::raw_ostream &out, const std::string &first, const std::string &content) {
  size_t indent = first.size(), column = indent;
  out << first;
  llvm::SmallVector<llvm::StringRef> words;
  llvm::StringRef(content).split(words, ' ', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef word : words) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      out << "\n" << std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out << " ";
      ++column;
    }
    out << word;
    column += word.size();
  }
  out << "\n";
}

std::string pad(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

void field(llvm::raw_ostream &out, const char *name, const std::string &content) {
  if (!content.empty())
    paragraph(out, pad(name, 12), content);
}

std::string verdictText(const json &report) {
  std::string verdict = text(report["verdict"]);
  const json &moe = report["moe_layers"];
  std::string layers = text(moe["recovered"]) + " of " + text(moe["found"]) + " MoE layers recovered";
  if (verdict == "disaggregated")
    return "a language model: compiles for disaggregated inference, " + layers;
  if (verdict == "partly recovered")
    return "a language model, partly recovered (" + layers +
           "): compiles as a tensor program, which cannot be partitioned";
  if (verdict == "tensor program")
    return "a tensor program: named tensors in, named tensors out; it has no layer of a language model that is known";
  std::string codes;
  for (const json &problem : report["problems"])
    if (problem["severity"] == "error" && problem.contains("code") &&
        codes.find(text(problem["code"])) == std::string::npos)
      absl::StrAppend(&codes, codes.empty() ? " with " : ", ", text(problem["code"]));
  return absl::StrCat("refused", codes);
}

std::string operatorsText(const json &operators) {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto &[name, count] : operators.items())
    order.emplace_back(-count.get<int64_t>(), name);
  llvm::sort(order);
  std::string out;
  constexpr size_t kShown = 12;
  for (size_t i = 0; i < std::min(order.size(), kShown); ++i)
    absl::StrAppend(&out, i ? ", " : "", order[i].second, " ", -order[i].first);
  if (order.size() > kShown)
    absl::StrAppend(&out, " and ", order.size() - kShown, " others");
  return out;
}

} // namespace

std::string checkText(const json &report) {
  std::string result;
  llvm::raw_string_ostream out(result);
  const json &source = report["source"];
  field(out, "model", text(report["file"]));
  if (source["nodes"] != 0) {
    std::string exporter = text(source["exporter"]), producer = text(source["producer"]);
    field(out, "exporter",
          (exporter.empty() ? "unknown" : exporter) +
              (producer.empty() ? "; the file names no producer" : "; producer " + producer));
    std::string opsets;
    for (const auto &[domain, version] : source["opsets"].items())
      absl::StrAppend(&opsets, opsets.empty() ? "" : ", ", domain, " ", text(version));
    field(out, "opsets", opsets + "; IR " + text(source["ir_version"]));
    field(out, "nodes", text(source["nodes"]) + ": " + operatorsText(source["operators"]));
  }
  if (report.contains("model") && !report["model"].empty()) {
    const json &model = report["model"];
    field(out, "sizes",
          "vocabulary " + text(model["vocab"]) + ", hidden " + text(model["hidden"]) + ", context " +
              text(model["context"]) + ", " + text(model["layers"]) + " attention layers");
  }
  if (!report["layers"].empty())
    out << "layers\n" << layersText(report["layers"], "  ");
  if (report.contains("weights")) {
    out << "weights     as stored\n";
    for (const auto &[role, facts] : report["weights"].items())
      out << "  " << pad(role, 16) << pad(bytesText(facts["bytes"]), 12)
          << (facts.contains("side") ? absl::StrCat("@", text(facts["side"])) : "") << "\n";
  } else if (report.contains("stored_bytes")) {
    field(out, "weights", bytesText(report["stored_bytes"]) + ", as stored");
  }
  if (!report["problems"].empty())
    out << "found\n";
  for (const json &problem : report["problems"]) {
    llvm::SmallVector<llvm::StringRef> lines;
    std::string line = text(problem["line"]);
    llvm::StringRef(line).split(lines, '\n', -1, /*KeepEmpty=*/false);
    for (auto [i, part] : llvm::enumerate(lines))
      paragraph(out, i ? "    " : "  ", part.str());
  }
  if (report["problems_left_out"] != 0)
    out << "  and " << text(report["problems_left_out"]) << " more, of other causes\n";
  field(out, "verdict", verdictText(report));
  return result;
}

} // namespace janus
