#include "runtime/engine/RoutingFile.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace janus {

absl::StatusOr<std::unique_ptr<RoutingFile>> RoutingFile::Create(const std::string &directory, const ModelDesc &model) {
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST)
    return absl::PermissionDeniedError(
        absl::StrCat("--record-routing: cannot make '", directory, "': ", std::strerror(errno)));
  std::unique_ptr<RoutingFile> file(new RoutingFile);
  file->directory_ = directory;
  file->routing_ = std::fopen((directory + "/routing.bin").c_str(), "wb");
  file->schedule_ = std::fopen((directory + "/schedule.bin").c_str(), "wb");
  file->steps_ = std::fopen((directory + "/steps.tsv").c_str(), "w");
  if (!file->routing_ || !file->schedule_ || !file->steps_)
    return absl::PermissionDeniedError(
        absl::StrCat("--record-routing: cannot write in '", directory, "': ", std::strerror(errno)));
  std::remove((directory + "/meta.json").c_str()); // of an earlier trace
  nlohmann::json layers = nlohmann::json::array();
  for (const MoeLayerDesc &layer : model.moe_layers)
    layers.push_back({{"experts", layer.experts}, {"k", layer.k}});
  file->meta_ = nlohmann::json{{"format", "janus-routing"}, {"version", 2}, {"layers", layers}}.dump() + "\n";
  std::fputs("step\tscheme\trows\n", file->steps_);
  return file;
}

RoutingFile::~RoutingFile() { (void)Close(); }

void RoutingFile::Layer(const LayerRouting &routing) {
  if (!routing_)
    return;
  auto record = [&](FILE *file, int64_t count) {
    const uint64_t header[2] = {routing.step, static_cast<uint64_t>(routing.layer) | static_cast<uint64_t>(count)
                                                                                         << 32};
    failed_ |= std::fwrite(header, sizeof header, 1, file) != 1;
    failed_ |= std::fwrite(values_.data(), sizeof(uint16_t), values_.size(), file) != values_.size();
  };
  values_.assign(routing.ids, routing.ids + routing.rows * routing.k);
  record(routing_, routing.rows);
  values_.resize(routing.experts);
  for (int64_t e = 0; e < routing.experts; ++e)
    values_[e] = routing.slots[e] < 0 ? 0xffff : static_cast<uint16_t>(routing.slots[e] / routing.slots_per_instance);
  record(schedule_, routing.experts);
}

void RoutingFile::Step(uint64_t step, const std::vector<int64_t> &rows, const std::string &scheme) {
  if (!steps_)
    return;
  std::string line = absl::StrCat(step, "\t", scheme, "\t");
  for (size_t i = 0; i < rows.size(); ++i)
    absl::StrAppend(&line, i ? "," : "", rows[i]);
  failed_ |= std::fputs((line + "\n").c_str(), steps_) < 0;
}

absl::Status RoutingFile::Close() {
  const bool open = steps_ != nullptr;
  for (FILE **file : {&routing_, &schedule_, &steps_})
    if (*file) {
      failed_ |= std::fclose(*file) != 0;
      *file = nullptr;
    }
  if (open && !failed_) {
    FILE *meta = std::fopen((directory_ + "/meta.json").c_str(), "w");
    failed_ = !meta || std::fputs(meta_.c_str(), meta) < 0;
    failed_ |= meta && std::fclose(meta) != 0;
    if (failed_)
      std::remove((directory_ + "/meta.json").c_str());
  }
  return failed_ ? absl::DataLossError(absl::StrCat("--record-routing: '", directory_,
                                                    "' could not be written completely; is the disk full?"))
                 : absl::OkStatus();
}

} // namespace janus
