#include "runtime/placement/TraceSteps.h"

#include "runtime/placement/BatchSampler.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace janus {
namespace {

using trace::RowOrigin;
using trace::Trace;
using trace::TraceBlock;
using trace::TraceLayer;
using trace::TraceSequence;

/// The rows of a draw's sequences, numbered one sequence after the other, as BatchSampler wants them.
struct NumberedRows {
  NumberedRows(absl::Span<const TraceSequence> all, const RowFilter &filter) {
    for (const TraceSequence &sequence : all)
      if (const int64_t rows = filter.Count(sequence); rows > 0) {
        ranges.push_back({count, rows});
        ids.push_back(sequence.id);
        count += rows;
      }
  }
  std::vector<SequenceRange> ranges; // ascending
  std::vector<uint32_t> ids;
  int64_t count = 0;
};

/// Finds the rows that were drawn, as they stream by.
class Collector {
public:
  Collector(Trace &trace, const RowFilter &filter) : trace_(trace), filter_(filter) {}

  absl::Status Add(const StepSource &source) {
    const uint32_t number = static_cast<uint32_t>(result_.size());
    SourceSteps &steps = result_.emplace_back();
    for (const TraceLayer &layer : trace_.info().layers)
      steps.tokens.emplace_back(layer.experts);
    for (const TraceSequence &sequence : source.sequences)
      cursors_[sequence.id].sources.push_back(number);
    const NumberedRows rows(source.sequences, filter_);
    for (const BatchDraw &draw : source.draws)
      if (absl::Status status = Add(rows, draw, number); !status.ok())
        return status;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<SourceSteps>> Run(const TraceProgress &progress) {
    std::sort(targets_.begin(), targets_.end());
    for (size_t i = targets_.size(); i-- > 0;)
      cursors_[targets_[i].sequence].target = i;
    if (absl::Status status = trace_.Rewind(); !status.ok())
      return status;
    TraceBlock block;
    absl::StatusOr<bool> more = trace_.Next(block);
    for (; more.ok() && *more; more = trace_.Next(block)) {
      if (block.layer == 0)
        Find(block);
      Apply(block);
      if (progress && block.layer == 0)
        progress(block.first_row);
    }
    if (!more.ok())
      return more.status();
    return std::move(result_);
  }

private:
  /// Row `ordinal` of those of a sequence is row `place` of a draw's [steps][batch].
  struct Target {
    uint32_t sequence, draw;
    int64_t ordinal, place;
    bool operator<(const Target &other) const {
      return std::tie(sequence, ordinal, draw, place) <
             std::tie(other.sequence, other.ordinal, other.draw, other.place);
    }
  };
  /// A sequence, and how much of it went by.
  struct Cursor {
    std::vector<uint32_t> sources;
    size_t target = SIZE_MAX; // its next one
    int64_t ordinal = 0;      // of its next row
  };
  /// A row of the group that is given layer by layer.
  struct Row {
    const Cursor *cursor = nullptr;
    size_t begin = 0, end = 0; // targets
  };
  struct Draw {
    uint32_t source, number;
    int64_t batch;
  };

  absl::Status Add(const NumberedRows &rows, const BatchDraw &draw, uint32_t source) {
    const int64_t found = static_cast<int64_t>(rows.ids.size());
    if (draw.batch < 1 || draw.batch > found)
      return absl::InvalidArgumentError(absl::StrCat("found ", found, " sequences, expected at least ", draw.batch,
                                                     " for batches of that many different ones; use smaller batches, "
                                                     "or more of the trace"));
    std::vector<DrawnSteps> &draws = result_[source].draws;
    draws_.push_back({source, static_cast<uint32_t>(draws.size()), draw.batch});
    DrawnSteps &steps = draws.emplace_back();
    for (const TraceLayer &layer : trace_.info().layers) {
      steps.layers.emplace_back(layer.experts, std::max<int64_t>(1, draw.steps));
      for (int64_t step = 0; step < draw.steps; ++step)
        steps.layers.back().Begin();
      if (draw.keep_rows)
        steps.ids.emplace_back(draw.steps * draw.batch * layer.k);
    }
    BatchSampler sampler(rows.ranges, draw.seed);
    int64_t place = 0;
    for (int64_t step = 0; step < draw.steps; ++step)
      for (int64_t row : sampler.Draw(draw.batch)) {
        const auto range = std::upper_bound(rows.ranges.begin(), rows.ranges.end(), row,
                                            [](int64_t value, const SequenceRange &r) { return value < r.start; }) -
                           1;
        targets_.push_back({rows.ids[range - rows.ranges.begin()], static_cast<uint32_t>(draws_.size() - 1),
                            row - range->start, place++});
      }
    return absl::OkStatus();
  }

  /// Layer 0 shows a row first: whose it is, and where it was drawn to.
  void Find(const TraceBlock &block) {
    if (block.group_row != group_row_)
      rows_.clear();
    group_row_ = block.group_row;
    for (const RowOrigin &origin : block.rows) {
      Row &row = rows_.emplace_back();
      auto found = filter_.Takes(origin.phase) ? cursors_.find(origin.sequence) : cursors_.end();
      if (found == cursors_.end())
        continue;
      Cursor &cursor = found->second;
      row.cursor = &cursor;
      row.begin = cursor.target;
      while (cursor.target < targets_.size() && targets_[cursor.target].sequence == origin.sequence &&
             targets_[cursor.target].ordinal == cursor.ordinal)
        ++cursor.target;
      row.end = cursor.target;
      ++cursor.ordinal;
    }
  }

  void Apply(const TraceBlock &block) {
    const int64_t k = trace_.info().layers[block.layer].k;
    for (size_t i = 0; i < block.rows.size(); ++i) {
      const Row &row = rows_[block.first_row - group_row_ + static_cast<int64_t>(i)];
      if (!row.cursor)
        continue;
      const absl::Span<const uint16_t> ids = block.ids.subspan(i * k, k);
      for (uint32_t source : row.cursor->sources)
        for (uint16_t id : ids)
          result_[source].tokens[block.layer][id] += 1;
      for (size_t t = row.begin; t < row.end; ++t) {
        const Draw &draw = draws_[targets_[t].draw];
        DrawnSteps &steps = result_[draw.source].draws[draw.number];
        for (uint16_t id : ids)
          steps.layers[block.layer].Activate(targets_[t].place / draw.batch, id);
        if (!steps.ids.empty())
          std::copy(ids.begin(), ids.end(), steps.ids[block.layer].begin() + targets_[t].place * k);
      }
    }
  }

  Trace &trace_;
  const RowFilter filter_;
  std::vector<SourceSteps> result_;
  std::vector<Draw> draws_;
  std::vector<Target> targets_;
  std::unordered_map<uint32_t, Cursor> cursors_; // by sequence
  std::vector<Row> rows_;
  int64_t group_row_ = -1;
};

} // namespace

absl::StatusOr<std::vector<SourceSteps>>
DrawSteps(Trace &trace, const RowFilter &filter, absl::Span<const StepSource> sources, const TraceProgress &progress) {
  Collector collector(trace, filter);
  for (const StepSource &source : sources)
    if (absl::Status status = collector.Add(source); !status.ok())
      return status;
  return collector.Run(progress);
}

absl::StatusOr<std::vector<ActivationWindow>> RecordedSteps(Trace &trace, const RowFilter &filter, int64_t most,
                                                            const TraceProgress &progress) {
  if (trace.info().version != 2)
    return absl::InvalidArgumentError(
        "found a trace of version 1, which has no steps; expected version 2, or a batch size to draw steps of");
  if (absl::Status status = trace.Rewind(); !status.ok())
    return status;
  std::vector<ActivationWindow> windows;
  for (const TraceLayer &layer : trace.info().layers)
    windows.emplace_back(layer.experts, most);
  std::vector<int64_t> group(windows.size(), -1); // by layer: the step that its window is at, by its first row
  TraceBlock block;
  absl::StatusOr<bool> more = trace.Next(block);
  for (; more.ok() && *more; more = trace.Next(block)) {
    if (progress && block.layer == 0)
      progress(block.first_row);
    ActivationWindow &window = windows[block.layer];
    const int64_t k = trace.info().layers[block.layer].k;
    for (size_t row = 0; row < block.rows.size(); ++row) {
      if (!filter.Takes(block.rows[row].phase))
        continue;
      if (std::exchange(group[block.layer], block.group_row) != block.group_row)
        window.Begin();
      for (uint16_t id : block.ids.subspan(row * k, k))
        window.Activate(id);
    }
  }
  if (!more.ok())
    return more.status();
  return windows;
}

absl::StatusOr<std::vector<ActivationWindow>> ReadRoutingTrace(const std::string &directory) {
  absl::StatusOr<std::unique_ptr<Trace>> trace = trace::OpenTrace(directory);
  if (!trace.ok())
    return trace.status();
  absl::StatusOr<std::vector<ActivationWindow>> steps = RecordedSteps(**trace);
  if (!steps.ok())
    return steps.status();
  std::vector<ActivationWindow> windows;
  for (size_t i = 0; i < steps->size(); ++i) {
    const int64_t layer = (*trace)->info().layers[i].layer;
    while (static_cast<int64_t>(windows.size()) < layer)
      windows.emplace_back(0);
    windows.push_back(std::move((*steps)[i]));
  }
  return windows;
}

} // namespace janus
