// Code that does not fit: another ABI, another program, another CPU, no code at all.
#include "test/unit/artifact/SmallArtifact.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstddef>
#include <fstream>

namespace janus::small {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The error of loading the code after four bytes of its descriptor were changed.
std::string ErrorWith(size_t offset, uint32_t value) {
  SmallArtifact small;
  small.PatchDescriptor(offset, &value, sizeof value);
  return small.ErrorOfAll();
}

TEST(ProgramCode, AbiVersionsAndSizes) {
  EXPECT_THAT(ErrorWith(offsetof(abi::Program, magic), 7), AllOf(HasSubstr("found magic 7"), HasSubstr(kCode)));
  EXPECT_THAT(ErrorWith(offsetof(abi::Program, version), 99),
              AllOf(HasSubstr("ABI 99"), HasSubstr("matching janus-compile")));
  EXPECT_THAT(ErrorWith(offsetof(abi::Program, size), 40), HasSubstr("of 40 bytes"));
  EXPECT_THAT(ErrorWith(offsetof(abi::Program, kernel_version), 77), HasSubstr("kernel ABI 77"));
}

TEST(ProgramCode, OfAnotherProgram) {
  EXPECT_THAT(ErrorWith(offsetof(abi::Program, program_hash), 1),
              AllOf(HasSubstr(kCode), HasSubstr("found the code of program"), HasSubstr("not of one artifact")));
}

/// Code that serves both gate sides says 0.
TEST(ProgramCode, OfTwoPrograms) {
  SmallArtifact small;
  nlohmann::json other = small.program();
  other["values"][1]["name"] = "y";
  small.manifest["programs"]["attention"]["attention"] = Signed(other);
  EXPECT_THAT(small.ErrorOfAll(), HasSubstr("expected that of 0000000000000000"));
  const uint64_t none = 0;
  small.PatchDescriptor(offsetof(abi::Program, program_hash), &none, sizeof none);
  EXPECT_EQ(small.ErrorOfAll(), "");
}

TEST(ProgramCode, ForAnotherCpu) {
  SmallArtifact small;
  for (auto &entry : small.manifest["code"])
    entry["target"] = "z80";
  EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr("no 'attention' program for this CPU"), HasSubstr("z80"),
                                        HasSubstr("compile with --target-cpu=")));
  small.manifest["code"] = nlohmann::json::array();
  EXPECT_THAT(small.ErrorOfAll(), HasSubstr("the artifact has {}"));
}

TEST(ProgramCode, ThatIsNoLibrary) {
  SmallArtifact small;
  small.files[kCode] = "no machine code";
  small.Resign(kCode);
  EXPECT_THAT(small.ErrorOfAll(), AllOf(HasSubstr(kCode), HasSubstr("cannot be loaded")));
}

TEST(ProgramCode, WithoutTheSymbol) {
  SmallArtifact small;
  std::string &code = small.files[kCode];
  for (size_t at = code.find("janus_program"); at != std::string::npos; at = code.find("janus_program"))
    code[at] = 'k';
  small.Resign(kCode);
  EXPECT_THAT(small.ErrorOfAll(), HasSubstr("exports no janus_program"));
}

} // namespace
} // namespace janus::small
