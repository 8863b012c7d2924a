#include "runtime/executor/Orders.h"

#include "runtime/executor/Wire.h"
#include "runtime/placement/Placement.h"

#include <algorithm>

namespace janus {
namespace {

using executor::Reader;
using executor::Writer;

constexpr uint32_t kLoadMagic = 0x314c534a;    // "JSL1"
constexpr uint32_t kWeightsMagic = 0x3157534a; // "JSW1"
constexpr uint32_t kLoadedMagic = 0x3144534b;
constexpr uint32_t kEpochMagic = 0x3145534a; // "JSE1"
constexpr uint32_t kReadyMagic = 0x3159534a;
constexpr uint16_t kEmpty = 0xffff;

/// Calls visit for the magic and the fields of a message, in order.
template <typename Visit, typename Message> void Load(Visit visit, Message &m) {
  visit(m.layer), visit(m.slot), visit(m.expert), visit(m.to), visit(m.from_slot), visit(m.reserved);
  visit(m.offset), visit(m.bytes);
}
template <typename Visit, typename Message> void Weights(Visit visit, Message &m) {
  visit(m.layer), visit(m.slot), visit(m.expert), visit(m.reserved), visit(m.offset);
}
template <typename Visit, typename Message> void Loaded(Visit visit, Message &m) {
  visit(m.layer), visit(m.slot), visit(m.expert), visit(m.error_code), visit(m.done), visit(m.total);
}

void Put(Writer &writer, const std::string &text) { writer.PutAll(std::vector<char>(text.begin(), text.end())); }
void Get(Reader &reader, std::string &text) {
  std::vector<char> characters;
  reader.GetAll(characters);
  text.assign(characters.begin(), characters.end());
}

} // namespace

namespace executor {

void Write(Writer &writer, const LoadOrder &order) {
  writer.Put(kLoadMagic);
  Load([&](auto field) { writer.Put(field); }, order);
}
void Write(Writer &writer, const WeightsHead &head) {
  writer.Put(kWeightsMagic);
  Weights([&](auto field) { writer.Put(field); }, head);
}
void Write(Writer &writer, const LoadReport &report) {
  writer.Put(kLoadedMagic);
  Loaded([&](auto field) { writer.Put(field); }, report);
  Put(writer, report.error);
}
void Write(Writer &writer, const EpochPart &part) {
  writer.Put(kEpochMagic);
  writer.Put(part.base);
  writer.Put(part.parts);
  writer.Put(part.layer);
  writer.PutAll(part.dead);
  std::vector<uint16_t> slots(part.slots.size());
  std::transform(part.slots.begin(), part.slots.end(), slots.begin(),
                 [](int32_t expert) { return expert < 0 ? kEmpty : static_cast<uint16_t>(expert); });
  writer.PutAll(slots);
}
void Write(Writer &writer, const ReadyReport &report) {
  writer.Put(kReadyMagic);
  writer.Put(report.error_code);
  Put(writer, report.error);
}

} // namespace executor

std::vector<char> Encode(const LoadOrder &order) { return executor::ToBytes(order); }
std::vector<char> Encode(const WeightsHead &head) { return executor::ToBytes(head); }
std::vector<char> Encode(const LoadReport &report) { return executor::ToBytes(report); }
std::vector<char> Encode(const EpochPart &part) { return executor::ToBytes(part); }
std::vector<char> Encode(const ReadyReport &report) { return executor::ToBytes(report); }

namespace {

void Magic(Reader &reader, uint32_t expected) {
  const uint32_t magic = reader.Get<uint32_t>();
  reader.Expect(magic == expected, "magic", magic, "a message of version 1");
}

void Code(Reader &reader, int32_t code) {
  reader.Expect(code >= 0 && code <= 16, "error_code", code, "a status code, 0 to 16");
}

} // namespace

absl::Status Decode(absl::Span<const char> bytes, LoadOrder &out) {
  Reader reader(bytes, "load order");
  Magic(reader, kLoadMagic);
  Load([&](auto &field) { field = reader.Get<std::remove_reference_t<decltype(field)>>(); }, out);
  reader.Expect(out.offset >= 0, "offset", out.offset, "0 or more");
  reader.Expect(out.bytes > 0, "bytes", out.bytes, "1 or more");
  return reader.Finish();
}

absl::Status Decode(absl::Span<const char> bytes, WeightsHead &out, absl::Span<const char> &piece) {
  const size_t head = Encode(WeightsHead()).size();
  Reader reader(bytes.subspan(0, head), "weights");
  Magic(reader, kWeightsMagic);
  Weights([&](auto &field) { field = reader.Get<std::remove_reference_t<decltype(field)>>(); }, out);
  reader.Expect(out.offset >= 0, "offset", out.offset, "0 or more");
  if (absl::Status status = reader.Finish(); !status.ok())
    return status;
  piece = bytes.subspan(head);
  return absl::OkStatus();
}

absl::Status Decode(absl::Span<const char> bytes, LoadReport &out) {
  Reader reader(bytes, "load report");
  Magic(reader, kLoadedMagic);
  Loaded([&](auto &field) { field = reader.Get<std::remove_reference_t<decltype(field)>>(); }, out);
  Code(reader, out.error_code);
  Get(reader, out.error);
  return reader.Finish();
}

absl::Status Decode(absl::Span<const char> bytes, EpochPart &out) {
  Reader reader(bytes, "epoch");
  Magic(reader, kEpochMagic);
  out.base = reader.Get<uint32_t>();
  out.parts = reader.Get<int32_t>();
  reader.Expect(out.parts > 0, "parts", out.parts, "1 or more");
  out.layer = reader.Get<int32_t>();
  reader.Expect(out.layer >= -1, "layer", out.layer, "-1 or more");
  reader.GetAll(out.dead);
  std::vector<uint16_t> slots;
  reader.GetAll(slots);
  out.slots.resize(slots.size());
  std::transform(slots.begin(), slots.end(), out.slots.begin(),
                 [](uint16_t expert) { return expert == kEmpty ? -1 : int32_t{expert}; });
  return reader.Finish();
}

absl::Status Decode(absl::Span<const char> bytes, ReadyReport &out) {
  Reader reader(bytes, "ready report");
  Magic(reader, kReadyMagic);
  out.error_code = reader.Get<int32_t>();
  Code(reader, out.error_code);
  Get(reader, out.error);
  return reader.Finish();
}

int64_t MaxOrderBytes(const PlacementShape &shape, int64_t piece) {
  constexpr int64_t kHead = 4096; // of any of them, an error text included
  return kHead + std::max(piece, shape.instances * (4 + shape.slots * 2));
}

} // namespace janus
