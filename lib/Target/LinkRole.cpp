#include "lib/Target/RoleCode.h"

#include "absl/strings/str_cat.h"
#include "lld/Common/Driver.h"

LLD_HAS_DRIVER(elf)

namespace janus {

absl::Status linkRole(const std::string &object, const std::string &output) {
  const char *arguments[] = {
      "ld.lld",          "-shared",          "-z",          "defs", "-z",           "noexecstack", "-O1", "--threads=1",
      "--build-id=none", "--hash-style=gnu", "--strip-all", "-o",   output.c_str(), object.c_str()};
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return absl::InternalError(absl::StrCat("linking ", output, " failed: ", messages));
  return absl::OkStatus();
}

} // namespace janus
