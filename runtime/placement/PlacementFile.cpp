#include "runtime/placement/PlacementFile.h"

#include "runtime/base/Json.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace janus {
namespace {

using nlohmann::json;

absl::Status Bad(const auto &...what) {
  return absl::InvalidArgumentError(absl::StrCat("placement file: ", what..., "; see docs/placement-file.md"));
}

/// A value as it stands in the file, not too much of it.
std::string Found(const json &value) {
  std::string text = JsonText(value);
  if (text.size() > 100)
    text = text.substr(0, 100) + "...";
  return text;
}

absl::StatusOr<std::vector<int32_t>> ParseInstance(const json &held, size_t layer, size_t instance) {
  if (!held.is_array())
    return Bad("layer ", layer, " instance ", instance, " is no array of experts, found ", Found(held));
  std::vector<int32_t> experts;
  for (const json &expert : held) {
    const bool fits = expert.is_number_unsigned() ? expert.get<uint64_t>() <= INT32_MAX : expert == -1;
    if (!expert.is_number_integer() || !fits)
      return Bad("layer ", layer, " instance ", instance, " holds ", Found(expert), ", expected an expert id or -1");
    experts.push_back(expert.get<int32_t>());
  }
  return experts;
}

} // namespace

int64_t PlacementFile::slots() const {
  size_t most = 0;
  for (const LayerSlots &layer : layers)
    for (const std::vector<int32_t> &held : layer) {
      size_t used = held.size();
      while (used > 0 && held[used - 1] == -1)
        --used;
      most = std::max(most, used);
    }
  return static_cast<int64_t>(most);
}

absl::StatusOr<PlacementFile> ParsePlacementFile(std::string_view text) {
  const json document = ParseJson(text);
  if (!document.is_object())
    return Bad("found no JSON object");
  const json format = document.value("format", json()), version = document.value("version", json());
  if (format != "janus-placement" || version != 1)
    return Bad("found format ", Found(format), " version ", Found(version), ", expected \"janus-placement\" version 1");
  for (const auto &[name, value] : document.items())
    if (name != "format" && name != "version" && name != "layers" && name != "model")
      return Bad("found '", name, "', expected format, version, layers and perhaps model");
  PlacementFile file;
  if (const auto model = document.find("model"); model != document.end()) {
    if (!model->is_string())
      return Bad("'model' is no name, found ", Found(*model));
    file.model = model->get<std::string>();
  }
  const auto layers = document.find("layers");
  if (layers == document.end() || !layers->is_array())
    return Bad("'layers' is no array");
  for (const json &layer : *layers) {
    if (!layer.is_array())
      return Bad("layer ", file.layers.size(), " is no array of instances, found ", Found(layer));
    LayerSlots instances;
    for (const json &held : layer) {
      absl::StatusOr<std::vector<int32_t>> experts = ParseInstance(held, file.layers.size(), instances.size());
      if (!experts.ok())
        return experts.status();
      instances.push_back(*std::move(experts));
    }
    file.layers.push_back(std::move(instances));
  }
  return file;
}

std::string FormatPlacementFile(const PlacementFile &file) {
  std::string text = "{\"format\": \"janus-placement\", \"version\": 1,";
  if (!file.model.empty())
    absl::StrAppend(&text, " \"model\": ", JsonText(file.model), ",");
  absl::StrAppend(&text, "\n \"layers\": [");
  for (size_t l = 0; l < file.layers.size(); ++l) {
    absl::StrAppend(&text, l ? ",\n  [" : "\n  [");
    for (size_t g = 0; g < file.layers[l].size(); ++g)
      absl::StrAppend(&text, g ? ", [" : "[", absl::StrJoin(file.layers[l][g], ", "), "]");
    absl::StrAppend(&text, "]");
  }
  return text + "\n]}\n";
}

absl::StatusOr<Placement> Placement::FromJson(const PlacementShape &shape, std::string_view text) {
  absl::StatusOr<PlacementFile> file = ParsePlacementFile(text);
  if (!file.ok())
    return file.status();
  absl::StatusOr<Placement> placement = Make(shape, std::move(file->layers));
  if (!placement.ok())
    return absl::Status(placement.status().code(),
                        absl::StrCat(placement.status().message(), "; see docs/placement-file.md"));
  return placement;
}

std::string Placement::ToJson() const {
  json layers = json::array();
  for (int64_t l = 0; l < this->layers(); ++l)
    layers.push_back(layer(l));
  return json{{"format", "janus-placement"}, {"version", 1}, {"layers", layers}}.dump() + "\n";
}

} // namespace janus
