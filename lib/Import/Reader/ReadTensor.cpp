#include "lib/Import/Reader/ReadTensor.h"
#include "absl/strings/str_cat.h"
#include "lib/Import/Reader/WireScan.h"
#include <cstring>

namespace janus::onnx {
namespace {
struct TypeFacts {
  const char *name;
  int bits;
};
constexpr TypeFacts kTypes[] = {
    {"undefined", 0},      {"float", 32},    {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"double", 64},   {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2}};
static_assert(std::size(kTypes) == kLastDataType + 1);

constexpr int64_t kMaxElements = int64_t{1} << 40;
constexpr int kMaxRank = 16;

/// Appends the low `bytes` bytes of each number, little-endian (the host's order, as x86-64 and aarch64 have it).
template <class Numbers> void appendBytes(const Numbers &numbers, size_t bytes, std::string &out) {
  for (auto number : numbers) {
    char raw[sizeof(number)];
    std::memcpy(raw, &number, sizeof(number));
    out.append(raw, bytes);
  }
}

/// The typed field that holds a type's numbers, as bytes. False when the type has none.
bool typedBytes(const ::onnx::TensorProto &proto, std::string &out) {
  switch (proto.data_type()) {
  case kFloat:
  case 14:
    appendBytes(proto.float_data(), 4, out);
    return true;
  case 11:
  case 15:
    appendBytes(proto.double_data(), 8, out);
    return true;
  case kInt64:
    appendBytes(proto.int64_data(), 8, out);
    return true;
  case 12:
    appendBytes(proto.uint64_data(), 4, out);
    return true;
  case 13:
    appendBytes(proto.uint64_data(), 8, out);
    return true;
  default: {
    int bits = bitsOf(proto.data_type());
    if (bits > 32 || bits == 0)
      return false;
    appendBytes(proto.int32_data(), bits < 8 ? 1 : bits / 8, out); // sub-byte types: one packed byte a number
    return true;
  }
  }
}

/// Where the scan found raw_data; the last entry counts, as for any repeated scalar on the wire.
bool rawRange(const ::onnx::TensorProto &proto, Tensor &tensor) {
  bool found = false;
  const auto &fields = proto.GetReflection()->GetUnknownFields(proto);
  for (int i = 0; i < fields.field_count(); ++i) {
    const auto &field = fields.field(i);
    if (field.type() != google::protobuf::UnknownField::TYPE_VARINT)
      continue;
    if (field.number() == kRawOffsetField)
      tensor.offset = field.varint(), found = true;
    if (field.number() == kRawLengthField)
      tensor.length = field.varint();
  }
  return found;
}

absl::Status readExternal(const ::onnx::TensorProto &proto, uint64_t expected, ExternalData &external, Tensor &tensor) {
  uint64_t length = expected;
  for (const auto &entry : proto.external_data()) {
    if (entry.key() == "location")
      tensor.file = entry.value();
    uint64_t *number = entry.key() == "offset" ? &tensor.offset : entry.key() == "length" ? &length : nullptr;
    if (number && !parseDecimal(entry.value(), *number))
      return absl::InvalidArgumentError(absl::StrCat("external data: expects a decimal number as ", entry.key(),
                                                     ", found '", entry.value().substr(0, 40), "'"));
  }
  uint64_t size = 0;
  if (auto status = external.size(tensor.file, size); !status.ok())
    return status;
  if (length != expected)
    return absl::InvalidArgumentError(
        absl::StrCat("external data: expects ", expected, " bytes for its shape, found length ", length));
  tensor.length = expected;
  if (tensor.offset > size || expected > size - tensor.offset)
    return absl::OutOfRangeError(absl::StrCat("external file '", tensor.file, "' range [", tensor.offset, ",",
                                              tensor.offset, "+", expected, ") exceeds file size ", size));
  return absl::OkStatus();
}
} // namespace

int bitsOf(int32_t type) { return type >= 0 && type <= kLastDataType ? kTypes[type].bits : 0; }
std::string nameOf(int32_t type) {
  return type >= 0 && type <= kLastDataType ? kTypes[type].name : absl::StrCat("type ", type);
}

int64_t Tensor::elements() const {
  int64_t n = 1;
  for (int64_t dim : dims)
    n *= dim;
  return n;
}

absl::Status readTensor(const ::onnx::TensorProto &proto, TensorSource source, Tensor &tensor) {
  tensor.name = proto.name();
  tensor.type = proto.data_type();
  int bits = bitsOf(tensor.type);
  if (!bits)
    return absl::UnimplementedError(
        absl::StrCat("element type ", nameOf(tensor.type), " is not supported; supported: numbers and bool"));
  if (proto.has_segment())
    return absl::UnimplementedError("segmented tensors are not supported");
  if (proto.dims_size() > kMaxRank)
    return absl::InvalidArgumentError(absl::StrCat("rank ", proto.dims_size(), " exceeds ", kMaxRank));
  // No dimension may be negative, and the product of the nonzero ones stays bounded, so that no product overflows.
  int64_t extents = 1;
  for (int64_t dim : proto.dims()) {
    if (dim < 0 || dim > kMaxElements || (dim > 0 && extents > kMaxElements / dim))
      return absl::InvalidArgumentError(
          absl::StrCat("dimension ", dim, " is negative or makes more than 2^40 elements"));
    extents *= dim ? dim : 1;
    tensor.dims.push_back(dim);
  }
  uint64_t expected = (static_cast<uint64_t>(tensor.elements()) * bits + 7) / 8;
  if (proto.data_location() == ::onnx::TensorProto::EXTERNAL)
    return readExternal(proto, expected, source.external, tensor);
  if (rawRange(proto, tensor)) {
    tensor.file = source.modelFile;
    if (tensor.length != expected)
      return absl::InvalidArgumentError(
          absl::StrCat("expects ", expected, " bytes of raw_data for its shape, found ", tensor.length));
    if (tensor.offset > source.modelBytes || expected > source.modelBytes - tensor.offset)
      return absl::InvalidArgumentError("raw_data lies outside the file");
    return absl::OkStatus();
  }
  if (!typedBytes(proto, tensor.bytes))
    return absl::UnimplementedError(absl::StrCat("values of type ", nameOf(tensor.type), " are not supported"));
  if (tensor.bytes.size() != expected)
    return absl::InvalidArgumentError(
        absl::StrCat("expects ", expected, " bytes of values for its shape, found ", tensor.bytes.size()));
  tensor.length = expected;
  return absl::OkStatus();
}
} // namespace janus::onnx
