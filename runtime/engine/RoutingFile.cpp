#include "runtime/engine/RoutingFile.h"

namespace janus {

absl::StatusOr<std::unique_ptr<RoutingFile>> RoutingFile::Create(const std::string &directory, const ModelDesc &model) {
  trace::TraceInfo info;
  auto file = std::make_unique<RoutingFile>();
  for (size_t l = 0; l < model.moe_layers.size(); ++l) {
    file->recorded_layer_.push_back(static_cast<int64_t>(info.layers.size()));
    if (const MoeLayerDesc &layer = model.moe_layers[l]; layer.experts > 0)
      info.layers.push_back({static_cast<int64_t>(l), layer.experts, layer.k});
  }
  absl::StatusOr<std::unique_ptr<trace::TraceWriter>> writer = trace::TraceWriter::Create(directory, info);
  if (!writer.ok())
    return writer.status();
  file->writer_ = *std::move(writer);
  return file;
}

void RoutingFile::Layer(const LayerRouting &routing) {
  writer_->Layer(routing.step, recorded_layer_[routing.layer],
                 absl::MakeConstSpan(routing.ids, routing.rows * routing.k),
                 absl::MakeConstSpan(routing.slots, routing.experts), routing.slots_per_instance);
}

void RoutingFile::Step(uint64_t step, const std::vector<trace::RowOrigin> &rows,
                       const std::vector<int64_t> &rows_by_instance, const std::string &scheme) {
  writer_->EndStep(step, rows, rows_by_instance, scheme);
}

} // namespace janus
