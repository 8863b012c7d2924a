// seqs.tsv of version 1: a header line, then a sequence a line.
#include "runtime/trace/Readers.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <optional>

namespace janus::trace {
namespace {

constexpr size_t kMaxLine = 1 << 16, kMaxName = 1 << 12;

/// Lines without their end. An error when one is too long.
class Lines {
public:
  explicit Lines(ByteStream &file) : file_(file) {}

  /// False after the last.
  absl::StatusOr<bool> Next(std::string &line) {
    line.clear();
    while (true) {
      if (at_ == count_) {
        absl::StatusOr<int64_t> count = file_.Read(block_, sizeof block_);
        if (!count.ok())
          return count.status();
        if (*count == 0)
          return !line.empty();
        at_ = 0, count_ = *count;
      }
      const char *end = std::find(block_ + at_, block_ + count_, '\n');
      line.append(block_ + at_, end - (block_ + at_));
      if (line.size() > kMaxLine)
        return absl::InvalidArgumentError(absl::StrCat("found a line of more than ", kMaxLine, " bytes"));
      at_ = end - block_;
      if (at_ < count_) {
        ++at_;
        if (!line.empty() && line.back() == '\r')
          line.pop_back();
        return true;
      }
    }
  }

private:
  ByteStream &file_;
  char block_[1 << 14];
  int64_t at_ = 0, count_ = 0;
};

/// Which column holds what; -1: none does.
struct Columns {
  int start = -1, len = -1, domain = -1, phase = -1, repetition = -1, count = 0;
};

absl::StatusOr<Columns> ReadHeader(const std::string &line) {
  Columns columns;
  for (absl::string_view name : absl::StrSplit(line, '\t')) {
    for (auto [column, known] : {std::pair{&columns.start, "start"},
                                 {&columns.len, "len"},
                                 {&columns.domain, "domain"},
                                 {&columns.phase, "phase"},
                                 {&columns.repetition, "repetition"}})
      if (name == known) {
        if (*column >= 0)
          return absl::InvalidArgumentError(absl::StrCat("found column '", known, "' twice"));
        *column = columns.count;
      }
    ++columns.count;
  }
  if (columns.start < 0 || columns.len < 0)
    return absl::InvalidArgumentError(absl::StrCat("found the header '", line.substr(0, 200),
                                                   "', expected tab-separated names with 'start' and 'len'"));
  return columns;
}

absl::StatusOr<TraceSequence> ReadSequence(const std::string &line, const Columns &columns, int64_t tokens) {
  const std::vector<absl::string_view> cells = absl::StrSplit(line, '\t');
  if (static_cast<int>(cells.size()) != columns.count)
    return absl::InvalidArgumentError(
        absl::StrCat("found ", cells.size(), " cells, expected ", columns.count, " as in the header"));
  auto number = [&](int column) {
    int64_t value = 0;
    return column < 0 || (absl::SimpleAtoi(cells[column], &value) && value >= 0) ? std::optional(value) : std::nullopt;
  };
  const std::optional<int64_t> start = number(columns.start), len = number(columns.len),
                               repetition = number(columns.repetition);
  if (!start || !len || !repetition)
    return absl::InvalidArgumentError(
        absl::StrCat("found '", line.substr(0, 200), "', expected start, len and repetition as whole numbers"));
  if (*len < 1 || *start > tokens || *len > tokens - *start)
    return absl::InvalidArgumentError(absl::StrCat("found rows from ", *start, ", ", *len,
                                                   " of them, expected at least 1, all below ", tokens,
                                                   " as the array has"));
  TraceSequence sequence;
  sequence.first_row = *start;
  sequence.repetition = *repetition;
  for (auto [to, column] : {std::pair{&sequence.domain, columns.domain}, {&sequence.phase, columns.phase}})
    if (column >= 0) {
      if (cells[column].size() > kMaxName)
        return absl::InvalidArgumentError(
            absl::StrCat("found a name of ", cells[column].size(), " bytes, expected at most ", kMaxName));
      *to = std::string(cells[column]);
    }
  sequence.rows_of[static_cast<int>(sequence.phase == "prefill" ? RowPhase::kPrefill : RowPhase::kDecode)] = *len;
  return sequence;
}

} // namespace

absl::StatusOr<std::vector<TraceSequence>> ReadSequenceTable(ByteStream &file, const std::string &name,
                                                             int64_t tokens) {
  Lines lines(file);
  std::string line;
  int64_t number = 1, bytes = 0;
  auto at = [&](const absl::Status &status) {
    return absl::Status(status.code(), absl::StrCat(name, ":", number, ": ", status.message()));
  };
  absl::StatusOr<bool> more = lines.Next(line);
  if (!more.ok())
    return at(more.status());
  absl::StatusOr<Columns> columns = ReadHeader(line);
  if (!columns.ok())
    return at(columns.status());
  std::vector<TraceSequence> sequences;
  for (more = lines.Next(line); more.ok() && *more; more = lines.Next(line)) {
    ++number;
    absl::StatusOr<TraceSequence> sequence = ReadSequence(line, *columns, tokens);
    if (!sequence.ok())
      return at(sequence.status());
    if (!sequences.empty() && sequence->first_row < sequences.back().first_row + sequences.back().rows())
      return at(absl::InvalidArgumentError(absl::StrCat("found rows from ", sequence->first_row, ", expected ",
                                                        sequences.back().first_row + sequences.back().rows(),
                                                        " or more: sequences stand in the order of their rows")));
    bytes += static_cast<int64_t>(sequence->domain.size() + sequence->phase.size());
    if (static_cast<int64_t>(sequences.size()) == kMaxSequences || bytes > (int64_t{1} << 28))
      return at(absl::ResourceExhaustedError(
          absl::StrCat("found more than ", sequences.size(), " sequences, expected fewer")));
    sequence->id = static_cast<uint32_t>(sequences.size());
    sequences.push_back(*std::move(sequence));
  }
  if (!more.ok()) {
    ++number;
    return at(more.status());
  }
  if (sequences.empty())
    return at(absl::InvalidArgumentError("found no sequence, expected at least one"));
  return sequences;
}

} // namespace janus::trace
