#include "test/unit/trace/Support.h"

#include <zlib.h>

namespace janus::trace {

std::string Gzip(const std::string &bytes) {
  z_stream zlib = {};
  deflateInit2(&zlib, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&zlib, bytes.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  zlib.next_out = reinterpret_cast<Bytef *>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  deflate(&zlib, Z_FINISH);
  out.resize(zlib.total_out);
  deflateEnd(&zlib);
  return out;
}

std::string Npy(const std::string &descr, const std::string &shape, const std::string &data, bool fortran) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" + shape + "), }";
  while ((10 + header.size() + 1) % 64)
    header += ' ';
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 255) +
         static_cast<char>(header.size() >> 8) + header + data;
}

Content ReadAll(Trace &trace) {
  Content content;
  TraceBlock block;
  absl::StatusOr<bool> more = trace.Next(block);
  for (; more.ok() && *more; more = trace.Next(block)) {
    const size_t k = trace.info().layers[block.layer].k;
    for (size_t i = 0; i < block.rows.size(); ++i) {
      const RowOrigin &origin = block.rows[i];
      const auto ids = block.ids.subspan(i * k, k);
      content.rows.push_back({block.step,
                              block.layer,
                              block.first_row + static_cast<int64_t>(i),
                              origin.sequence,
                              origin.position,
                              origin.phase == RowPhase::kPrefill,
                              {ids.begin(), ids.end()}});
    }
  }
  content.status = more.status();
  return content;
}

} // namespace janus::trace
