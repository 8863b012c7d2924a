#include "lib/Import/Reader/MappedFile.h"
#include "absl/strings/str_cat.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace janus::onnx {

absl::StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return absl::NotFoundError(absl::StrCat("cannot open '", path, "': ", std::strerror(errno)));
  struct stat info;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not a regular file"));
  }
  size_t size = static_cast<size_t>(info.st_size);
  void *data = size ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0) : nullptr;
  int error = errno;
  ::close(fd);
  if (size && data == MAP_FAILED)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot map '", path, "' of ", size, " bytes: ", std::strerror(error)));
  return MappedFile(static_cast<const char *>(data), size);
}

MappedFile::~MappedFile() {
  if (data_)
    ::munmap(const_cast<char *>(data_), size_);
}
} // namespace janus::onnx
