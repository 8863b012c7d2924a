// A step in the ring: StepHead; in the order in which they came, of each layer its ids and who serves its experts, 16
// bits each; the layers' positions; origins; rows by instance; the scheme's name.
#include "runtime/trace/TraceWriter.h"

#include "runtime/base/Json.h"
#include "runtime/trace/GzipFile.h"
#include "runtime/trace/Readers.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/stat.h>

namespace janus::trace {
namespace {

struct StepHead {
  uint64_t bytes, step; // bytes: of all of it
  int64_t rows, instances, scheme;
  uint64_t layers_at; // position in the ring of what follows the layers
};

constexpr uint16_t kNoOne = 0xffff; // in schedule.gz

} // namespace

/// What the writer's thread writes to.
class TraceWriter::Files {
public:
  static absl::StatusOr<std::unique_ptr<Files>> Create(const std::string &directory) {
    auto files = std::make_unique<Files>();
    files->directory_ = directory;
    if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST)
      return absl::PermissionDeniedError(
          absl::StrCat("--record-routing: cannot make '", directory, "': ", std::strerror(errno)));
    if (!files->routing.Open(directory + "/routing.gz") || !files->schedule.Open(directory + "/schedule.gz") ||
        !(files->steps_ = std::fopen((directory + "/steps.tsv").c_str(), "w")))
      return absl::PermissionDeniedError(
          absl::StrCat("--record-routing: cannot write in '", directory, "': ", std::strerror(errno)));
    std::remove(files->MetaPath().c_str()); // of an earlier trace
    files->Line("step\tscheme\trows\n");
    return files;
  }
  ~Files() {
    if (steps_)
      std::fclose(steps_);
  }

  void Line(const std::string &text) { failed_ |= std::fputs(text.c_str(), steps_) < 0; }
  /// False when anything could not be written.
  bool Close(const std::string &meta) {
    failed_ |= std::fclose(steps_) != 0;
    steps_ = nullptr;
    failed_ |= !routing.Close();
    failed_ |= !schedule.Close();
    if (failed_)
      return false;
    FILE *file = std::fopen(MetaPath().c_str(), "w");
    bool whole = file && std::fputs(meta.c_str(), file) >= 0;
    whole &= file && std::fclose(file) == 0;
    if (!whole)
      std::remove(MetaPath().c_str());
    return whole;
  }
  const std::string &directory() const { return directory_; }

  GzipFile routing, schedule;
  int64_t steps = 0, rows = 0; // written
  // Of a step, kept for their memory.
  std::vector<uint16_t> ids;
  std::vector<uint8_t> bytes;
  std::vector<RowOrigin> origins;
  std::vector<int64_t> instances;

private:
  std::string MetaPath() const { return directory_ + "/meta.json"; }
  std::string directory_;
  FILE *steps_ = nullptr;
  bool failed_ = false;
};

absl::StatusOr<std::unique_ptr<TraceWriter>> TraceWriter::Create(const std::string &directory, const TraceInfo &info,
                                                                 const TraceWriterOptions &options) {
  absl::StatusOr<std::unique_ptr<Files>> files = Files::Create(directory);
  if (!files.ok())
    return files.status();
  std::unique_ptr<TraceWriter> writer(new TraceWriter);
  writer->info_ = info;
  writer->files_ = *std::move(files);
  writer->ring_.resize(std::bit_ceil(static_cast<uint64_t>(options.ring_bytes)));
  writer->layer_at_.resize(info.layers.size());
  writer->layer_ids_.resize(info.layers.size());
  writer->thread_ = std::thread([raw = writer.get()] { raw->Run(); });
  return writer;
}

TraceWriter::~TraceWriter() {
  stop_.store(true, std::memory_order_release);
  if (thread_.joinable())
    thread_.join();
}

void TraceWriter::CopyIn(uint64_t at, const void *bytes, int64_t size) {
  const uint64_t place = at & (ring_.size() - 1), first = std::min<uint64_t>(size, ring_.size() - place);
  std::copy_n(static_cast<const char *>(bytes), first, ring_.data() + place);
  std::copy_n(static_cast<const char *>(bytes) + first, size - first, ring_.data());
}

