#include "lib/Import/Reader/WireScan.h"
#include "absl/strings/str_cat.h"
#include <cstdint>
#include <optional>

namespace janus::onnx {
namespace {
enum class Kind { Leaf, Model, Graph, Node, Attribute, Tensor, Function };

/// The message that a length-delimited field holds, by onnx-ml.proto's field numbers; Leaf: copied as it is.
Kind child(Kind parent, uint64_t field) {
  switch (parent) {
  case Kind::Model:
    return field == 7 ? Kind::Graph : field == 25 ? Kind::Function : Kind::Leaf;
  case Kind::Graph:
    return field == 1 ? Kind::Node : field == 5 ? Kind::Tensor : Kind::Leaf;
  case Kind::Function:
    return field == 7 ? Kind::Node : Kind::Leaf;
  case Kind::Node:
    return field == 5 ? Kind::Attribute : Kind::Leaf;
  case Kind::Attribute:
    return field == 5 || field == 10 ? Kind::Tensor : field == 6 || field == 11 ? Kind::Graph : Kind::Leaf;
  default:
    return Kind::Leaf;
  }
}
constexpr uint64_t kRawDataField = 9; // of TensorProto
constexpr int kMaxDepth = 64;         // of messages, as the parser that follows

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

class Scanner {
public:
  Scanner(std::string_view bytes, size_t maxBytes) : bytes_(bytes), maxBytes_(maxBytes) {}

  bool message(size_t at, size_t end, Kind kind, std::string &out, int depth = 0) {
    if (depth > kMaxDepth)
      return fail(at, absl::StrCat("messages nested deeper than ", kMaxDepth));
    while (at < end) {
      size_t begin = at;
      auto tag = varint(at, end);
      if (!tag)
        return fail(begin, "a field tag is cut off");
      uint64_t field = *tag >> 3, wire = *tag & 7;
      if (field == 0 || field > 0x1fffffff)
        return fail(begin, absl::StrCat("field number ", field, " is not allowed"));
      size_t payload = at, size = 0;
      if (wire == 0) {
        if (!varint(at, end))
          return fail(begin, "a number is cut off or longer than 10 bytes");
        size = at - payload;
      } else if (wire == 1 || wire == 5) {
        size = wire == 1 ? 8 : 4;
      } else if (wire == 2) {
        auto length = varint(at, end);
        if (!length)
          return fail(begin, "a length is cut off");
        payload = at;
        if (*length > end - at)
          return fail(begin, absl::StrCat("a field of ", *length, " bytes where ", end - at, " are left"));
        size = *length;
      } else {
        return fail(begin, absl::StrCat("wire type ", wire, " is not used by ONNX"));
      }
      if (size > end - payload)
        return fail(begin, "a number is cut off");
      at = payload + size;
      if (field == kRawOffsetField || field == kRawLengthField)
        continue;
      Kind inner = wire == 2 ? child(kind, field) : Kind::Leaf;
      if (kind == Kind::Tensor && wire == 2 && field == kRawDataField) {
        appendVarint(out, static_cast<uint64_t>(kRawOffsetField) << 3);
        appendVarint(out, payload);
        appendVarint(out, static_cast<uint64_t>(kRawLengthField) << 3);
        appendVarint(out, size);
      } else if (inner == Kind::Leaf) {
        out.append(bytes_.substr(begin, at - begin));
      } else {
        std::string nested;
        if (!message(payload, at, inner, nested, depth + 1))
          return false;
        appendVarint(out, *tag);
        appendVarint(out, nested.size());
        out += nested;
      }
      if (out.size() > maxBytes_)
        return fail(begin, absl::StrCat("more than ", maxBytes_, " bytes beside the weights"));
    }
    return true;
  }
  const std::string &error() const { return error_; }

private:
  std::optional<uint64_t> varint(size_t &at, size_t end) const {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && at < end; shift += 7) {
      uint8_t byte = static_cast<uint8_t>(bytes_[at++]);
      value |= shift < 64 ? static_cast<uint64_t>(byte & 0x7f) << shift : 0;
      if (!(byte & 0x80))
        return value;
    }
    return std::nullopt;
  }
  bool fail(size_t at, std::string what) {
    error_ = absl::StrCat("at byte ", at, ": ", what);
    return false;
  }
  std::string_view bytes_;
  size_t maxBytes_;
  std::string error_;
};
} // namespace

absl::StatusOr<std::string> stripRawData(std::string_view model, size_t maxBytes) {
  std::string out;
  Scanner scanner(model, maxBytes);
  if (!scanner.message(0, model.size(), Kind::Model, out))
    return absl::InvalidArgumentError(scanner.error());
  return out;
}
} // namespace janus::onnx
