#include "tools/janus-run/PlacementFile.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace janus::run {

absl::StatusOr<std::unique_ptr<PlacementFile>> PlacementFile::Create(const std::string &path) {
  std::unique_ptr<PlacementFile> file(new PlacementFile);
  file->path_ = path;
  file->temporary_ = path + ".part";
  file->file_ = std::fopen(file->temporary_.c_str(), "wb");
  if (!file->file_)
    return absl::PermissionDeniedError(
        absl::StrCat("--save-placement: cannot write '", path, "': ", std::strerror(errno)));
  return file;
}

PlacementFile::~PlacementFile() {
  if (!file_)
    return;
  std::fclose(file_);
  std::remove(temporary_.c_str());
}

absl::Status PlacementFile::Write(const std::string &text) {
  bool failed = std::fwrite(text.data(), 1, text.size(), file_) != text.size();
  failed |= std::fclose(std::exchange(file_, nullptr)) != 0;
  failed = failed || std::rename(temporary_.c_str(), path_.c_str()) != 0;
  if (!failed)
    return absl::OkStatus();
  const int reason = errno;
  std::remove(temporary_.c_str());
  return absl::DataLossError(
      absl::StrCat("--save-placement: '", path_, "' could not be written completely: ", std::strerror(reason)));
}

} // namespace janus::run
