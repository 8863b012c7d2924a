#include "lib/Target/WeightReader.h"

#include "absl/strings/str_cat.h"
#include "mlir/IR/BuiltinAttributes.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace janus {
namespace {

float fromHalf(uint16_t bits) {
  uint32_t sign = uint32_t{bits & 0x8000u} << 16, exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  uint32_t result;
  if (exponent == 31) {
    result = sign | 0x7f800000u | mantissa << 13;
  } else if (exponent != 0) {
    result = sign | (exponent + 112) << 23 | mantissa << 13;
  } else {
    float value = static_cast<float>(mantissa) * 0x1p-24f; // zero or subnormal, exact
    std::memcpy(&result, &value, 4);
    result |= sign;
  }
  float value;
  std::memcpy(&value, &result, 4);
  return value;
}

} // namespace

MappedFiles::~MappedFiles() {
  for (auto &[name, file] : files)
    if (file.bytes > 0)
      munmap(const_cast<char *>(file.data), file.bytes);
}

absl::StatusOr<MappedFiles::File> MappedFiles::map(const std::string &name) {
  if (auto known = files.find(name); known != files.end())
    return known->second;
  std::string path = directory.empty() ? name : directory + "/" + name;
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return absl::NotFoundError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  struct stat info;
  File file;
  if (fstat(descriptor, &info) == 0 && info.st_size > 0) {
    void *data = mmap(nullptr, info.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data != MAP_FAILED)
      file = {static_cast<const char *>(data), info.st_size};
  }
  close(descriptor);
  if (!file.data)
    return absl::InvalidArgumentError(absl::StrCat(path, " is empty or cannot be mapped: ", std::strerror(errno)));
  files[name] = file;
  return file;
}

void MappedFiles::drop() {
  for (auto &[name, file] : files)
    madvise(const_cast<char *>(file.data), file.bytes, MADV_DONTNEED);
}

float StoredRow::element(int64_t k) const {
  const int64_t index = first + k * stride;
  const char *at = data + index * bytes;
  switch (storage) {
  case Storage::kInteger: {
    const int64_t fields = 8 / bits;
    const int byte = static_cast<unsigned char>(data[index / fields]);
    return static_cast<float>((byte >> (index % fields * bits) & ((1 << bits) - 1)) ^ flipped);
  }
  case Storage::kF32: {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }
  case Storage::kF64: {
    double value;
    std::memcpy(&value, at, 8);
    return static_cast<float>(value);
  }
  case Storage::kOther:
    return 0.0f;
  case Storage::kF16:
  case Storage::kBF16: {
    uint16_t bits;
    std::memcpy(&bits, at, 2);
    if (storage == Storage::kF16)
      return fromHalf(bits);
    uint32_t wide = uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
  }
  }
  return 0.0f;
}

float RowRef::element(int64_t k) const {
  if (!block)
    return StoredRow::element(k);
  const float difference = StoredRow::element(k) - zero(k / block);
  return difference * scales.element(k / block);
}

absl::StatusOr<WeightReader::View> WeightReader::makeView(moe::WeightOp weight, moe::ViewAttr view,
                                                          MappedFiles &files) const {
  std::string name = weight.getSymName().str();
  absl::StatusOr<MappedFiles::File> file = files.map(view.getFile().str());
  if (!file.ok())
    return absl::Status(file.status().code(), absl::StrCat("weight ", name, ": ", file.status().message()));
  mlir::Type storage = view.getStorage();
  using Storage = StoredRow::Storage;
  View read{{}, view.getShape().vec(), view.getStrides().vec()};
  StoredRow &numbers = read.numbers;
  numbers.data = file->data + view.getOffset();
  numbers.bytes = std::max<int64_t>(1, storage.isIntOrFloat() ? storage.getIntOrFloatBitWidth() / 8 : 0);
  const bool isInteger = storage.isInteger(2) || storage.isInteger(4) || storage.isInteger(8);
  if (storage.isF16())
    numbers.storage = Storage::kF16;
  else if (storage.isBF16())
    numbers.storage = Storage::kBF16;
  else if (storage.isF64())
    numbers.storage = Storage::kF64;
  else if (!storage.isF32() && !blocks &&
           storage == mlir::cast<mlir::RankedTensorType>(weight.getType()).getElementType())
    numbers.storage = Storage::kOther;
  else if (blocks && isInteger) {
    numbers.storage = Storage::kInteger;
    numbers.bits = static_cast<int>(storage.getIntOrFloatBitWidth());
    numbers.bytes = numbers.bits / 8;
    numbers.flipped = storage.isSignlessInteger() ? 1 << (numbers.bits - 1) : 0;
  } else if (!storage.isF32())
    return absl::UnimplementedError(
        absl::StrCat("weight ", name, " is stored in a type that is not supported; expected f32, f16, bf16 or f64"));
  int64_t last = 1, extent = 0, end = 0;
  bool beyond = false;
  for (size_t i = 0; i < read.shape.size(); ++i) {
    int64_t reach;
    beyond |= __builtin_mul_overflow(read.shape[i] - 1, read.strides[i], &reach) ||
              __builtin_add_overflow(last, reach, &last);
  }
  if (numbers.bytes == 0)
    extent = beyond ? 0 : view.getExtentBytes();
  else
    beyond |= __builtin_mul_overflow(last, numbers.bytes, &extent);
  beyond = beyond || __builtin_add_overflow(view.getOffset(), extent, &end);
  if (view.getOffset() < 0 || beyond || end > file->bytes)
    return absl::InvalidArgumentError(absl::StrCat("weight ", name, " reads up to byte ",
                                                   beyond ? std::string("2^63") : std::to_string(end), " of ",
                                                   view.getFile().str(), ", which has ", file->bytes));
  return read;
}

