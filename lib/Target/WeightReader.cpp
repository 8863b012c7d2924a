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

float RowRef::element(int64_t k) const {
  const char *at = data + k * stride * bytes;
  switch (storage) {
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

absl::StatusOr<WeightReader> WeightReader::create(moe::WeightOp weight, MappedFiles &files) {
  WeightReader reader;
  auto type = mlir::cast<mlir::RankedTensorType>(weight.getType());
  reader.dims.assign(type.getShape().begin(), type.getShape().end());
  std::string name = weight.getSymName().str();
  if (reader.dims.empty() || reader.dims.size() > 3)
    return absl::InvalidArgumentError(
        absl::StrCat("weight ", name, " has rank ", reader.dims.size(), ", expected 1 to 3"));
  if (auto value = mlir::dyn_cast_or_null<mlir::DenseElementsAttr>(weight.getValueAttr())) {
    reader.values =
        std::make_shared<std::vector<float>>(value.getValues<float>().begin(), value.getValues<float>().end());
    std::vector<int64_t> strides(reader.dims.size(), 1);
    for (size_t i = strides.size() - 1; i-- > 0;)
      strides[i] = strides[i + 1] * reader.dims[i + 1];
    reader.views.push_back(
        {reinterpret_cast<const char *>(reader.values->data()), RowRef::Storage::kF32, 4, reader.dims, strides});
    return reader;
  }
  if (!weight.getViewsAttr())
    return absl::InvalidArgumentError(absl::StrCat("weight ", name, " has neither views nor a value that can be read"));
  for (auto view : weight.getViewsAttr().getAsRange<moe::ViewAttr>()) {
    absl::StatusOr<MappedFiles::File> file = files.map(view.getFile().str());
    if (!file.ok())
      return absl::Status(file.status().code(), absl::StrCat("weight ", name, ": ", file.status().message()));
    mlir::Type storage = view.getStorage();
    View read{file->data + view.getOffset(), RowRef::Storage::kF32,
              std::max<int64_t>(1, storage.isIntOrFloat() ? storage.getIntOrFloatBitWidth() / 8 : 0),
              view.getShape().vec(), view.getStrides().vec()};
    if (storage.isF16())
      read.storage = RowRef::Storage::kF16;
    else if (storage.isBF16())
      read.storage = RowRef::Storage::kBF16;
    else if (storage.isF64())
      read.storage = RowRef::Storage::kF64;
    else if (!storage.isF32() && storage == type.getElementType())
      read.storage = RowRef::Storage::kOther;
    else if (!storage.isF32())
      return absl::UnimplementedError(
          absl::StrCat("weight ", name, " is stored in a type that is not supported; expected f32, f16, bf16 or f64"));
    int64_t last = 0;
    for (size_t i = 0; i < read.shape.size(); ++i)
      last += (read.shape[i] - 1) * read.strides[i];
    if (view.getOffset() < 0 || view.getOffset() + (last + 1) * read.bytes > file->bytes)
      return absl::InvalidArgumentError(absl::StrCat("weight ", name, " reads up to byte ",
                                                     view.getOffset() + (last + 1) * read.bytes, " of ",
                                                     view.getFile().str(), ", which has ", file->bytes));
    reader.views.push_back(std::move(read));
  }
  return reader;
}

RowRef WeightReader::row(int64_t expert, int64_t row) const {
  // Views are concatenated along dimension 0.
  int64_t first = dims.size() == 3 ? expert : row;
  for (const View &view : views) {
    if (first >= view.shape[0]) {
      first -= view.shape[0];
      continue;
    }
    int64_t offset = first * view.strides[0] + (dims.size() == 3 ? row * view.strides[1] : 0);
    return {view.data + offset * view.bytes, view.strides.back(), view.storage, view.bytes};
  }
  return {};
}

} // namespace janus
