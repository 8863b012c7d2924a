//===- Report.h - a page with plots -----------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_REPORT_H
#define JANUS_TOOLS_JANUS_PLAN_REPORT_H

#include "tools/janus-plan/Output.h"
#include "tools/janus-plan/Svg.h"

#include <string>
#include <utility>
#include <vector>

namespace janus::plan {

/// An HTML page in one file: style, plots and tables in it, no script, nothing
/// from a network.
class Page {
public:
  /// `facts`: name and value.
  Page(const std::string &title, const std::string &summary,
       const std::vector<std::pair<std::string, std::string>> &facts);

  void Heading(const std::string &text);
  /// Plain text; it is escaped.
  void Paragraph(const std::string &text);
  void Legend(const std::vector<Series> &series);
  /// Made by Draw or DrawMatrix; several stand beside each other.
  void Figure(const std::vector<std::string> &svgs, const std::string &caption);
  void AddTable(const Table &table);
  /// A table that is folded away.
  void Fold(const std::string &summary, const Table &table);
  std::string Text() const { return text_ + "</main></body></html>\n"; }

private:
  std::string text_;
};

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_REPORT_H
