// Version 2: the steps of a run, one record each.
#include "runtime/base/Json.h"
#include "runtime/trace/Readers.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

namespace janus::trace {
namespace {

using nlohmann::json;

class StepTrace : public Trace {
public:
  explicit StepTrace(TraceParts parts)
      : file_(parts.where + "/routing.gz"), data_(std::move(parts.data)), bytes_(kBlockIds * 2), ids_(kBlockIds) {}

  absl::Status Open(const json &meta, const std::string &file) {
    const json layers = meta.value("layers", json());
    if (!layers.is_array() || layers.empty() || static_cast<int64_t>(layers.size()) > kMaxLayers)
      return Invalid(file, "'layers': found ", layers.is_array() ? absl::StrCat(layers.size(), " layers") : "no array",
                     ", expected an array of 1 to ", kMaxLayers);
    for (const json &layer : layers) {
      const TraceLayer found = {layer.contains("layer") ? Number(layer, "layer")
                                                        : static_cast<int64_t>(info_.layers.size()),
                                Number(layer, "experts"), Number(layer, "k")};
      const int64_t previous = info_.layers.empty() ? -1 : info_.layers.back().layer;
      if (found.layer <= previous || found.layer > kMaxLayerNumber)
        return Invalid(file, "layer ", info_.layers.size(), ": found ", JsonText(layer).substr(0, 200),
                       ", expected a 'layer' of ", previous + 1, " to ", kMaxLayerNumber);
      if (found.experts < 1 || found.experts > kMaxExperts || found.k < 1 || found.k > found.experts)
        return Invalid(file, "layer ", info_.layers.size(), ": found ", JsonText(layer).substr(0, 200),
                       ", expected 'experts' of 1 to ", kMaxExperts, " and a 'k' of at most as many");
      info_.layers.push_back(found);
    }
    info_.version = 2;
    info_.steps = Number(meta, "steps");
    info_.rows = Number(meta, "rows");
    info_.dropped_steps = Number(meta, "dropped_steps");
    if (info_.steps < 0 || info_.rows < 0 || info_.dropped_steps < 0)
      return Invalid(file, "found 'steps' ", JsonText(meta.value("steps", json())), ", 'rows' ",
                     JsonText(meta.value("rows", json())), ", 'dropped_steps' ",
                     JsonText(meta.value("dropped_steps", json())), ", expected whole numbers");
    if (meta.value("model", json()).is_string())
      info_.model = meta["model"].get<std::string>();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(TraceBlock &block) override {
    const TraceLayer *layer = layer_ < info_.layers.size() ? &info_.layers[layer_] : nullptr;
    if (!layer || done_ == static_cast<int64_t>(origins_.size())) {
      if (layer)
        ++layer_;
      done_ = 0;
      if (layer_ >= info_.layers.size()) {
        absl::StatusOr<bool> more = NextStep();
        if (!more.ok())
          return At(file_,
                    absl::Status(more.status().code(), absl::StrCat("record ", steps_, ": ", more.status().message())));
        if (!*more)
          return false;
      }
      layer = &info_.layers[layer_];
    }
    if (absl::Status status = ReadIds(*layer, block); !status.ok())
      return At(file_, absl::Status(status.code(), absl::StrCat("record ", steps_ - 1, ": ", status.message())));
    return true;
  }

  absl::Status Rewind() override {
    if (absl::Status status = data_->Rewind(); !status.ok())
      return At(file_, status);
    origins_.clear();
    layer_ = info_.layers.size();
    done_ = rows_ = steps_ = 0;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<TraceSequence>> Sequences() override {
    std::map<uint32_t, TraceSequence> found;
    if (absl::Status status = Rewind(); !status.ok())
      return status;
    TraceBlock block;
    absl::StatusOr<bool> more = Next(block);
    for (; more.ok() && *more; more = Next(block))
      for (size_t i = 0; block.layer == 0 && i < block.rows.size(); ++i) {
        const auto [at, fresh] = found.try_emplace(block.rows[i].sequence);
        if (fresh && static_cast<int64_t>(found.size()) > kMaxSequences)
          return absl::ResourceExhaustedError(
              absl::StrCat(file_, ": found more than ", kMaxSequences, " requests, expected fewer"));
        at->second.id = at->first;
        ++at->second.rows_of[static_cast<int>(block.rows[i].phase)];
      }
    if (!more.ok())
      return more.status();
    if (absl::Status status = Rewind(); !status.ok())
      return status;
    std::vector<TraceSequence> sequences;
    for (auto &[id, sequence] : found)
      sequences.push_back(std::move(sequence));
    return sequences;
  }

private:
  /// Reads the head of a record: who its rows are. False at the end of the file.
  absl::StatusOr<bool> NextStep() {
    struct {
      uint64_t step;
      uint32_t rows, layers;
    } head;
    absl::StatusOr<int64_t> read = data_->Read(&head, sizeof head);
    if (!read.ok())
      return read.status();
    if (*read == 0) {
      rows_ += static_cast<int64_t>(origins_.size());
      origins_.clear();
      if (steps_ != info_.steps || rows_ != info_.rows)
        return absl::DataLossError(absl::StrCat("found the end after ", steps_, " steps of ", rows_,
                                                " rows in all, expected ", info_.steps, " of ", info_.rows,
                                                " as in meta.json"));
      return false;
    }
    if (*read < static_cast<int64_t>(sizeof head))
      return absl::DataLossError(
          absl::StrCat("found ", *read, " bytes, expected ", sizeof head, " of a record's head"));
    if (head.layers != info_.layers.size() || head.rows < 1 || head.rows > kMaxStepRows)
      return absl::InvalidArgumentError(absl::StrCat("found ", head.rows, " rows at ", head.layers,
                                                     " layers, expected 1 to ", kMaxStepRows, " rows at ",
                                                     info_.layers.size(), " layers as in meta.json"));
    rows_ += static_cast<int64_t>(origins_.size());
    step_ = head.step;
    origins_.resize(head.rows);
    std::vector<uint32_t> numbers(head.rows);
    std::vector<uint8_t> phases(head.rows);
    for (uint32_t RowOrigin::*field : {&RowOrigin::sequence, &RowOrigin::position}) {
      if (absl::Status status = ReadExactly(*data_, numbers.data(), int64_t{head.rows} * 4, "its rows' origins");
          !status.ok())
        return status;
      for (uint32_t i = 0; i < head.rows; ++i)
        origins_[i].*field = numbers[i];
    }
    if (absl::Status status = ReadExactly(*data_, phases.data(), head.rows, "its rows' phases"); !status.ok())
      return status;
    for (uint32_t i = 0; i < head.rows; ++i) {
      if (phases[i] > 1)
        return absl::InvalidArgumentError(
            absl::StrCat("row ", i, ": found phase ", phases[i], ", expected 0 (decode) or 1 (prefill)"));
      if (origins_[i].sequence == RowOrigin::kNone)
        return absl::InvalidArgumentError(
            absl::StrCat("row ", i, ": found source ", RowOrigin::kNone, ", expected less"));
      origins_[i].phase = static_cast<RowPhase>(phases[i]);
    }
    ++steps_;
    layer_ = 0;
    return true;
  }

  absl::Status ReadIds(const TraceLayer &layer, TraceBlock &block) {
    const int64_t rows =
        std::min<int64_t>(static_cast<int64_t>(origins_.size()) - done_, std::max<int64_t>(1, kBlockIds / layer.k));
    const int64_t count = rows * layer.k, width = layer.experts > 256 ? 2 : 1;
    if (static_cast<int64_t>(ids_.size()) < count) { // k of more than a block
      ids_.resize(count);
      bytes_.resize(count * 2);
    }
    if (absl::Status status = ReadExactly(*data_, bytes_.data(), count * width, "expert ids"); !status.ok())
      return status;
    for (int64_t i = 0; i < count; ++i) {
      ids_[i] = width == 1 ? bytes_[i] : static_cast<uint16_t>(bytes_[2 * i] | bytes_[2 * i + 1] << 8);
      if (ids_[i] >= layer.experts)
        return absl::InvalidArgumentError(absl::StrCat("step ", step_, ", layer ", layer_, ", row ",
                                                       done_ + i / layer.k, ": found expert ", ids_[i],
                                                       ", expected 0 to ", layer.experts - 1));
    }
    block.step = step_;
    block.layer = static_cast<int64_t>(layer_);
    block.first_row = rows_ + done_;
    block.group_row = rows_;
    block.rows = absl::MakeConstSpan(origins_).subspan(done_, rows);
    block.ids = absl::MakeConstSpan(ids_.data(), count);
    done_ += rows;
    return absl::OkStatus();
  }

  std::string file_;
  std::unique_ptr<ByteStream> data_;
  std::vector<uint8_t> bytes_;
  std::vector<uint16_t> ids_;
  // The step whose ids come next: done_ of its rows at layer_ were given.
  uint64_t step_ = 0;
  std::vector<RowOrigin> origins_;
  size_t layer_ = SIZE_MAX;
  int64_t done_ = 0;
  int64_t rows_ = 0, steps_ = 0; // rows before this step; steps begun
};

} // namespace

absl::StatusOr<std::unique_ptr<Trace>> ReadStepTrace(TraceParts parts, const json &meta) {
  const std::string file = parts.where + "/meta.json";
  auto trace = std::make_unique<StepTrace>(std::move(parts));
  if (absl::Status status = trace->Open(meta, file); !status.ok())
    return status;
  return trace;
}

} // namespace janus::trace
