// Manifests whose checksum is right and whose content is not: every wrong field is refused by its name.
#include "test/unit/artifact/SmallArtifact.h"

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <functional>

namespace janus::small {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// The error of a manifest after a change.
std::string ErrorAfter(const std::function<void(json &)> &change) {
  SmallArtifact small;
  change(small.manifest);
  return std::string(ParseManifest(small.Text()).status().message());
}

TEST(Manifest, FormatAndVersion) {
  EXPECT_THAT(ErrorAfter([](json &m) { m["format"] = "zip"; }), HasSubstr("format: found \"zip\", expected \"janus"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["version"] = 2; }),
              AllOf(HasSubstr("version: found 2, expected 1"), HasSubstr("matching janus-compile")));
  EXPECT_THAT(ErrorAfter([](json &m) { m["contract"] = "poem"; }), HasSubstr("contract: found \"poem\""));
  EXPECT_THAT(ErrorAfter([](json &m) { m = json::array({m}); }), HasSubstr("expected an object"));
}

TEST(Manifest, AnotherVersionIsNamedBeforeItsChecksum) {
  SmallArtifact small;
  std::string text = small.Text();
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 7");
  EXPECT_THAT(std::string(ParseManifest(text).status().message()), HasSubstr("version: found 7"));
}

TEST(Manifest, Checksum) {
  EXPECT_THAT(ErrorAfter([](json &) {}), "");
  SmallArtifact small;
  std::string text = small.Text();
  text.replace(text.find("by hand"), 7, "by band");
  const absl::Status status = ParseManifest(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("checksum: found \""), HasSubstr("was changed")));
  small.manifest.erase("checksum");
  EXPECT_THAT(std::string(ParseManifest(small.manifest.dump(1)).status().message()), HasSubstr("checksum: is missing"));
}

TEST(Manifest, OffsetsOfWeights) {
  auto offset = [](int weight, json value) {
    return ErrorAfter([&](json &m) { m["weights"][weight]["offset"] = value; });
  };
  EXPECT_THAT(offset(0, 1), HasSubstr("weights[0].offset: found 1, expected a multiple of 64"));
  EXPECT_THAT(offset(0, 0), HasSubstr("weights[0].offset: weight 'bias' is at [0, 60)"));
  EXPECT_THAT(offset(0, -64), HasSubstr("weights[0].offset: found -64, expected an integer"));
  EXPECT_THAT(offset(0, 1 << 20), HasSubstr("weights[0].offset: weight 'bias' is at [1048576, 1048636)"));
  EXPECT_THAT(offset(0, uint64_t{1} << 63), HasSubstr("weights[0].offset: found 9223372036854775808"));
  EXPECT_THAT(offset(0, int64_t{1} << 50), HasSubstr("expected a range in ["));
  EXPECT_THAT(offset(0, 64.5), HasSubstr("weights[0].offset: found 64.5, expected an integer"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["offset"] = m["weights"][1]["offset"]; }),
              AllOf(HasSubstr("weights: '"), HasSubstr("overlap at offset")));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][2]["experts"][1] = m["weights"][2]["experts"][0]; }),
              HasSubstr("weights: 'up' and 'up' overlap"));
}

TEST(Manifest, ShapesAndLayoutsOfWeights) {
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["layout"] = "rows.f17"; }),
              HasSubstr("weights[0].layout: found \"rows.f17\", expected rows.f32"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["layout"] = "rows.i32"; }),
              HasSubstr("found layout \"rows.i32\" of 'bias', which only tensor programs have"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["layout"] = "rows.f16"; }),
              HasSubstr("weights[0].bytes: found 60, expected 30"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["bytes"] = 56; }),
              HasSubstr("weights[0].bytes: found 56, expected 60 for shape [3, 5] in layout rows.f32"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["bytes"] = 0; }), HasSubstr("weights[0].bytes: found 0"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][1]["shape"] = {65, 2}; }), HasSubstr("found 512, expected 768"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][1]["shape"] = {33, 2, 1}; }), HasSubstr("weights[1].shape"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][1]["shape"] = json::array(); }), HasSubstr("weights[1].shape"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][1]["shape"] = {int64_t{1} << 50, int64_t{1} << 50}; }),
              HasSubstr("weights[1].shape"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["shape"] = {0, 5}; }), HasSubstr("weights[0].shape: found 0"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][2]["shape"] = {3, 32, 3}; }),
              HasSubstr("weights[2].experts: found 2 experts, expected the first of shape [3, 32, 3]"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][2]["shape"] = {2, 31, 3}; }), HasSubstr("weights[2].shape"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][1]["name"] = "bias"; }),
              HasSubstr("weight 'bias' is listed twice"));
}

