//===- Output.h - tables, files and progress --------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_OUTPUT_H
#define JANUS_TOOLS_JANUS_PLAN_OUTPUT_H

#include "absl/status/status.h"
#include "runtime/planner/ForEach.h"

#include <string>
#include <vector>

namespace janus::plan {

/// Columns as wide as they need to be; the first is left-aligned, numbers right.
class Table {
public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string Text() const;
  const std::vector<std::vector<std::string>> &rows() const { return rows_; } // the head first

private:
  std::vector<std::vector<std::string>> rows_;
};

std::string Fixed(double value, int digits = 3);
/// "1.2 MiB"
std::string Size(double bytes);

/// To stdout. DataLoss when it cannot be written.
absl::Status Print(const std::string &text);
/// Whether WriteFile can make this file; asked before long work.
absl::Status CheckWritable(const std::string &path);
/// The whole file or none: written beside it and renamed.
absl::Status WriteFile(const std::string &path, const std::string &content);

/// A line on a terminal that says how far something is; nothing anywhere else.
class ProgressLine {
public:
  ProgressLine();
  ~ProgressLine() { Clear(); }
  planner::Progress callback() {
    return [this](const char *what, int64_t done, int64_t all) { Show(what, done, all); };
  }
  void Clear();

private:
  void Show(const char *what, int64_t done, int64_t all);
  bool terminal_;
  std::string shown_;
};

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_OUTPUT_H
