#include "runtime/transport/ShmRegion.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace janus::transport {

absl::StatusOr<std::shared_ptr<ShmRegion>> ShmRegion::Map(const TransportOptions &options) {
  auto region = std::make_shared<ShmRegion>(options);
  void *memory =
      mmap(nullptr, region->size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return absl::ResourceExhaustedError(
        absl::StrCat("transport: cannot map ", region->size_, " bytes of shared memory: ", std::strerror(errno)));
  region->memory_ = static_cast<char *>(memory); // zero: empty rings, no owner
  return region;
}

// Room for the credits at typical sizes, and for two of the largest messages whatever they are.
ShmRegion::ShmRegion(const TransportOptions &options)
    : options(options), directory(options),
      capacity(RoundUp(2 * (options.max_message_bytes + sizeof(Record) + 64) + size_t{4096} * options.credits)) {
  owners_ = RoundUp(sizeof(std::atomic<pid_t>) * directory.size());
  size_ = owners_ + size_t(directory.size()) * directory.size() * (sizeof(Ring) + capacity);
}

ShmRegion::~ShmRegion() {
  if (memory_)
    munmap(memory_, size_);
}

} // namespace janus::transport