WeightReader::View WeightReader::makeInline(std::vector<char> bytes, bool integers, llvm::ArrayRef<int64_t> shape) {
  values.push_back(std::make_shared<std::vector<char>>(std::move(bytes)));
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = strides.size() - 1; i-- > 0;)
    strides[i] = strides[i + 1] * shape[i + 1];
  StoredRow numbers;
  numbers.data = values.back()->data();
  if (integers)
    numbers.storage = StoredRow::Storage::kInteger, numbers.bytes = 1, numbers.bits = 8;
  return {numbers, shape.vec(), strides};
}

absl::StatusOr<WeightReader::View> WeightReader::makePart(moe::WeightOp weight, mlir::Attribute part,
                                                          MappedFiles &files) {
  if (auto view = mlir::dyn_cast<moe::ViewAttr>(part))
    return makeView(weight, view, files);
  auto elements = mlir::cast<mlir::DenseElementsAttr>(part);
  std::vector<char> bytes;
  auto put = [&](auto number) {
    const char *from = reinterpret_cast<const char *>(&number);
    bytes.insert(bytes.end(), from, from + sizeof(number));
  };
  const bool integers = elements.getElementType().isUnsignedInteger(8);
  if (integers)
    for (uint8_t number : elements.getValues<uint8_t>())
      put(number);
  else
    for (float number : elements.getValues<float>())
      put(number);
  return makeInline(std::move(bytes), integers, elements.getType().getShape());
}

absl::StatusOr<WeightReader> WeightReader::create(moe::WeightOp weight, MappedFiles &files) {
  WeightReader reader;
  auto type = mlir::cast<mlir::RankedTensorType>(weight.getType());
  reader.dims.assign(type.getShape().begin(), type.getShape().end());
  reader.blocks = moe::blocksOf(type);
  std::string name = weight.getSymName().str();
  if (reader.dims.empty() || reader.dims.size() > 3)
    return absl::InvalidArgumentError(
        absl::StrCat("weight ", name, " has rank ", reader.dims.size(), ", expected 1 to 3"));
  if (auto value = mlir::dyn_cast_or_null<mlir::DenseElementsAttr>(weight.getValueAttr())) {
    absl::StatusOr<View> numbers = reader.makePart(weight, value, files);
    if (!numbers.ok())
      return numbers.status();
    reader.views.push_back({*numbers, {}, {}});
    return reader;
  }
  if (!weight.getViewsAttr())
    return absl::InvalidArgumentError(absl::StrCat("weight ", name, " has neither views nor a value that can be read"));
  for (mlir::Attribute attribute : weight.getViewsAttr()) {
    Part part{};
    auto quantised = mlir::dyn_cast<moe::QuantisedAttr>(attribute);
    std::pair<View *, mlir::Attribute> places[] = {{&part.numbers, quantised ? quantised.getIntegers() : attribute},
                                                   {&part.scales, quantised ? quantised.getScales() : nullptr},
                                                   {&part.zeros, quantised ? quantised.getZeros() : nullptr}};
    for (auto [view, from] : places) {
      if (!from)
        continue;
      absl::StatusOr<View> read = reader.makePart(weight, from, files);
      if (!read.ok())
        return read.status();
      *view = *std::move(read);
    }
    reader.views.push_back(std::move(part));
  }
  return reader;
}

StoredRow WeightReader::View::row(int64_t first, int64_t second) const {
  StoredRow result = numbers;
  if (!numbers.data)
    return result;
  result.stride = strides.back();
  const int64_t elements = first * strides[0] + second * (strides.size() == 3 ? strides[1] : 0);
  if (numbers.bytes == 0) // it may begin inside a byte
    result.first = elements;
  else
    result.data += elements * numbers.bytes;
  return result;
}

RowRef WeightReader::row(int64_t expert, int64_t row) const {
  // Views are concatenated along dimension 0.
  int64_t first = dims.size() == 3 ? expert : row;
  for (const Part &part : views) {
    if (first >= part.numbers.shape[0]) {
      first -= part.numbers.shape[0];
      continue;
    }
    RowRef result;
    static_cast<StoredRow &>(result) = part.numbers.row(first, row);
    if (blocks) {
      result.scales = part.scales.row(first, row);
      result.zeros = part.zeros.row(first, row);
      result.block = blocks.getSize();
      result.middle = static_cast<float>(1 << (blocks.getBits() - 1));
    }
    return result;
  }
  return {};
}

} // namespace janus
