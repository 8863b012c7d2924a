#include "runtime/trace/GzipFile.h"

#include <algorithm>

namespace janus::trace {

GzipFile::~GzipFile() {
  if (file_)
    std::fclose(file_);
  if (started_)
    deflateEnd(&zlib_);
}

bool GzipFile::Open(const std::string &path) {
  file_ = std::fopen(path.c_str(), "wb");
  if (!file_)
    return false;
  started_ = deflateInit2(&zlib_, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  failed_ = !started_;
  return true;
}

void GzipFile::Write(const void *bytes, int64_t size) {
  const auto *from = static_cast<const Bytef *>(bytes);
  while (size > 0) {
    const int64_t part = std::min<int64_t>(size, static_cast<int64_t>(input_.size() - filled_));
    std::copy_n(from, part, input_.data() + filled_);
    filled_ += part;
    from += part;
    size -= part;
    if (filled_ == input_.size())
      Deflate(Z_NO_FLUSH);
  }
}

void GzipFile::Deflate(int flush) {
  zlib_.next_in = input_.data();
  zlib_.avail_in = static_cast<uInt>(filled_);
  filled_ = 0;
  int code = Z_OK;
  do {
    if (failed_)
      return;
    zlib_.next_out = output_.data();
    zlib_.avail_out = static_cast<uInt>(output_.size());
    code = deflate(&zlib_, flush);
    const size_t count = output_.size() - zlib_.avail_out;
    failed_ |= code == Z_STREAM_ERROR || std::fwrite(output_.data(), 1, count, file_) != count;
  } while (zlib_.avail_out == 0 || (flush == Z_FINISH && code != Z_STREAM_END));
}

bool GzipFile::Close() {
  Deflate(Z_FINISH);
  failed_ |= std::fclose(file_) != 0;
  file_ = nullptr;
  return !failed_;
}

} // namespace janus::trace
