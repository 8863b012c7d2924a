// The placement file: the document's own example, round trips, and what is refused.
#include "runtime/placement/PlacementFile.h"
#include "test/unit/placement/Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <fstream>
#include <sstream>

namespace janus {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Document(const std::string &layers, const std::string &more = "") {
  return R"({"format": "janus-placement", "version": 1, "layers": )" + layers + more + "}";
}

TEST(PlacementFile, TheExampleOfTheDocument) {
  std::ifstream file("docs/placement-file.md");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_TRUE(file) << "run from the repository's root";
  const std::string page = text.str();
  const size_t begin = page.find("```json\n") + 8;
  const absl::StatusOr<Placement> placement =
      Placement::FromJson({{5, 5}, 2, 3}, page.substr(begin, page.find("```", begin) - begin));
  ASSERT_TRUE(placement.ok()) << placement.status();
  EXPECT_EQ(SlotsOf(*placement, 0), (LayerSlots{{0, 1, 2}, {3, 4, 0}}));
  EXPECT_EQ(SlotsOf(*placement, 1), (LayerSlots{{0, 2, 4}, {1, 3}}));
}

TEST(PlacementFile, RoundTrip) {
  const PlacementShape shape = {{16, 9, 0}, 3, 8};
  for (const Placement &placement : {*Placement::Even(shape), *Placement::Random(shape, 3)}) {
    const absl::StatusOr<Placement> again = Placement::FromJson(shape, placement.ToJson());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->ToJson(), placement.ToJson());
    for (int64_t l = 0; l < 3; ++l)
      EXPECT_EQ(SlotsOf(*again, l), SlotsOf(placement, l));
  }
}

/// An empty slot in the middle keeps its place.
TEST(PlacementFile, EmptySlots) {
  const absl::StatusOr<Placement> placement = Placement::FromJson({{2}, 2, 3}, Document("[[[-1, 0], [1]]]"));
  ASSERT_TRUE(placement.ok()) << placement.status();
  EXPECT_EQ(placement->expert(0, 0, 0), -1);
  EXPECT_EQ(placement->expert(0, 0, 1), 0);
  EXPECT_EQ(placement->expert(0, 1, 0), 1);
  EXPECT_EQ(placement->expert(0, 1, 2), -1);
}

/// What janus-plan writes is what janus-run reads.
TEST(PlacementFile, ALineALayer) {
  const PlacementFile file = {"a \"toy\"", {{{0, 1, -1}, {2, 3}}, {{}, {}}}};
  const std::string text = FormatPlacementFile(file);
  const absl::StatusOr<PlacementFile> again = ParsePlacementFile(text);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->model, file.model);
  EXPECT_EQ(again->layers, file.layers);
  EXPECT_EQ(again->instances(), 2);
  EXPECT_EQ(again->slots(), 2);
  EXPECT_TRUE(Placement::FromJson({{4, 0}, 2, 3}, text).ok());
  EXPECT_THAT(text, HasSubstr("\n  [[0, 1, -1], [2, 3]],\n  [[], []]\n"));
}

TEST(PlacementFile, Refusals) {
  auto message = [](const std::string &text) {
    const absl::Status status = Placement::FromJson({{4}, 2, 3}, text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(status.message());
  };
  EXPECT_TRUE(Placement::FromJson({{4}, 2, 3}, Document("[[[0, 1], [2, 3]]]")).ok());
  const std::string deep = Document(std::string(100000, '[') + std::string(100000, ']')),
                    huge = Document("[[[1e999]]]");
  for (const std::string &text : {std::string(), std::string("{"), std::string("[]"), std::string("3"),
                                  std::string("\"janus-placement\""), std::string("null"), deep, huge})
    EXPECT_THAT(message(text), AllOf(HasSubstr("no JSON object"), HasSubstr("docs/placement-file.md")));
  EXPECT_THAT(message(R"({"version": 1, "layers": []})"), HasSubstr("expected \"janus-placement\" version 1"));
  EXPECT_THAT(message(R"({"format": "janus-placement", "version": 2, "layers": []})"), HasSubstr("version 2"));
  EXPECT_THAT(message(Document("[[[0, 1], [2, 3]]]", R"(, "slots": 3)")), HasSubstr("'slots'"));
  EXPECT_THAT(message(Document("[[[0, 1], [2, 3]]]", R"(, "model": 3)")), HasSubstr("'model' is no name"));
  EXPECT_THAT(message(Document("[[[0, 1], [2, \"" + std::string(1000, 'x') + "\"]]]")).size(), testing::Lt(300u));
  EXPECT_THAT(message(Document("{}")), HasSubstr("'layers' is no array"));
  EXPECT_THAT(message(Document("[7]")), HasSubstr("layer 0"));
  EXPECT_THAT(message(Document("[[[0, 1], 2]]")), HasSubstr("layer 0 instance 1 is no array"));
  for (const char *expert : {"\"2\"", "2.0", "null", "[2]", "-2", "2147483648", "18446744073709551615", "1e3"})
    EXPECT_THAT(message(Document(std::string("[[[0, 1], [3, ") + expert + "]]]")),
                AllOf(HasSubstr("layer 0 instance 1"), HasSubstr("expected an expert id or -1")))
        << expert;
  EXPECT_THAT(message(Document("[[[0, 1], [2]]]")), HasSubstr("expert 3 is on no instance"));
  EXPECT_THAT(message(Document("[[[0, 1, 1], [2, 3]]]")), HasSubstr("twice"));
  EXPECT_THAT(message(Document("[[[0, 1, 2, 3], [2, 3]]]")), HasSubstr("at most 3"));
  EXPECT_THAT(message(Document("[]")), HasSubstr("0 layers"));
  EXPECT_THAT(message(Document("[[[0, 1], [2, 3]], [[0, 1], [2, 3]]]")), HasSubstr("2 layers"));
}

} // namespace
} // namespace janus
