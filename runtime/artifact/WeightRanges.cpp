// Do the weights of a manifest fit their files, their layouts and each other?
#include "runtime/artifact/Artifact.h"
#include "runtime/base/ElementType.h"
#include "runtime/base/WeightFormat.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <set>

namespace janus {
namespace {

/// Bytes of [rows, columns] in panels of 32 columns for `rows_a_panel` rows; -1 beyond 2^60.
int64_t PanelsBytes(int64_t rows, int64_t rows_a_panel, int64_t columns, const abi::WeightFormat &format) {
  constexpr int64_t kMost = int64_t{1} << 60;
  int64_t bytes;
  if (columns > kMost / (2 * abi::BlockHeaderBytes(format)) || format.block > kMost ||
      __builtin_mul_overflow((rows + rows_a_panel - 1) / rows_a_panel, abi::PanelBytes(format, columns), &bytes) ||
      bytes > kMost)
    return -1;
  return bytes;
}

/// Bytes of a plain tensor or of one expert; -1 where layout and shape do not go together.
int64_t ExpectedBytes(const WeightEntry &entry) {
  const size_t first = entry.experts.empty() ? 0 : 1;
  if (entry.shape.size() <= first)
    return -1;
  const std::vector<int64_t> dims(entry.shape.begin() + first, entry.shape.end());
  if (absl::StartsWith(entry.layout, "rows.")) {
    int64_t bytes = ElementBytes(std::string_view(entry.layout).substr(5));
    for (int64_t dim : dims)
      if (__builtin_mul_overflow(bytes, dim, &bytes))
        return -1;
    return bytes;
  }
  if (dims.size() != 2)
    return -1;
  const std::string_view layout = entry.layout;
  const std::optional<abi::WeightFormat> format = ParseWeightFormat(layout.substr(layout.find('.') + 1));
  if (!format)
    return -1;
  if (absl::StartsWith(entry.layout, "panel32."))
    return PanelsBytes(dims[0], abi::kPanel, dims[1], *format);
  return dims[0] % 2 ? -1 : PanelsBytes(dims[0] / 2, abi::kPanel / 2, dims[1], *format); // gate and up
}

absl::Status CheckEntry(const WeightEntry &entry, const std::string &where) {
  if (!entry.experts.empty() && (entry.shape.empty() || entry.shape[0] != static_cast<int64_t>(entry.experts.size())))
    return absl::InvalidArgumentError(absl::StrCat(where, ".experts: found ", entry.experts.size(),
                                                   " experts, expected the first of shape [",
                                                   absl::StrJoin(entry.shape, ", "), "]"));
  const int64_t expected = ExpectedBytes(entry);
  if (expected < 0)
    return absl::InvalidArgumentError(absl::StrCat(where, ".shape: found [", absl::StrJoin(entry.shape, ", "),
                                                   "], expected a shape that layout ", entry.layout, " can hold"));
  for (const WeightRange &range : Ranges(entry))
    if (range.bytes != expected)
      return absl::InvalidArgumentError(absl::StrCat(where, ".bytes: found ", range.bytes, ", expected ", expected,
                                                     " for shape [", absl::StrJoin(entry.shape, ", "), "] in layout ",
                                                     entry.layout));
  return absl::OkStatus();
}

} // namespace

std::vector<WeightRange> Ranges(const WeightEntry &entry) {
  return entry.experts.empty() ? std::vector<WeightRange>{entry.whole} : entry.experts;
}

absl::Status CheckWeights(const Manifest &manifest) {
  struct Placed {
    int64_t offset, bytes;
    const std::string *name;
  };
  std::map<std::string, std::vector<Placed>> placed;
  std::set<std::string> names;
  for (size_t i = 0; i < manifest.weights.size(); ++i) {
    const WeightEntry &entry = manifest.weights[i];
    const std::string where = absl::StrCat("weights[", i, "]");
    if (!names.insert(entry.name).second)
      return absl::InvalidArgumentError(absl::StrCat(where, ".name: weight '", entry.name, "' is listed twice"));
    if (absl::Status status = CheckEntry(entry, where); !status.ok())
      return status;
    auto file = manifest.files.find(entry.file);
    if (file == manifest.files.end())
      return absl::InvalidArgumentError(
          absl::StrCat(where, ".file: found \"", entry.file, "\", expected a file that files lists"));
    for (const WeightRange &range : Ranges(entry)) {
      if (range.offset < file->second.header || range.offset > file->second.bytes - range.bytes)
        return absl::InvalidArgumentError(absl::StrCat(
            where, ".offset: weight '", entry.name, "' is at [", range.offset, ", ", range.offset + range.bytes,
            ") of ", entry.file, ", expected a range in [", file->second.header, ", ", file->second.bytes, ")"));
      placed[entry.file].push_back({range.offset, range.bytes, &entry.name});
    }
  }
  for (auto &[file, ranges] : placed) {
    std::sort(ranges.begin(), ranges.end(), [](const Placed &a, const Placed &b) { return a.offset < b.offset; });
    for (size_t i = 1; i < ranges.size(); ++i)
      if (ranges[i].offset < ranges[i - 1].offset + ranges[i - 1].bytes)
        return absl::InvalidArgumentError(absl::StrCat("weights: '", *ranges[i - 1].name, "' and '", *ranges[i].name,
                                                       "' overlap at offset ", ranges[i].offset, " of ", file));
  }
  return absl::OkStatus();
}

} // namespace janus