void TraceWriter::CopyOut(uint64_t at, void *bytes, int64_t size) const {
  const uint64_t place = at & (ring_.size() - 1), first = std::min<uint64_t>(size, ring_.size() - place);
  std::copy_n(ring_.data() + place, first, static_cast<char *>(bytes));
  std::copy_n(ring_.data(), size - first, static_cast<char *>(bytes) + first);
}

bool TraceWriter::Put(const void *bytes, int64_t size) {
  if (end_ + size - taken_.load(std::memory_order_acquire) > ring_.size())
    return false;
  CopyIn(end_, bytes, size);
  end_ += size;
  return true;
}

void TraceWriter::Begin(uint64_t step) {
  if (open_) { // a step that never ended
    ++steps_;
    ++dropped_;
  }
  open_ = true;
  step_ = step;
  end_ = published_.load(std::memory_order_relaxed);
  std::fill(layer_at_.begin(), layer_at_.end(), 0);
  constexpr StepHead kLater = {}; // EndStep knows it
  broken_ = !Put(&kLater, sizeof kLater);
}

void TraceWriter::Layer(uint64_t step, int64_t layer, absl::Span<const int32_t> ids, absl::Span<const int32_t> slots,
                        int64_t slots_per_instance) {
  if (!thread_.joinable())
    return;
  if (!open_ || step != step_)
    Begin(step);
  const int64_t count = static_cast<int64_t>(ids.size()), experts = static_cast<int64_t>(slots.size());
  const uint64_t before = end_;
  if (layer_at_[layer]) { // scheduled again
    broken_ |= layer_ids_[layer] != count;
    end_ = layer_at_[layer];
  }
  if (broken_)
    return;
  layer_at_[layer] = end_;
  layer_ids_[layer] = count;
  std::array<uint16_t, 512> block;
  auto put = [&](int64_t values, auto value) {
    for (int64_t begin = 0, size; begin < values && !broken_; begin += size) {
      size = std::min<int64_t>(values - begin, block.size());
      for (int64_t i = 0; i < size; ++i)
        block[i] = value(begin + i);
      broken_ = !Put(block.data(), size * 2);
    }
  };
  put(count, [&](int64_t i) { return static_cast<uint16_t>(ids[i]); });
  put(experts, [&](int64_t e) { return slots[e] < 0 ? kNoOne : static_cast<uint16_t>(slots[e] / slots_per_instance); });
  end_ = std::max(end_, before);
}

void TraceWriter::EndStep(uint64_t step, absl::Span<const RowOrigin> rows, absl::Span<const int64_t> rows_by_instance,
                          std::string_view scheme) {
  if (!thread_.joinable())
    return;
  if (!open_ || step != step_)
    Begin(step); // nothing was routed
  open_ = false;
  ++steps_;
  for (size_t l = 0; l < layer_at_.size(); ++l)
    broken_ |= layer_at_[l] == 0 || layer_ids_[l] != static_cast<int64_t>(rows.size()) * info_.layers[l].k;
  StepHead head = {0,
                   step,
                   static_cast<int64_t>(rows.size()),
                   static_cast<int64_t>(rows_by_instance.size()),
                   static_cast<int64_t>(scheme.size()),
                   end_};
  if (broken_ || rows.empty() || !Put(layer_at_.data(), static_cast<int64_t>(layer_at_.size() * sizeof(uint64_t))) ||
      !Put(rows.data(), static_cast<int64_t>(rows.size() * sizeof(RowOrigin))) ||
      !Put(rows_by_instance.data(), static_cast<int64_t>(rows_by_instance.size() * sizeof(int64_t))) ||
      !Put(scheme.data(), head.scheme)) {
    ++dropped_;
    return;
  }
  const uint64_t begin = published_.load(std::memory_order_relaxed);
  head.bytes = end_ - begin;
  CopyIn(begin, &head, sizeof head);
  published_.store(end_, std::memory_order_release);
}

