#include "runtime/trace/ByteStream.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>
#include <zlib.h>

namespace janus::trace {
namespace {

class FileStream : public ByteStream {
public:
  explicit FileStream(FILE *file) : file_(file) {}
  absl::StatusOr<int64_t> Read(void *to, int64_t size) override {
    const size_t read = std::fread(to, 1, size, file_.get());
    if (std::ferror(file_.get()))
      return absl::DataLossError(absl::StrCat("cannot be read: ", std::strerror(errno)));
    return static_cast<int64_t>(read);
  }
  absl::Status Rewind() override {
    std::clearerr(file_.get());
    return std::fseek(file_.get(), 0, SEEK_SET) == 0
               ? absl::OkStatus()
               : absl::FailedPreconditionError("is no file that can be read twice, as a pipe is none");
  }

private:
  struct Close {
    void operator()(FILE *file) const { std::fclose(file); }
  };
  std::unique_ptr<FILE, Close> file_;
};

class StringStream : public ByteStream {
public:
  explicit StringStream(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<int64_t> Read(void *to, int64_t size) override {
    const int64_t count = std::min<int64_t>(size, static_cast<int64_t>(bytes_.size()) - at_);
    std::copy_n(bytes_.data() + at_, count, static_cast<char *>(to));
    at_ += count;
    return count;
  }
  absl::Status Rewind() override {
    at_ = 0;
    return absl::OkStatus();
  }

private:
  std::string bytes_;
  int64_t at_ = 0;
};

class GunzipStream : public ByteStream {
public:
  explicit GunzipStream(std::unique_ptr<ByteStream> compressed) : compressed_(std::move(compressed)), input_(1 << 16) {}
  ~GunzipStream() override { inflateEnd(&zlib_); }

  absl::StatusOr<int64_t> Read(void *to, int64_t size) override {
    int64_t done = 0;
    while (done < size) {
      if (zlib_.avail_in == 0 && !Refill().ok())
        return refill_;
      if (zlib_.avail_in == 0 && between_members_ && read_ > 0)
        return done;
      if (zlib_.avail_in == 0)
        return absl::DataLossError(read_ == 0 ? "found an empty file, expected gzip"
                                              : absl::StrCat("the gzip data is cut off: found ", read_,
                                                             " bytes, expected more; copy the file again"));
      if (between_members_) {
        if (!started_ && inflateInit2(&zlib_, 16 + MAX_WBITS) != Z_OK)
          return absl::ResourceExhaustedError("no memory to decompress");
        if (started_)
          inflateReset(&zlib_);
        started_ = true;
        between_members_ = false;
      }
      const int64_t want = std::min<int64_t>(size - done, 1 << 30);
      zlib_.next_out = static_cast<Bytef *>(to) + done;
      zlib_.avail_out = static_cast<uInt>(want);
      const int code = inflate(&zlib_, Z_NO_FLUSH);
      done += want - zlib_.avail_out;
      if (code == Z_STREAM_END)
        between_members_ = true;
      else if (code != Z_OK && code != Z_BUF_ERROR)
        return absl::DataLossError(absl::StrCat("found damaged gzip data (", zlib_.msg ? zlib_.msg : "zlib",
                                                ") before byte ", read_ - zlib_.avail_in, "; copy the file again"));
    }
    return done;
  }

  absl::Status Rewind() override {
    zlib_.avail_in = 0;
    between_members_ = true;
    read_ = 0;
    return compressed_->Rewind();
  }

private:
  absl::Status Refill() {
    absl::StatusOr<int64_t> count = compressed_->Read(input_.data(), static_cast<int64_t>(input_.size()));
    refill_ = count.status();
    if (count.ok()) {
      zlib_.next_in = input_.data();
      zlib_.avail_in = static_cast<uInt>(*count);
      read_ += *count;
    }
    return refill_;
  }

  std::unique_ptr<ByteStream> compressed_;
  std::vector<Bytef> input_;
  z_stream zlib_ = {};
  absl::Status refill_;
  int64_t read_ = 0; // compressed bytes
  bool started_ = false, between_members_ = true;
};

} // namespace

absl::StatusOr<std::unique_ptr<ByteStream>> OpenFile(const std::string &path) {
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  return std::make_unique<FileStream>(file);
}

std::unique_ptr<ByteStream> FromString(std::string bytes) { return std::make_unique<StringStream>(std::move(bytes)); }

std::unique_ptr<ByteStream> Gunzip(std::unique_ptr<ByteStream> compressed) {
  return std::make_unique<GunzipStream>(std::move(compressed));
}

absl::Status ReadExactly(ByteStream &stream, void *to, int64_t size, const char *what) {
  absl::StatusOr<int64_t> count = stream.Read(to, size);
  if (!count.ok())
    return count.status();
  return *count == size ? absl::OkStatus()
                        : absl::DataLossError(absl::StrCat("found ", *count, " bytes, expected ", size, " of ", what));
}

absl::StatusOr<std::string> ReadText(const std::string &path, int64_t most) {
  absl::StatusOr<std::unique_ptr<ByteStream>> file = OpenFile(path);
  if (!file.ok())
    return file.status();
  std::string text;
  char block[4096];
  while (true) {
    absl::StatusOr<int64_t> count = (*file)->Read(block, sizeof block);
    if (!count.ok())
      return absl::Status(count.status().code(), absl::StrCat(path, ": ", count.status().message()));
    if (*count == 0)
      return text;
    text.append(block, *count);
    if (static_cast<int64_t>(text.size()) > most)
      return absl::InvalidArgumentError(absl::StrCat(path, ": found more than ", most, " bytes, expected fewer"));
  }
}

} // namespace janus::trace
