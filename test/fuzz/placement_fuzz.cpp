// libFuzzer target: any bytes as a placement file, for a model of three layers on two instances, and as it stands.
// Finds crashes, and placements that are sound by name only.
#include "runtime/placement/PlacementFile.h"

#include <cstdlib>
#include <set>

namespace {

constexpr int64_t kInstances = 2, kSlots = 4;

void CheckSound(const janus::Placement &placement) {
  for (int64_t l = 0; l < placement.layers(); ++l) {
    std::set<int32_t> everywhere;
    for (const std::vector<int32_t> &held : placement.layer(l)) {
      std::set<int32_t> here;
      for (int32_t e : held)
        if (e != -1 && (e < 0 || e >= placement.shape().experts[l] || !here.insert(e).second))
          std::abort();
      everywhere.merge(here);
    }
    if (static_cast<int64_t>(everywhere.size()) != placement.shape().experts[l])
      std::abort(); // an expert is lost
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const absl::StatusOr<janus::PlacementFile> file = janus::ParsePlacementFile(text);
  const absl::StatusOr<janus::Placement> placement = janus::Placement::FromJson({{4, 0, 6}, kInstances, kSlots}, text);
  if (!placement.ok() && placement.status().message().empty())
    std::abort();
  if (placement.ok())
    CheckSound(*placement);
  if (!file.ok()) {
    if (placement.ok())
      std::abort();
    return 0;
  }
  // What was read is written, and that reads the same.
  const absl::StatusOr<janus::PlacementFile> again = janus::ParsePlacementFile(janus::FormatPlacementFile(*file));
  if (!again.ok() || again->layers != file->layers || again->model != file->model || file->slots() < 0)
    std::abort();
  return 0;
}