void TraceWriter::Run() {
  // The step path must not wake anybody, so this side looks. A step waits in the ring for a few milliseconds.
  for (uint64_t at = 0;;) {
    const bool last = stop_.load(std::memory_order_acquire); // before `published_`: what came earlier is seen below
    while (at != published_.load(std::memory_order_acquire)) {
      StepHead head;
      CopyOut(at, &head, sizeof head);
      WriteStep(at);
      at += head.bytes;
      taken_.store(at, std::memory_order_release);
    }
    if (last)
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void TraceWriter::WriteStep(uint64_t at) {
  Files &f = *files_;
  StepHead head;
  CopyOut(at, &head, sizeof head);
  std::vector<uint64_t> layers(info_.layers.size());
  f.origins.resize(head.rows);
  f.instances.resize(head.instances);
  std::string scheme(head.scheme, '\0');
  at = head.layers_at;
  auto take = [&](void *to, int64_t size) {
    CopyOut(at, to, size);
    at += size;
  };
  take(layers.data(), static_cast<int64_t>(layers.size() * sizeof(uint64_t)));
  take(f.origins.data(), static_cast<int64_t>(head.rows * sizeof(RowOrigin)));
  take(f.instances.data(), static_cast<int64_t>(head.instances * sizeof(int64_t)));
  take(scheme.data(), head.scheme);

  const uint32_t counts[2] = {static_cast<uint32_t>(head.rows), static_cast<uint32_t>(layers.size())};
  f.routing.Write(&head.step, sizeof head.step);
  f.routing.Write(counts, sizeof counts);
  for (uint32_t RowOrigin::*field : {&RowOrigin::sequence, &RowOrigin::position})
    for (const RowOrigin &origin : f.origins)
      f.routing.Write(&(origin.*field), sizeof(uint32_t));
  for (const RowOrigin &origin : f.origins)
    f.routing.Write(&origin.phase, 1);
  for (size_t l = 0; l < layers.size(); ++l) {
    const int64_t count = head.rows * info_.layers[l].k, experts = info_.layers[l].experts;
    f.ids.resize(count + experts);
    CopyOut(layers[l], f.ids.data(), (count + experts) * 2);
    if (experts <= 256) {
      f.bytes.assign(f.ids.begin(), f.ids.begin() + count);
      f.routing.Write(f.bytes.data(), count);
    } else {
      f.routing.Write(f.ids.data(), count * 2);
    }
    const uint32_t record[2] = {static_cast<uint32_t>(info_.layers[l].layer), static_cast<uint32_t>(experts)};
    f.schedule.Write(&head.step, sizeof head.step);
    f.schedule.Write(record, sizeof record);
    f.schedule.Write(f.ids.data() + count, experts * 2);
  }
  std::string line = absl::StrCat(head.step, "\t", scheme, "\t");
  for (size_t i = 0; i < f.instances.size(); ++i)
    absl::StrAppend(&line, i ? "," : "", f.instances[i]);
  f.Line(line + "\n");
  ++f.steps;
  f.rows += head.rows;
}

absl::Status TraceWriter::Close() {
  if (!thread_.joinable())
    return absl::OkStatus();
  if (open_) {
    ++steps_;
    ++dropped_;
  }
  stop_.store(true, std::memory_order_release);
  thread_.join();
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const TraceLayer &layer : info_.layers)
    layers.push_back({{"layer", layer.layer}, {"experts", layer.experts}, {"k", layer.k}});
  nlohmann::ordered_json meta = {{"format", "janus-routing"}, {"version", 2}};
  if (!info_.model.empty())
    meta["model"] = info_.model;
  meta.update({{"layers", layers}, {"steps", files_->steps}, {"rows", files_->rows}, {"dropped_steps", dropped_}});
  return files_->Close(meta.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n")
             ? absl::OkStatus()
             : absl::DataLossError(absl::StrCat("--record-routing: '", files_->directory(),
                                                "' could not be written completely; is the disk full?"));
}

} // namespace janus::trace
