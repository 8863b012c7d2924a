// docs/transfers.md and the code say the same: every expression, every symbol,
// the default hardware profile. Runs in the root of the repository.
#include "runtime/traffic/Schemes.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace janus::traffic {
namespace {

std::string Document() {
  std::ifstream file("docs/transfers.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The cells of the table rows (without head) under each heading.
std::map<std::string, std::vector<std::vector<std::string>>> Tables() {
  std::map<std::string, std::vector<std::vector<std::string>>> tables;
  std::string heading;
  bool head = true;
  for (absl::string_view line : absl::StrSplit(Document(), '\n')) {
    if (absl::StartsWith(line, "#"))
      heading = std::string(absl::StripAsciiWhitespace(line.substr(std::min(line.find(' '), line.size()))));
    if (!absl::StartsWith(line, "|")) {
      head = true;
      continue;
    }
    if (!absl::StartsWith(line, "|---") && !head) {
      std::vector<std::string> cells;
      for (absl::string_view cell : absl::StrSplit(line.substr(1, line.rfind('|') - 1), '|'))
        cells.emplace_back(absl::StripAsciiWhitespace(cell));
      tables[heading].push_back(std::move(cells));
    }
    head = false;
  }
  return tables;
}

std::set<std::string> InCode(Kind kind) {
  std::set<std::string> lines;
  for (const Scheme &scheme : SchemesOf(kind))
    for (const PhaseCost &phase : scheme.phases)
      lines.insert(absl::StrCat(scheme.name, " | ", phase.phase, " | ", Name(phase.link), " | `", phase.messages,
                                "` | `", phase.bytes, "`"));
  return lines;
}

TEST(Document, StatesEveryExpressionAndNoOther) {
  const auto tables = Tables();
  for (const auto &[heading, kind] : {std::pair("Dispatch, gate on the expert side", Kind::kDispatch),
                                      std::pair("Dispatch, gate on the attention side", Kind::kRoutedDispatch),
                                      std::pair("Exchange of expert ids, gate on the attention side", Kind::kExchange),
                                      std::pair("Return", Kind::kReturn)}) {
    ASSERT_TRUE(tables.contains(heading)) << heading;
    std::set<std::string> lines;
    for (const auto &cells : tables.at(heading)) {
      ASSERT_EQ(cells.size(), 6u) << heading;
      EXPECT_TRUE(
          lines.insert(absl::StrCat(cells[0], " | ", cells[1], " | ", cells[2], " | ", cells[4], " | ", cells[5]))
              .second)
          << heading << ": twice";
    }
    EXPECT_EQ(lines, InCode(kind)) << heading;
  }
}

TEST(Document, DefinesEverySymbolAndNoOther) {
  const auto tables = Tables();
  std::set<std::string> defined, computed;
  for (const auto &cells : tables.at("Symbols"))
    EXPECT_TRUE(defined.insert(cells.at(0)).second) << cells.at(0) << " twice";
  for (const auto &[name, value] : Symbols(Topology(1, 1), {1}, 4, 1, nullptr))
    computed.insert(absl::StrCat("`", name, "`"));
  EXPECT_EQ(defined, computed);
}

TEST(Document, StatesTheDefaultProfile) {
  const std::string text = Document(), fence = "```json\n";
  const size_t begin = text.find(fence), end = text.find("```", begin + fence.size());
  ASSERT_NE(begin, std::string::npos);
  const auto stated = HardwareProfile::FromJson(text.substr(begin + fence.size(), end - begin - fence.size()));
  ASSERT_TRUE(stated.ok()) << stated.status();
  const HardwareProfile built_in;
  for (size_t i = 0; i < built_in.links.size(); ++i) {
    EXPECT_EQ(stated->links[i].alpha, built_in.links[i].alpha) << i;
    EXPECT_EQ(stated->links[i].beta, built_in.links[i].beta) << i;
  }
}

} // namespace
} // namespace janus::traffic
