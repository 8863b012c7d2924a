#include "runtime/traffic/Topology.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace janus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Topology, ParsesAndPrints) {
  const auto topology = Topology::Parse("e2@7;a0,e0@0;e1,a1@7", 2, 3);
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_THAT(topology->attention_nodes(), ElementsAre(0, 7));
  EXPECT_THAT(topology->expert_nodes(), ElementsAre(0, 7, 7));
  const auto again = Topology::Parse(topology->str(), 2, 3);
  ASSERT_TRUE(again.ok()) << topology->str();
  EXPECT_EQ(again->expert_nodes(), topology->expert_nodes());
  EXPECT_EQ(again->attention_nodes(), topology->attention_nodes());
}

TEST(Topology, RefusesWithTheReason) {
  for (const auto &[text, reason] :
       {std::pair("", "'a0' has no node"), std::pair("a0@0", "'e0' has no node"), std::pair("a0,e0", "without a node"),
        std::pair("a0,e0@-1", "without a node"), std::pair("a0,e0@x", "without a node"),
        std::pair("a0,e0@99999999999", "without a node"), std::pair("a0,a0,e0@0", "placed twice"),
        std::pair("a0,e0,e1@0", "does not exist"), std::pair("a0,b0@0", "found instance 'b0'"),
        std::pair("a0,,e0@0", "found instance ''"), std::pair("a@0;e0@0", "found instance 'a'")}) {
    const auto topology = Topology::Parse(text, 1, 1);
    ASSERT_FALSE(topology.ok()) << text;
    EXPECT_THAT(std::string(topology.status().message()), HasSubstr(reason)) << text;
    EXPECT_THAT(std::string(topology.status().message()), HasSubstr("--nodes")) << text;
  }
}

} // namespace
} // namespace janus
