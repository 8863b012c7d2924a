//===- Support.h - traces in memory ------------------------------*- C++ -*-===//
#ifndef JANUS_TEST_UNIT_TRACE_SUPPORT_H
#define JANUS_TEST_UNIT_TRACE_SUPPORT_H

#include "runtime/trace/Trace.h"

#include <string>
#include <vector>

namespace janus::trace {

/// A gzip member.
std::string Gzip(const std::string &bytes);
/// An .npy file of version 1.0.
std::string Npy(const std::string &descr, const std::string &shape, const std::string &data, bool fortran = false);
/// Numbers, little-endian.
template <typename T> std::string Bytes(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)};
}

/// A row at a layer, as a reader gave it.
struct Row {
  uint64_t step;
  int64_t layer, row;
  uint32_t sequence, position;
  bool prefill;
  std::vector<uint16_t> ids;
  bool operator==(const Row &) const = default;
};
/// All rows of a trace; `status` is how it ended.
struct Content {
  std::vector<Row> rows;
  absl::Status status;
  bool operator==(const Content &) const = default;
};
Content ReadAll(Trace &trace);

} // namespace janus::trace

#endif // JANUS_TEST_UNIT_TRACE_SUPPORT_H