/// weights[1] has shape [N, 2] with N in 33 to 64: two panels of two rows.
TEST(Manifest, QuantisedLayouts) {
  auto layout = [](const char *name) { return ErrorAfter([&](json &m) { m["weights"][1]["layout"] = name; }); };
  EXPECT_THAT(layout("panel32.q4b32"), HasSubstr("weights[1].bytes: found 512, expected 320"));
  EXPECT_THAT(layout("panel32.q8b1zi"), HasSubstr("weights[1].bytes: found 512, expected 768"));
  EXPECT_THAT(layout("panel32.q2b2zf"), HasSubstr("weights[1].bytes: found 512, expected 544"));
  EXPECT_THAT(layout("panel32.q4b9223372036854775807"),
              HasSubstr("expected a shape that layout panel32.q4b9223372036"));
  for (const char *wrong : {"panel32.q3b32", "panel32.q4b0", "panel32.q4b032", "panel32.q4b-1", "panel32.q4b",
                            "panel32.q4b32z", "panel32.q4b32zx", "panel32.q4b9223372036854775808", "panel32.",
                            "panel32", "q4b32", "rows.q4b32", "expert-up32.f16"})
    EXPECT_THAT(layout(wrong), HasSubstr("weights[1].layout: found")) << wrong;
  EXPECT_THAT(ErrorAfter([](json &m) {
                m["weights"][1]["layout"] = "panel32.q8b1zf";
                m["weights"][1]["shape"] = {int64_t{1} << 50, int64_t{1} << 50};
              }),
              HasSubstr("weights[1].shape"));
}

TEST(Manifest, PathsThatLeaveTheDirectory) {
  for (const char *path : {"../weights", "/etc/passwd", "weights/../../x", "", ".", "./x", "a//b", "..", "weights/"}) {
    EXPECT_THAT(ErrorAfter([&](json &m) { m["code"][0]["file"] = path; }),
                AllOf(HasSubstr("code[0].file: found"), HasSubstr("inside the artifact")))
        << path;
    EXPECT_THAT(ErrorAfter([&](json &m) { m["weights"][1]["file"] = path; }), HasSubstr("weights[1].file: found"));
    EXPECT_THAT(ErrorAfter([&](json &m) { m["files"][0]["file"] = path; }), HasSubstr("files[0].file: found"));
  }
}

TEST(Manifest, Files) {
  EXPECT_THAT(ErrorAfter([](json &m) { m["weights"][0]["file"] = "weights/other.safetensors"; }),
              HasSubstr("weights[0].file: found \"weights/other.safetensors\", expected a file that files lists"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["files"].push_back(m["files"][0]); }), HasSubstr("files[2].file"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["files"][0]["header"] = 1 << 30; }), HasSubstr("files[0].header: found"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["files"][0]["xxh3"] = "ABCDEF0123456789"; }),
              HasSubstr("files[0].xxh3: found \"ABCDEF0123456789\", expected 16 lower-case hex digits"));
}

