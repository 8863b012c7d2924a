#include "lib/Import/Reader/ExternalData.h"
#include "lib/Import/Reader/Reader.h"
#include "test/unit/import/ModelBuilder.h"
#include <filesystem>
#include <gmock/gmock.h>

namespace janus::onnx {
namespace {
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// A folder with model/{data,sub/inner} and, outside, secret.
struct ExternalDataTest : ::testing::Test {
  ExternalDataTest() {
    folder.write("model/data", std::string(100, 'd'));
    folder.write("model/sub/inner", std::string(10, 'i'));
    folder.write("secret", "secret");
  }
  absl::Status look(const std::string &location, uint64_t *size = nullptr) {
    ExternalData data(folder.path() + "/model");
    uint64_t bytes = 0;
    auto status = data.size(location, bytes);
    if (size)
      *size = bytes;
    return status;
  }
  test::TemporaryFolder folder;
};

TEST_F(ExternalDataTest, FilesInsideTheFolder) {
  uint64_t size = 0;
  EXPECT_TRUE(look("data", &size).ok());
  EXPECT_EQ(size, 100u);
  EXPECT_TRUE(look("sub/inner", &size).ok());
  EXPECT_EQ(size, 10u);
  EXPECT_TRUE(look("./data").ok());
}

TEST_F(ExternalDataTest, PathsThatLeaveAreRefused) {
  for (std::string location : {"../secret", "sub/../../secret", "/etc/passwd", "", "..", "sub\\inner", "sub/.."})
    EXPECT_EQ(look(location).code(), absl::StatusCode::kPermissionDenied) << location;
  EXPECT_EQ(look(std::string("da\0ta", 5)).code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(ExternalDataTest, LinksMayStayButNotLeave) {
  fs::create_symlink("data", folder.path() + "/model/alias");
  fs::create_symlink("../secret", folder.path() + "/model/escape");
  fs::create_directory_symlink("..", folder.path() + "/model/up");
  EXPECT_TRUE(look("alias").ok());
  EXPECT_THAT(std::string(look("escape").message()), HasSubstr("is a link that leaves the model directory; refused"));
  EXPECT_FALSE(look("up/secret").ok());
}

TEST_F(ExternalDataTest, FoldersAndMissingFiles) {
  EXPECT_FALSE(look("sub").ok());
  EXPECT_EQ(look("absent").code(), absl::StatusCode::kNotFound);
}

// Every way an external range can be wrong is found before anything is mapped.
TEST_F(ExternalDataTest, Ranges) {
  struct Case {
    const char *offset, *length, *error;
  };
  for (const Case &c :
       {Case{"0", "100", ""}, Case{"60", "40", "expects 100 bytes"}, Case{"1", "100", "exceeds file size 100"},
        Case{"18446744073709551615", "100", "exceeds file size"}, Case{"x", "100", "decimal number as offset"},
        Case{"18446744073709551616", "100", "decimal number as offset"}}) {
    auto model = test::emptyModel();
    test::setExternal(*test::addInitializer(model, "w", ::onnx::TensorProto::UINT8, {100}), "data", c.offset, c.length);
    test::addNode(model, "Abs", {"x"}, {"y"});
    Diagnostics diagnostics;
    auto read = readModel(model.SerializeAsString(), folder.path() + "/model", "m.onnx", diagnostics);
    if (*c.error)
      EXPECT_THAT(diagnostics.str(), HasSubstr(c.error));
    else
      EXPECT_TRUE(read.has_value()) << diagnostics.str();
  }
}
} // namespace
} // namespace janus::onnx
