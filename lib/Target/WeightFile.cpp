#include "lib/Target/WeightFile.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include <cerrno>
#include <cstring>
#include <xxhash.h>

namespace janus {

std::string hashText(uint64_t hash) { return absl::StrFormat("%016x", hash); }
std::string hashBytes(const void *data, int64_t bytes) { return hashText(XXH3_64bits(data, bytes)); }

WeightFile::WeightFile(std::string path, std::vector<PackedTensor> tensors)
    : path(std::move(path)), tensors(std::move(tensors)), hash(XXH3_createState()) {}

WeightFile::~WeightFile() {
  if (file)
    std::fclose(file);
  XXH3_freeState(static_cast<XXH3_state_t *>(hash));
}

absl::Status WeightFile::put(const void *data, int64_t bytes) {
  if (bytes > 0 && std::fwrite(data, 1, bytes, file) != static_cast<size_t>(bytes))
    return absl::ResourceExhaustedError(absl::StrCat("writing ", path, " failed: ", std::strerror(errno)));
  position += bytes;
  return absl::OkStatus();
}

absl::Status WeightFile::open() {
  file = std::fopen(path.c_str(), "wb");
  if (!file)
    return absl::PermissionDeniedError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  nlohmann::json index;
  index["__metadata__"] = {{"format", "janus-weights"}};
  int64_t offset = 0;
  for (const PackedTensor &tensor : tensors) {
    int64_t bytes = tensor.units * tensor.stride();
    index[tensor.name] = {{"dtype", "F32"}, {"shape", {bytes / 4}}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = index.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i));
  text = length + text;
  absl::Status status = put(text.data(), text.size());
  header = unitBegin = position;
  headerHash = hashBytes(text.data(), header);
  XXH3_64bits_reset(static_cast<XXH3_state_t *>(hash));
  return status;
}

absl::Status WeightFile::write(const void *data, int64_t bytes) {
  XXH3_64bits_update(static_cast<XXH3_state_t *>(hash), data, bytes);
  return put(data, bytes);
}

absl::StatusOr<UnitRange> WeightFile::finishUnit() {
  UnitRange range{unitBegin, position - unitBegin, hashText(XXH3_64bits_digest(static_cast<XXH3_state_t *>(hash)))};
  XXH3_64bits_reset(static_cast<XXH3_state_t *>(hash));
  const char zeros[64] = {};
  if (absl::Status status = put(zeros, (64 - position % 64) % 64); !status.ok())
    return status;
  unitBegin = position;
  return range;
}

absl::Status WeightFile::close() {
  int result = std::fclose(file);
  file = nullptr;
  if (result != 0)
    return absl::ResourceExhaustedError(absl::StrCat("writing ", path, " failed: ", std::strerror(errno)));
  return absl::OkStatus();
}

} // namespace janus
