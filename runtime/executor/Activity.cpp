#include "runtime/executor/Activity.h"

#include "runtime/executor/Wire.h"

#include <algorithm>

namespace janus {
namespace {

using executor::Reader;
using executor::Writer;

constexpr uint32_t kActivityMagic = 0x3141534a; // "JSA1"
constexpr int64_t kLayerHead = 6 * 4;           // rows, k and so on, and the number of ids

void Write(Writer &writer, uint64_t step, absl::Span<const ActivityReport::Layer> layers) {
  writer.Put(kActivityMagic);
  writer.Put(step);
  writer.Put(static_cast<uint32_t>(layers.size()));
  for (const ActivityReport::Layer &layer : layers) {
    for (int32_t value : {layer.layer, layer.rows, layer.k, layer.distinct, layer.a_max})
      writer.Put(value);
    writer.PutAll(layer.ids);
  }
}

int64_t Ids(const MoeLayerDesc &layer, int64_t step_rows) { return std::min(step_rows, kReportedRows) * layer.k; }

} // namespace

ActivityRecorder::ActivityRecorder(const ModelDesc &model, int64_t step_rows) : layers(model.moe_layers.size()) {
  int64_t most = 0;
  for (const MoeLayerDesc &layer : model.moe_layers)
    most = std::max(most, Ids(layer, step_rows));
  for (ActivityReport::Layer &layer : layers)
    layer.ids.reserve(most);
}

int64_t ActivityRecorder::Bytes(const ModelDesc &model, int64_t step_rows) {
  int64_t most = 0;
  for (const MoeLayerDesc &layer : model.moe_layers)
    most = std::max(most, Ids(layer, step_rows));
  return most * 2 * static_cast<int64_t>(model.moe_layers.size());
}

int64_t ActivityRecorder::memory() const {
  int64_t bytes = 0;
  for (const ActivityReport::Layer &layer : layers)
    bytes += static_cast<int64_t>(layer.ids.capacity()) * 2;
  return bytes;
}

void ActivityRecorder::Add(int64_t layer, absl::Span<const uint16_t> ids, int64_t k, int64_t distinct, int64_t a_max) {
  const auto rows = static_cast<int64_t>(ids.size()) / k, reported = std::min(rows, kReportedRows);
  const bool again = count > 0 && layers[count - 1].layer == layer;
  ActivityReport::Layer &of = layers[count - again];
  count += !again;
  of.layer = static_cast<int32_t>(layer);
  of.rows = static_cast<int32_t>(rows);
  of.k = static_cast<int32_t>(k);
  of.distinct = static_cast<int32_t>(distinct);
  of.a_max = static_cast<int32_t>(a_max);
  of.ids.clear();
  for (int64_t i = 0; i < reported; ++i) {
    const auto row = ids.subspan(i * rows / reported * k, k);
    of.ids.insert(of.ids.end(), row.begin(), row.end());
  }
}

int64_t ActivityRecorder::bytes() const {
  Writer writer(nullptr);
  Write(writer, 0, absl::MakeConstSpan(layers).first(count));
  return writer.size;
}

void ActivityRecorder::WriteTo(uint64_t step, char *bytes) const {
  Writer writer(bytes);
  Write(writer, step, absl::MakeConstSpan(layers).first(count));
}

namespace {

/// What is wrong with a layer of a report, or nothing.
absl::Status Check(const ActivityReport::Layer &layer, int32_t last, const ModelDesc &model) {
  auto wrong = [&](const auto &...what) {
    return absl::InvalidArgumentError(absl::StrCat("activity: layer ", layer.layer, ": ", what...));
  };
  if (layer.layer <= last || layer.layer >= static_cast<int64_t>(model.moe_layers.size()))
    return wrong("expected ascending ids of the model's ", model.moe_layers.size(), " layers");
  const MoeLayerDesc &of = model.moe_layers[layer.layer];
  if (layer.k != of.k || layer.rows < 0)
    return wrong("found ", layer.rows, " rows of ", layer.k, " experts, expected 0 or more of ", of.k);
  if (layer.distinct < 0 || layer.distinct > of.experts || layer.a_max < 0 || layer.a_max > layer.distinct)
    return wrong("found a_max ", layer.a_max, " of ", layer.distinct, " distinct experts, expected at most ",
                 of.experts);
  if (static_cast<int64_t>(layer.ids.size()) != Ids(of, layer.rows))
    return wrong("found ", layer.ids.size(), " ids, expected ", Ids(of, layer.rows));
  for (uint16_t id : layer.ids)
    if (id >= of.experts)
      return wrong("found expert ", id, ", expected one below ", of.experts);
  return absl::OkStatus();
}

} // namespace

absl::Status Decode(absl::Span<const char> bytes, const ModelDesc &model, ActivityReport &out) {
  Reader reader(bytes, "activity");
  const uint32_t magic = reader.Get<uint32_t>();
  reader.Expect(magic == kActivityMagic, "magic", magic, "a message of version 1");
  out.step = reader.Get<uint64_t>();
  const uint32_t count = reader.Count(kLayerHead);
  reader.Expect(count <= model.moe_layers.size(), "layers", count, "at most those of the model");
  if (!reader.ok())
    return reader.Finish();
  out.layers.resize(count);
  int32_t last = -1;
  for (ActivityReport::Layer &layer : out.layers) {
    for (int32_t *value : {&layer.layer, &layer.rows, &layer.k, &layer.distinct, &layer.a_max})
      *value = reader.Get<int32_t>();
    reader.GetAll(layer.ids);
    if (!reader.ok())
      return reader.Finish();
    if (absl::Status status = Check(layer, last, model); !status.ok())
      return status;
    last = layer.layer;
  }
  return reader.Finish();
}

int64_t MaxActivityBytes(const ModelDesc &model, int64_t step_rows) {
  int64_t bytes = 16;
  for (const MoeLayerDesc &layer : model.moe_layers)
    bytes += kLayerHead + Ids(layer, step_rows) * 2;
  return bytes;
}

} // namespace janus
