// Version 1: a NumPy array [tokens, layers, k] of bytes and a table of sequences.
#include "runtime/base/Json.h"
#include "runtime/trace/Readers.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace janus::trace {
namespace {

constexpr int64_t kMaxByteExperts = 256; // of ids of one byte

struct Shape {
  int64_t tokens = 0, layers = 0, k = 0;
};

/// What stands between `begin` and `end` in a header; empty when one of them is missing.
std::string Between(const std::string &header, const std::string &begin, char end) {
  const size_t from = header.find(begin);
  const size_t to = from == std::string::npos ? from : header.find(end, from + begin.size());
  if (to == std::string::npos)
    return "";
  return header.substr(from + begin.size(), to - from - begin.size());
}

/// The header of an .npy file of version 1.0 (numpy.lib.format).
absl::StatusOr<Shape> ReadNpyHeader(ByteStream &stream) {
  std::array<char, 10> magic;
  if (absl::Status status = ReadExactly(stream, magic.data(), magic.size(), "a NumPy header"); !status.ok())
    return status;
  if (std::memcmp(magic.data(), "\x93NUMPY\x01\x00", 8) != 0)
    return absl::InvalidArgumentError("found no NumPy array of version 1.0; expected one as numpy.save writes it");
  const size_t size = static_cast<uint8_t>(magic[8]) | static_cast<uint8_t>(magic[9]) << 8;
  std::string header(size, '\0');
  if (absl::Status status = ReadExactly(stream, header.data(), static_cast<int64_t>(size), "a NumPy header");
      !status.ok())
    return status;
  std::erase(header, ' ');
  const std::string type = Between(header, "'descr':", ','), order = Between(header, "'fortran_order':", ','),
                    dims = Between(header, "'shape':(", ')');
  if (type != "'|u1'" || order != "False")
    return absl::InvalidArgumentError(absl::StrCat("found an array of type ", type, ", Fortran order ", order,
                                                   ", expected '|u1' (uint8) in C order"));
  Shape shape;
  std::array<int64_t *, 3> fields = {&shape.tokens, &shape.layers, &shape.k};
  const std::vector<std::string> parts = absl::StrSplit(dims, ',', absl::SkipEmpty());
  bool fits = parts.size() == fields.size();
  for (size_t i = 0; fits && i < fields.size(); ++i)
    fits = absl::SimpleAtoi(parts[i], fields[i]) && *fields[i] >= 0 && *fields[i] <= kMaxTokens;
  if (!fits)
    return absl::InvalidArgumentError(absl::StrCat("found shape (", dims, "), expected [tokens, layers, k]"));
  return shape;
}

class ArrayTrace : public Trace {
public:
  explicit ArrayTrace(TraceParts parts) : file_(parts.where + "/topk.npy.gz"), data_(std::move(parts.data)) {}

