#include "runtime/placement/RoutingTrace.h"

#include "runtime/base/Json.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <sys/stat.h>

namespace janus {
namespace {

using nlohmann::json;

constexpr int64_t kMaxExperts = 65535; // 65535 stands for "none" in schedule.bin

struct LayerMeta {
  int64_t experts, k;
};

absl::StatusOr<std::vector<LayerMeta>> ReadMeta(const std::string &path) {
  auto bad = [&](auto... what) { return absl::InvalidArgumentError(absl::StrCat(path, ": ", what...)); };
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be read; expected a directory that --record-routing wrote"));
  const json meta = ParseJson(text.str());
  if (!meta.is_object())
    return bad("found no JSON object");
  if (meta.value("format", json()) != "janus-routing" || meta.value("version", json()) != 2)
    return bad("found format ", meta.value("format", json()).dump(), " version ", meta.value("version", json()).dump(),
               ", expected \"janus-routing\" version 2");
  const json layers = meta.value("layers", json());
  if (!layers.is_array())
    return bad("'layers' is no array");
  std::vector<LayerMeta> result;
  for (const json &layer : layers) {
    auto number = [&](const char *name) {
      const json value = layer.is_object() ? layer.value(name, json()) : json();
      return value.is_number_unsigned() ? std::min<uint64_t>(value.get<uint64_t>(), kMaxExperts + 1) : 0;
    };
    const LayerMeta found = {static_cast<int64_t>(number("experts")), static_cast<int64_t>(number("k"))};
    if (found.experts < 1 || found.experts > kMaxExperts || found.k < 1 || found.k > found.experts)
      return bad("layer ", result.size(), ": found ", layer.dump(), ", expected 'experts' of 1 to ", kMaxExperts,
                 " and a 'k' of at most as many");
    result.push_back(found);
  }
  return result;
}

/// routing.bin, record by record; every count is held against what is left of the file before it is believed.
class Records {
public:
  Records(std::string path, const std::vector<LayerMeta> &layers) : path_(std::move(path)), layers_(layers) {
    struct stat info;
    file_.reset(std::fopen(path_.c_str(), "rb"));
    if (file_ && fstat(fileno(file_.get()), &info) == 0)
      left_ = info.st_size;
  }

  absl::Status Read(std::vector<ActivationWindow> &windows) {
    if (!file_)
      return absl::NotFoundError(absl::StrCat(path_, ": cannot be read: ", std::strerror(errno)));
    for (int64_t record = 0; left_ > 0; ++record)
      if (absl::Status status = ReadRecord(windows); !status.ok())
        return absl::Status(status.code(), absl::StrCat(path_, ": record ", record, ": ", status.message()));
    return absl::OkStatus();
  }

private:
  struct Close {
    void operator()(FILE *file) const { std::fclose(file); }
  };
  struct Header {
    uint64_t step;
    uint32_t layer, rows;
  };

  absl::Status Take(void *to, int64_t size) {
    left_ -= size;
    return std::fread(to, 1, size, file_.get()) == static_cast<size_t>(size)
               ? absl::OkStatus()
               : absl::DataLossError("the file ended while it was read");
  }

  absl::Status ReadRecord(std::vector<ActivationWindow> &windows) {
    Header header;
    if (left_ < static_cast<int64_t>(sizeof header))
      return absl::DataLossError(absl::StrCat("found ", left_, " bytes, expected ", sizeof header));
    if (absl::Status status = Take(&header, sizeof header); !status.ok())
      return status;
    if (header.layer >= layers_.size())
      return absl::InvalidArgumentError(
          absl::StrCat("found layer ", header.layer, ", expected one of ", layers_.size()));
    const LayerMeta &layer = layers_[header.layer];
    int64_t ids = static_cast<int64_t>(header.rows) * layer.k;
    if (ids * 2 > left_)
      return absl::DataLossError(
          absl::StrCat("found ", left_, " bytes, expected ", ids * 2, " for ", header.rows, " rows"));
    ActivationWindow &window = windows[header.layer];
    window.Begin();
    uint16_t block[4096];
    for (int64_t count; ids > 0; ids -= count) {
      count = std::min<int64_t>(ids, std::size(block));
      if (absl::Status status = Take(block, count * 2); !status.ok())
        return status;
      for (int64_t i = 0; i < count; ++i) {
        if (block[i] >= layer.experts)
          return absl::InvalidArgumentError(
              absl::StrCat("found expert ", block[i], ", expected 0 to ", layer.experts - 1));
        window.Activate(block[i]);
      }
    }
    return absl::OkStatus();
  }

  std::string path_;
  const std::vector<LayerMeta> &layers_;
  std::unique_ptr<FILE, Close> file_;
  int64_t left_ = 0;
};

} // namespace

absl::StatusOr<std::vector<ActivationWindow>> ReadRoutingTrace(const std::string &directory) {
  absl::StatusOr<std::vector<LayerMeta>> layers = ReadMeta(directory + "/meta.json");
  if (!layers.ok())
    return layers.status();
  std::vector<ActivationWindow> windows;
  for (const LayerMeta &layer : *layers)
    windows.emplace_back(layer.experts);
  if (absl::Status status = Records(directory + "/routing.bin", *layers).Read(windows); !status.ok())
    return status;
  return windows;
}

} // namespace janus
