// libFuzzer target: any bytes as a routing trace. The first letter says what the rest is:
//   1  meta.json, a zero byte, seqs.tsv, a zero byte, the array
//   2  meta.json, a zero byte, routing
//   3, 4  the same with the last part as gzip
// Finds crashes, hangs and rows that a reader should not have given.
#include "runtime/placement/TraceSteps.h"
#include "runtime/trace/Trace.h"

#include <cstdlib>
#include <string>

namespace {

using janus::trace::ByteStream;

std::string Cut(std::string &text) {
  const size_t end = text.find('\0');
  std::string part = text.substr(0, end);
  text = end == std::string::npos ? "" : text.substr(end + 1);
  return part;
}

/// Whatever a reader gives fits what it says of the trace.
absl::Status ReadAll(janus::trace::Trace &trace) {
  int64_t blocks = 0;
  janus::trace::TraceBlock block;
  absl::StatusOr<bool> more = trace.Next(block);
  for (; more.ok() && *more; more = trace.Next(block)) {
    const auto &layers = trace.info().layers;
    if (block.layer < 0 || block.layer >= static_cast<int64_t>(layers.size()) || block.rows.empty() ||
        block.ids.size() != block.rows.size() * layers[block.layer].k || block.group_row > block.first_row)
      std::abort();
    for (uint16_t id : block.ids)
      if (id >= layers[block.layer].experts)
        std::abort();
    if (++blocks > 1 << 16)
      break; // gzip can hold a thousand times its size
  }
  return more.status();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  janus::trace::TraceParts parts;
  parts.where = "fuzz";
  parts.meta = Cut(text);
  absl::StatusOr<int> version = janus::trace::TraceVersion(parts.where, parts.meta);
  if (!version.ok() || *version == 1)
    parts.sequences = janus::trace::FromString(Cut(text));
  std::unique_ptr<ByteStream> stream = janus::trace::FromString(text);
  parts.data = data[0] >= '3' ? janus::trace::Gunzip(std::move(stream)) : std::move(stream);
  absl::StatusOr<std::unique_ptr<janus::trace::Trace>> trace = janus::trace::ReadTrace(std::move(parts));
  if (!trace.ok()) {
    if (trace.status().message().empty())
      std::abort();
    return 0;
  }
  const absl::Status first = ReadAll(**trace);
  // A trace that was read once is read again, to the same end.
  if (!(*trace)->Rewind().ok() || ReadAll(**trace) != first)
    std::abort();
  if (!first.ok() || (*trace)->info().rows > 4096)
    return 0;
  const auto sequences = (*trace)->Sequences();
  if (sequences.ok() && !sequences->empty() && (*trace)->info().layers.size() < 64)
    (void)janus::DrawSteps(**trace, {}, {{*sequences, {{1, 4, 1, true}}}});
  return 0;
}