TEST(Manifest, StatesAndHistories) {
  SmallArtifact small;
  small.manifest["model"]["states"] = {{{"elements", 12}}, {{"elements", 1}}};
  small.manifest["model"]["histories"] = {{{"columns", 5}, {"type", "f32"}}, {{"columns", 1}, {"type", "i32"}}};
  absl::StatusOr<Manifest> manifest = ParseManifest(small.Text());
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  ASSERT_EQ(manifest->model.states.size(), 2u);
  EXPECT_EQ(manifest->model.states[0].elements, 12);
  ASSERT_EQ(manifest->model.histories.size(), 2u);
  EXPECT_EQ(manifest->model.histories[0].columns, 5);
  EXPECT_EQ(manifest->model.histories[1].type, ElementType::kI32);
  EXPECT_THAT(ErrorAfter([](json &m) { m["model"]["states"] = {{{"elements", 0}}}; }),
              HasSubstr("model.states[0].elements: found 0"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["model"]["states"] = 3; }), HasSubstr("model.states: found number"));
  EXPECT_THAT(ErrorAfter([](json &m) { m["model"]["histories"] = {{{"columns", 1}, {"type", "f16"}}}; }),
              HasSubstr("model.histories[0].type: found \"f16\""));
  EXPECT_THAT(ErrorAfter([](json &m) { m["model"]["histories"] = {{{"columns", 1 << 30}, {"type", "f32"}}}; }),
              HasSubstr("model.histories[0].columns: found 1073741824"));
}

TEST(Manifest, ProgramHash) {
  EXPECT_THAT(ErrorAfter([](json &m) { m["programs"]["expert"]["attention"]["hash"] = "0000000000000000"; }),
              AllOf(HasSubstr("programs.expert.attention"), HasSubstr("hash: found \"0000000000000000\"")));
  EXPECT_THAT(ErrorAfter([](json &m) { m["programs"]["expert"]["attention"]["values"][1]["columns"] = 6; }),
              HasSubstr("program.hash: found"));
}

/// Each field in turn becomes something of another type.
TEST(Manifest, AnyFieldOfAnyOtherType) {
  const json flat = SmallArtifact().manifest.flatten();
  for (const auto &[pointer, value] : flat.items())
    for (const json &other : {json(), json(-1), json("x"), json::array(), json::object(), json(1e300), json(true)}) {
      if (value.is_null() || other.type() == value.type() || absl::StartsWith(pointer, "/options") ||
          pointer == "/checksum" || (absl::StartsWith(pointer, "/model/moe_layers/1") && other.is_null()))
        continue;
      const std::string error = ErrorAfter([&](json &m) { m[json::json_pointer(pointer)] = other; });
      // The name of a value and an integer of another sign have no other type; the program's hash then differs.
      if (!(value.is_number() && other.is_number_integer())) {
        EXPECT_NE(error, "") << pointer << " = " << other;
      }
    }
}

TEST(Manifest, AnyFieldMissing) {
  const json whole = SmallArtifact().manifest;
  for (const auto &[name, value] : whole.items())
    if (name != "options" && name != "checksum") {
      EXPECT_THAT(ErrorAfter([&](json &m) { m.erase(name); }), HasSubstr(name + ": is missing"));
    }
  for (const char *list : {"code", "weights", "files", "transfers"})
    for (const auto &[name, value] : whole[list][0].items())
      EXPECT_THAT(ErrorAfter([&](json &m) { m[list][0].erase(name); }), HasSubstr(name + ": is missing"));
}

/// Nested deeper than any stack: refused before anything walks it.
TEST(Manifest, DeepNesting) {
  const std::string deep = std::string(2000000, '[');
  EXPECT_THAT(std::string(ParseManifest(deep).status().message()), HasSubstr("no valid JSON"));
  EXPECT_THAT(std::string(ParseManifest(deep + std::string(2000000, ']')).status().message()),
              HasSubstr("no valid JSON"));
  EXPECT_THAT(ErrorAfter([](json &m) {
                json nested = 1;
                for (int i = 0; i < 100; ++i)
                  nested = json::array({nested});
                m["options"] = nested;
              }),
              HasSubstr("no valid JSON"));
}

} // namespace
} // namespace janus::small
