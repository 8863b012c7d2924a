// Any byte changed, any file cut or missing: refused, with the name of what is wrong.
#include "test/unit/artifact/SmallArtifact.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstring>
#include <filesystem>
#include <fstream>

namespace janus::small {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(SmallArtifact, IsWhole) {
  SmallArtifact small;
  absl::StatusOr<std::unique_ptr<Artifact>> artifact = small.Open();
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(small.ErrorOfAll(), "");
  const std::string &file = small.files[kWeights];
  const auto &entries = small.manifest["weights"];
  artifact = small.Open();
  absl::StatusOr<WeightView> bias = (*artifact)->Tensor("bias");
  ASSERT_TRUE(bias.ok()) << bias.status();
  EXPECT_EQ(bias->bytes, 60);
  for (int expert : {0, 1}) {
    absl::StatusOr<WeightView> view = (*artifact)->Expert("up", expert);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->bytes, 384);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(view->data) % abi::kAlignment, 0u);
    EXPECT_EQ(std::memcmp(view->data, &file[entries[2]["experts"][expert]["offset"].get<size_t>()], 384), 0);
  }
  EXPECT_EQ(*(*artifact)->Experts("up"), 2);
  EXPECT_EQ(*(*artifact)->Experts("bias"), 0);
  EXPECT_EQ(*(*artifact)->Bytes("matrix", 0), 512);
  EXPECT_THAT(std::string((*artifact)->Tensor("up").status().message()), HasSubstr("by expert only"));
  EXPECT_THAT(std::string((*artifact)->Expert("up", 2).status().message()), HasSubstr("has 2 experts"));
  EXPECT_EQ((*artifact)->Tensor("nothing").status().code(), absl::StatusCode::kNotFound);
}

TEST(Damage, AnyByteOfTheManifest) {
  const std::string text = SmallArtifact().Text();
  ASSERT_TRUE(ParseManifest(text).ok()) << ParseManifest(text).status();
  for (size_t i = 0; i < text.size(); ++i)
    for (int flip : {0x01, 0x20, 0x80, 0xff}) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      const absl::Status status = ParseManifest(changed).status();
      ASSERT_FALSE(status.ok()) << "byte " << i << " ^ " << flip;
      ASSERT_THAT(std::string(status.message()), AnyOf(HasSubstr("expected"), HasSubstr("is missing")))
          << "byte " << i << " ^ " << flip;
    }
  for (size_t size = 0; size + 1 < text.size(); ++size) // the last byte is a newline
    ASSERT_FALSE(ParseManifest(text.substr(0, size)).ok()) << size;
}

TEST(Damage, AnyByteOfTheWeights) {
  SmallArtifact small;
  const std::string whole = small.files[kWeights], directory = small.Write();
  std::fstream file(directory + "/" + kWeights, std::ios::in | std::ios::out | std::ios::binary);
  auto set = [&](size_t at, int byte) {
    file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(byte)).flush();
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    set(i, whole[i] ^ 0x10);
    EXPECT_THAT(SmallArtifact::ErrorOf(directory), AllOf(HasSubstr(kWeights), HasSubstr("compile the model again")))
        << "byte " << i;
    set(i, whole[i]);
  }
  EXPECT_EQ(SmallArtifact::ErrorOf(directory), "");
}

TEST(Damage, AnyByteOfTheCode) {
  SmallArtifact small;
  const std::string whole = small.files[kCode];
  for (size_t i = 0; i < whole.size(); i += 61) {
    small.files[kCode][i] = static_cast<char>(whole[i] ^ 0x10);
    EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr(kCode), HasSubstr("checksum differs"))) << "byte " << i;
    small.files[kCode][i] = whole[i];
  }
}

TEST(Damage, AnyByteOfThePlan) {
  SmallArtifact small;
  for (char &byte : small.files["plan.json"]) {
    byte ^= 1;
    EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr("plan.json"), HasSubstr("checksum")));
    byte ^= 1;
  }
}

TEST(Damage, CutAndLongerFiles) {
  SmallArtifact small;
  for (auto &[name, bytes] : small.files) {
    const std::string whole = bytes;
    bytes.pop_back();
    EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr(name), HasSubstr("bytes, expected"))) << name;
    bytes.clear();
    EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr(name), HasSubstr("found 0 bytes, expected"))) << name;
    bytes = whole + '\0';
    EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr(name), HasSubstr("bytes, expected"))) << name;
    bytes = whole;
  }
}

TEST(Damage, MissingFiles) {
  SmallArtifact small;
  for (const auto &[name, bytes] : small.files) {
    const std::string directory = small.Write();
    fs::remove(directory + "/" + name);
    const absl::Status status = Artifact::Open(directory).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(name), HasSubstr("is incomplete")));
    fs::create_directory(directory + "/" + name);
    EXPECT_THAT(std::string(Artifact::Open(directory).status().message()), HasSubstr("no regular file"));
  }
  const std::string directory = small.Write();
  fs::remove(directory + "/manifest.json");
  EXPECT_THAT(std::string(Artifact::Open(directory).status().message()),
              AllOf(HasSubstr("is no artifact"), HasSubstr("janus-compile")));
  EXPECT_EQ(Artifact::Open(directory + "/nowhere").status().code(), absl::StatusCode::kNotFound);
}

/// The file is read when it is mapped, not when the artifact is opened.
TEST(Damage, AFileThatShrinksAfterOpening) {
  SmallArtifact small;
  const std::string directory = small.Write();
  absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(directory);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  fs::resize_file(directory + "/" + kWeights, 64);
  EXPECT_EQ((*artifact)->Tensor("matrix").status().code(), absl::StatusCode::kDataLoss);
}

} // namespace
} // namespace janus::small
