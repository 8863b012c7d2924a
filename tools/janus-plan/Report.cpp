#include "tools/janus-plan/Report.h"

#include "absl/strings/str_cat.h"

namespace janus::plan {
namespace {

constexpr char kStyle[] = R"(
  :root { color-scheme: light; }
  body { margin: 0; background: #fff; color: #1c2430; font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
  main { max-width: 860px; margin: 0 auto; padding: 32px 24px 64px; }
  h1 { font-size: 26px; line-height: 1.25; margin: 0 0 6px; }
  h2 { font-size: 19px; margin: 44px 0 6px; }
  p { margin: 6px 0 12px; max-width: 74ch; }
  .summary { font-size: 17px; color: #33404f; margin-bottom: 18px; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; padding: 14px 16px; background: #f4f6f9; border-radius: 6px; font-size: 14px; }
  dt { color: #5a6878; } dd { margin: 0; }
  figure { margin: 8px 0 4px; } figcaption { margin-top: 6px; color: #5a6878; font-size: 13px; max-width: 90ch; }
  .row { display: flex; flex-wrap: wrap; gap: 20px; }
  svg { max-width: 100%; height: auto; display: block; }
  svg text { font-family: inherit; fill: #1c2430; }
  svg .tick { font-size: 12px; fill: #5a6878; } svg .axis { font-size: 13px; } svg .span { font-size: 12px; fill: #5a6878; }
  svg .grid { stroke: #e6eaef; } svg .base { stroke: #8e9aa8; } svg .limit { stroke: #1c2430; stroke-dasharray: 6 4; stroke-width: 1.4; }
  svg .mark { stroke: #0b5fb0; stroke-width: 1.4; } svg .border { stroke: #ffffff; stroke-width: 1.2; }
  svg .span0 { fill: #f4f6f9; } svg .span1 { fill: #fff; } .pixels { image-rendering: pixelated; }
  .legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 2px; font-size: 14px; }
  .legend span { display: inline-flex; align-items: center; gap: 7px; }
  .legend i { display: inline-block; width: 22px; height: 0; border-top: 3px solid; } .legend i.dashed { border-top-style: dashed; }
  table { border-collapse: collapse; margin: 10px 0; font-size: 14px; font-variant-numeric: tabular-nums; }
  th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid #e6eaef; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; } th { color: #5a6878; font-weight: 600; }
  .scroll { overflow-x: auto; } details { margin: 10px 0; } summary { cursor: pointer; color: #0b5fb0; }
)";

std::string Html(const Table &table) {
  std::string html = "<div class=\"scroll\"><table>\n";
  for (size_t r = 0; r < table.rows().size(); ++r) {
    absl::StrAppend(&html, "<tr>");
    for (const std::string &cell : table.rows()[r])
      absl::StrAppend(&html, r ? "<td>" : "<th>", Escaped(cell), r ? "</td>" : "</th>");
    absl::StrAppend(&html, "</tr>\n");
  }
  return html + "</table></div>\n";
}

} // namespace

Page::Page(const std::string &title, const std::string &summary,
           const std::vector<std::pair<std::string, std::string>> &facts) {
  text_ = absl::StrCat("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>", Escaped(title),
                       "</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>",
                       kStyle, "</style></head><body><main>\n<h1>", Escaped(title), "</h1>\n<p class=\"summary\">",
                       Escaped(summary), "</p>\n<dl>\n");
  for (const auto &[name, value] : facts)
    absl::StrAppend(&text_, "<dt>", Escaped(name), "</dt><dd>", Escaped(value), "</dd>\n");
  absl::StrAppend(&text_, "</dl>\n");
}

void Page::Heading(const std::string &text) { absl::StrAppend(&text_, "<h2>", Escaped(text), "</h2>\n"); }

void Page::Paragraph(const std::string &text) { absl::StrAppend(&text_, "<p>", Escaped(text), "</p>\n"); }

void Page::Legend(const std::vector<Series> &series) {
  absl::StrAppend(&text_, "<div class=\"legend\">");
  for (const Series &s : series)
    absl::StrAppend(&text_, "<span><i", s.dashed ? " class=\"dashed\"" : "", " style=\"border-color:", s.color,
                    "\"></i>", Escaped(s.name), "</span>");
  absl::StrAppend(&text_, "</div>\n");
}

void Page::Figure(const std::vector<std::string> &svgs, const std::string &caption) {
  absl::StrAppend(&text_, "<figure><div class=\"row\">\n");
  for (const std::string &svg : svgs)
    absl::StrAppend(&text_, svg);
  absl::StrAppend(&text_, "</div><figcaption>", Escaped(caption), "</figcaption></figure>\n");
}

void Page::AddTable(const Table &table) { absl::StrAppend(&text_, Html(table)); }

void Page::Fold(const std::string &summary, const Table &table) {
  absl::StrAppend(&text_, "<details><summary>", Escaped(summary), "</summary>\n", Html(table), "</details>\n");
}

} // namespace janus::plan
