#include "benchmarks/placement/CellStore.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace janus {
namespace {

std::string Head(const CellOptions &options) {
  return absl::StrCat("janus-placement-cells 1: fit ", options.fit_steps, " test ", options.test_steps, " seeds ",
                      options.seeds, " work ", options.work, " window ", options.window);
}

std::string Key(const std::string &trace, const Cell &cell) {
  return absl::StrCat(trace, " ", cell.instances, " ", cell.slots, " ", cell.batch);
}

/// The numbers of a result, in the order of the file.
std::vector<double *> Numbers(CellResult &r) {
  std::vector<double *> numbers = {&r.limit, &r.fit, &r.filled, &r.single, &r.above, &r.stuck_on, &r.stuck_one};
  for (auto *of_policies : {&r.a_max, &r.difference, &r.interval})
    for (double &number : *of_policies)
      numbers.push_back(&number);
  return numbers;
}

std::string Line(const std::string &trace, CellResult result) {
  std::string line = Key(trace, result.cell);
  for (const double *number : Numbers(result))
    absl::StrAppendFormat(&line, " %.17g", *number);
  return line;
}

bool Parse(const std::string &line, std::string &key, CellResult &result) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  const std::vector<double *> numbers = Numbers(result);
  if (words.size() != 4 + numbers.size() || !absl::SimpleAtoi(words[1], &result.cell.instances) ||
      !absl::SimpleAtoi(words[2], &result.cell.slots) || !absl::SimpleAtoi(words[3], &result.cell.batch))
    return false;
  for (size_t i = 0; i < numbers.size(); ++i)
    if (!absl::SimpleAtod(words[4 + i], numbers[i]))
      return false;
  key = Key(words[0], result.cell);
  return true;
}

} // namespace

absl::StatusOr<CellStore> CellStore::Open(const std::string &path, const CellOptions &options) {
  CellStore store;
  store.path_ = path;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    std::ofstream file(path);
    file << Head(options) << '\n';
    if (!file.flush())
      return absl::InvalidArgumentError(absl::StrCat(path, ": could not be written"));
    return store;
  }
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  std::string text = content.str();
  text.resize(text.rfind('\n') + 1);
  std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(text, "\n"), '\n');
  if (lines[0] != Head(options))
    return absl::InvalidArgumentError(absl::StrCat(path, ": found '", lines[0].substr(0, 200), "', expected '",
                                                   Head(options), "'; name another file"));
  for (size_t i = 1; i < lines.size(); ++i) {
    std::string key;
    CellResult result;
    if (!Parse(lines[i], key, result))
      return absl::InvalidArgumentError(absl::StrCat(path, ":", i + 1, ": found no cell; name another file"));
    store.cells_[key] = result;
  }
  std::filesystem::resize_file(path, text.size(), error);
  if (error)
    return absl::InvalidArgumentError(absl::StrCat(path, ": could not be written: ", error.message()));
  return store;
}

const CellResult *CellStore::Find(const std::string &trace, const Cell &cell) const {
  const auto found = cells_.find(Key(trace, cell));
  return found == cells_.end() ? nullptr : &found->second;
}

absl::Status CellStore::Add(const std::string &trace, const CellResult &result) {
  cells_[Key(trace, result.cell)] = result;
  if (path_.empty())
    return absl::OkStatus();
  std::ofstream file(path_, std::ios::app);
  file << Line(trace, result) << '\n';
  return file.flush() ? absl::OkStatus() : absl::InternalError(absl::StrCat(path_, ": could not be written"));
}

} // namespace janus