  absl::Status Open(const nlohmann::json &meta, ByteStream &table, const std::string &where) {
    const std::string meta_file = where + "/meta.json";
    absl::StatusOr<Shape> shape = ReadNpyHeader(*data_);
    if (!shape.ok())
      return At(file_, shape.status());
    shape_ = *shape;
    const int64_t experts = Number(meta, "experts");
    if (experts < 1 || experts > kMaxByteExperts)
      return Invalid(meta_file, "'experts': found ", JsonText(meta.value("experts", nlohmann::json())),
                     ", expected 1 to ", kMaxByteExperts, " as ids have one byte");
    for (auto [name, found] : {std::pair{"tokens", shape_.tokens}, {"layers", shape_.layers}, {"top_k", shape_.k}})
      if (meta.contains(name) && Number(meta, name) != found)
        return Invalid(file_, "found ", found, " ", name, ", expected ", JsonText(meta[name]), " as in meta.json");
    if (shape_.tokens < 1 || shape_.layers < 1 || shape_.layers > kMaxLayers || shape_.k < 1 || shape_.k > experts)
      return Invalid(file_, "found shape [", shape_.tokens, ", ", shape_.layers, ", ", shape_.k,
                     "], expected at least one token, 1 to ", kMaxLayers, " layers and 1 to ", experts, " ids a token");
    if (absl::Status status = ReadLayers(meta, meta_file, experts); !status.ok())
      return status;
    info_.version = 1;
    info_.rows = shape_.tokens;
    if (meta.value("model", nlohmann::json()).is_string())
      info_.model = meta["model"].get<std::string>();
    absl::StatusOr<std::vector<TraceSequence>> sequences = ReadSequenceTable(table, where + "/seqs.tsv", shape_.tokens);
    if (!sequences.ok())
      return sequences.status();
    sequences_ = *std::move(sequences);
    const int64_t row = shape_.layers * shape_.k;
    chunk_ = std::clamp<int64_t>(kBlockIds / shape_.k, 1, std::max<int64_t>(1, (1 << 22) / row));
    bytes_.resize(chunk_ * row);
    ids_.resize(chunk_ * shape_.k);
    origins_.resize(chunk_);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(TraceBlock &block) override {
    if (layer_ == shape_.layers) {
      first_ += count_;
      if (absl::Status status = ReadChunk(); !status.ok())
        return At(file_, status);
    }
    if (count_ == 0)
      return false;
    const int64_t experts = info_.layers[layer_].experts;
    for (int64_t row = 0; row < count_; ++row)
      for (int64_t rank = 0; rank < shape_.k; ++rank) {
        const uint8_t id = bytes_[(row * shape_.layers + layer_) * shape_.k + rank];
        if (id >= experts)
          return Invalid(file_, "token ", first_ + row, ", layer ", layer_, ": found expert ", id, ", expected 0 to ",
                         experts - 1, " as 'experts' in meta.json says");
        ids_[row * shape_.k + rank] = id;
      }
    block.step = 0;
    block.layer = layer_++;
    block.first_row = block.group_row = first_;
    block.rows = absl::MakeConstSpan(origins_.data(), count_);
    block.ids = absl::MakeConstSpan(ids_.data(), count_ * shape_.k);
    return true;
  }

  absl::Status Rewind() override {
    if (absl::Status status = data_->Rewind(); !status.ok())
      return At(file_, status);
    if (absl::StatusOr<Shape> shape = ReadNpyHeader(*data_); !shape.ok())
      return At(file_, shape.status());
    first_ = count_ = 0;
    next_sequence_ = 0;
    layer_ = shape_.layers;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<TraceSequence>> Sequences() override { return sequences_; }

private:
  absl::Status ReadLayers(const nlohmann::json &meta, const std::string &file, int64_t experts) {
    const nlohmann::json ids = meta.value("layer_ids", nlohmann::json());
    if (!ids.is_array() || static_cast<int64_t>(ids.size()) != shape_.layers)
      return Invalid(file, "'layer_ids': found ", ids.is_array() ? absl::StrCat(ids.size(), " layers") : "no array",
                     ", expected an array of ", shape_.layers, " as in topk.npy.gz");
    for (const nlohmann::json &id : ids) {
      const int64_t previous = info_.layers.empty() ? -1 : info_.layers.back().layer;
      if (!id.is_number_unsigned() || id.get<uint64_t>() > static_cast<uint64_t>(kMaxLayerNumber) ||
          id.get<int64_t>() <= previous)
        return Invalid(file, "'layer_ids': found ", JsonText(id), ", expected ", previous + 1, " to ", kMaxLayerNumber,
                       ": numbers of the model's layers, ascending");
      info_.layers.push_back({id.get<int64_t>(), experts, shape_.k});
    }
    layer_ = shape_.layers;
    return absl::OkStatus();
  }

  /// The next rows at all layers; count_ 0 at the end.
  absl::Status ReadChunk() {
    count_ = std::min(chunk_, shape_.tokens - first_);
    if (count_ == 0) {
      char more;
      absl::StatusOr<int64_t> left = data_->Read(&more, 1);
      if (left.ok() && *left > 0)
        return absl::InvalidArgumentError(absl::StrCat("found more than the ", shape_.tokens, " tokens of its shape"));
      return left.status();
    }
    const int64_t row = shape_.layers * shape_.k;
    absl::StatusOr<int64_t> read = data_->Read(bytes_.data(), count_ * row);
    if (!read.ok())
      return read.status();
    if (*read < count_ * row)
      return absl::DataLossError(
          absl::StrCat("found ", first_ + *read / row, " tokens, expected ", shape_.tokens, " as its shape says"));
    layer_ = 0;
    for (int64_t i = 0; i < count_; ++i)
      origins_[i] = OriginOf(first_ + i);
    return absl::OkStatus();
  }

  RowOrigin OriginOf(int64_t row) {
    while (next_sequence_ < sequences_.size() &&
           sequences_[next_sequence_].first_row + sequences_[next_sequence_].rows() <= row)
      ++next_sequence_;
    if (next_sequence_ == sequences_.size() || row < sequences_[next_sequence_].first_row)
      return {};
    const TraceSequence &sequence = sequences_[next_sequence_];
    return {sequence.id, static_cast<uint32_t>(row - sequence.first_row),
            sequence.phase == "prefill" ? RowPhase::kPrefill : RowPhase::kDecode};
  }

  std::string file_;
  std::unique_ptr<ByteStream> data_;
  Shape shape_;
  std::vector<TraceSequence> sequences_;
  int64_t chunk_ = 0; // rows at once
  // The chunk: rows [first_, first_ + count_), of which layer_ comes next.
  int64_t first_ = 0, count_ = 0, layer_ = 0;
  size_t next_sequence_ = 0;
  std::vector<uint8_t> bytes_; // [rows][layers][k]
  std::vector<uint16_t> ids_;
  std::vector<RowOrigin> origins_;
};

} // namespace

absl::StatusOr<std::unique_ptr<Trace>> ReadArrayTrace(TraceParts parts, const nlohmann::json &meta) {
  const std::string where = parts.where;
  std::unique_ptr<ByteStream> table = std::move(parts.sequences);
  auto trace = std::make_unique<ArrayTrace>(std::move(parts));
  if (absl::Status status = trace->Open(meta, *table, where); !status.ok())
    return status;
  return trace;
}

} // namespace janus::trace
