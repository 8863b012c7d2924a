#include "tools/janus-plan/Output.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace janus::plan {
namespace {

/// Beside the file, which it becomes when `keep`.
absl::Status Write(const std::string &path, const std::string &content, bool keep) {
  struct stat info;
  const std::string beside = absl::StrCat(path, ".", getpid(), ".part");
  int error = stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) ? EISDIR : 0;
  FILE *file = error ? nullptr : std::fopen(beside.c_str(), "wb");
  if (!error && !file)
    error = errno;
  if (file) {
    if (std::fwrite(content.data(), 1, content.size(), file) != content.size())
      error = errno;
    if (std::fclose(file) != 0 && !error)
      error = errno;
    if (!error && keep && std::rename(beside.c_str(), path.c_str()) != 0)
      error = errno;
    if (error || !keep)
      std::remove(beside.c_str());
  }
  return error ? absl::PermissionDeniedError(absl::StrCat(path, ": cannot be written: ", std::strerror(error)))
               : absl::OkStatus();
}

} // namespace

std::string Table::Text() const {
  std::vector<size_t> widths;
  for (const std::vector<std::string> &row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const std::vector<std::string> &row : rows_) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string blanks(widths[c] - row[c].size(), ' ');
      absl::StrAppend(&line, c ? "  " : "", c ? blanks : row[c], c ? row[c] : blanks);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string Fixed(double value, int digits) { return absl::StrFormat("%.*f", digits, value); }

std::string Size(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  return absl::StrFormat("%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

absl::Status Print(const std::string &text) {
  const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return whole ? absl::OkStatus()
               : absl::DataLossError(absl::StrCat("the output could not be written: ", std::strerror(errno)));
}

absl::Status CheckWritable(const std::string &path) { return path.empty() ? absl::OkStatus() : Write(path, "", false); }

absl::Status WriteFile(const std::string &path, const std::string &content) { return Write(path, content, true); }

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO)) {}

void ProgressLine::Show(const char *what, int64_t done, int64_t all) {
  if (!terminal_)
    return;
  const std::string line = absl::StrFormat("%s: %d %%", what, all > 0 ? done * 100 / all : 0);
  if (line == shown_)
    return;
  shown_ = line;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  if (!shown_.empty())
    std::fputs("\r\033[K", stderr);
  shown_.clear();
}

} // namespace janus::plan
