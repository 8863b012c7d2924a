#include "runtime/traffic/Schemes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace janus::traffic {
namespace {

using testing::HasSubstr;

/// a0, a1 | a2, e0, e1 | e2: three nodes, the middle one shared. Worked out by hand.
Topology ThreeNodes() { return *Topology::Make({0, 0, 1}, {1, 1, 2}); }

TEST(Symbols, WholeRowsByHand) {
  auto s = Symbols(ThreeNodes(), {2, 3, 5}, 8, 1, nullptr);
  EXPECT_EQ(s["active"], 3);
  EXPECT_EQ(s["A"], 2);
  EXPECT_EQ(s["E"], 2);
  EXPECT_EQ(s["near_links"], 2); // a2 with e0 and e1
  EXPECT_EQ(s["near_rows"], 10);
  EXPECT_EQ(s["gatherers"], 1); // a1
  EXPECT_EQ(s["gather_rows"], 3);
  EXPECT_EQ(s["same_nodes"], 1);
  EXPECT_EQ(s["same_node_rows"], 5);
  EXPECT_EQ(s["home_nodes"], 0); // node 0 goes to node 1, node 1 to node 2
  s = Symbols(ThreeNodes(), {0, 3, 0}, 8, 1, nullptr);
  EXPECT_EQ(s["active"], 1);
  EXPECT_EQ(s["A"], 1);
  EXPECT_EQ(s["gatherers"], 1); // a0 leads, also without rows
  EXPECT_EQ(s["same_nodes"], 0);
}

TEST(Symbols, RoutedRowsByHand) {
  // a1 has a row on e0 and e1, a2 one on e1 and e2.
  const Assignment served = {0, 1, 1, 2};
  auto s = Symbols(ThreeNodes(), {0, 1, 1}, 8, 2, &served);
  EXPECT_EQ(s["near_pairs"], 1);   // a2 on e1
  EXPECT_EQ(s["member_pairs"], 2); // both on e1
  EXPECT_EQ(s["away_pairs"], 1);   // homes are node 1 and node 2: a2 on e1
  EXPECT_EQ(s["near_needs"], 1);
  EXPECT_EQ(s["far_needs"], 3);
  EXPECT_EQ(s["fanout_needs"], 2);
  EXPECT_EQ(s["same_node_needs"], 1);
  EXPECT_EQ(s["other_node_needs"], 2); // a1 needs node 1 once
  EXPECT_EQ(s["away_needs"], 1);
}

TEST(Predict, NamesWhatDoesNotEvaluate) {
  const Scheme scheme = {"odd", {{"send", LinkClass::kIntra, "1", "parsecs*2"}}};
  const auto amounts = Predict(scheme, {});
  ASSERT_FALSE(amounts.ok());
  EXPECT_THAT(std::string(amounts.status().message()), HasSubstr("scheme odd, phase send"));
  EXPECT_THAT(std::string(amounts.status().message()), HasSubstr("parsecs"));
}

TEST(HardwareProfile, RefusesWhatIsNoProfile) {
  const std::string good = R"("alpha": 1e-6, "beta": 1e9})";
  for (const std::string &text :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"links": 3})"),
        R"({"links": {"intra": {)" + good + R"(, "inter": {)" + good + "}}",
        R"({"links": {"intra": {)" + good + R"(, "inter": {)" + good + R"(, "control": {"alpha": -1, "beta": 1}}})",
        R"({"links": {"intra": {)" + good + R"(, "inter": {)" + good + R"(, "control": {"alpha": 0, "beta": 0}}})",
        R"({"links": {"intra": {)" + good + R"(, "inter": {)" + good + R"(, "control": {"alpha": "1", "beta": 1}}})"}) {
    const auto profile = HardwareProfile::FromJson(text);
    ASSERT_FALSE(profile.ok()) << text;
    EXPECT_THAT(std::string(profile.status().message()), HasSubstr("expected {\"alpha\"")) << text;
  }
}

/// Latency decides for few messages, bandwidth for few bytes.
TEST(ChooseScheme, FollowsTheProfile) {
  const Topology topology = *Topology::Make({0, 0, 0, 0}, {1, 1, 2, 2});
  const std::vector<int64_t> rows = {4, 4, 4, 4};
  HardwareProfile slow_messages;
  slow_messages.links = {{{1e-9, 1e12}, {1e-3, 1e12}, {0, 1}}};
  EXPECT_NE(ChooseScheme(topology, rows, 64, 2, false, slow_messages), SchemeIndex("direct"));
  HardwareProfile slow_intra;
  slow_intra.links = {{{1, 1}, {1e-9, 1e12}, {0, 1}}};
  EXPECT_EQ(ChooseScheme(topology, rows, 64, 2, false, slow_intra), SchemeIndex("direct"));
  EXPECT_EQ(ChooseScheme(Topology(1, 1), {1}, 64, 2, true, {}), SchemeIndex("direct")); // equal: the first
  EXPECT_EQ(SchemeIndex("case3"), -1);
}

} // namespace
} // namespace janus::traffic
