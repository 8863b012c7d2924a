#include "lib/Import/Reader/ExternalData.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include <algorithm>
#include <filesystem>

namespace janus::onnx {
namespace fs = std::filesystem;

bool parseDecimal(std::string_view text, uint64_t &value) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         absl::SimpleAtoi(std::string(text), &value);
}

ExternalData::File ExternalData::look(const std::string &location) const {
  std::string shown = absl::StrCat("location '", absl::CHexEscape(location), "'");
  auto refuse = [&](const std::string &why) {
    return File{absl::PermissionDeniedError(absl::StrCat(shown, " ", why, "; refused")), 0};
  };
  if (location.empty())
    return refuse("is empty");
  if (location.size() > 4096 || location.find('\0') != std::string::npos)
    return refuse("is not a file name");
  fs::path relative(location);
  if (relative.is_absolute() || location.find('\\') != std::string::npos)
    return refuse("is not a relative path with forward slashes");
  for (const fs::path &part : relative)
    if (part == "..")
      return refuse("leaves the model directory");
  std::error_code error;
  fs::path base = fs::canonical(folder_.empty() ? "." : folder_, error);
  if (error)
    return {absl::NotFoundError(absl::StrCat("folder '", folder_, "' of the model: ", error.message())), 0};
  fs::path file = fs::canonical(base / relative, error);
  if (error)
    return {absl::NotFoundError(absl::StrCat("external file '", absl::CHexEscape(location),
                                             "' is missing beside the model (", error.message(), ")")),
            0};
  if (std::mismatch(base.begin(), base.end(), file.begin(), file.end()).first != base.end())
    return refuse("is a link that leaves the model directory");
  if (!fs::is_regular_file(file, error))
    return refuse("is not a regular file");
  uint64_t bytes = fs::file_size(file, error);
  if (error)
    return {absl::UnavailableError(absl::StrCat(shown, ": ", error.message())), 0};
  return {absl::OkStatus(), bytes};
}

absl::Status ExternalData::size(const std::string &location, uint64_t &bytes) {
  auto [it, inserted] = files_.try_emplace(location);
  if (inserted)
    it->second = look(location);
  bytes = it->second.bytes;
  return it->second.status;
}
} // namespace janus::onnx
