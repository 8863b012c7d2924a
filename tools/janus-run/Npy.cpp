#include "tools/janus-run/Npy.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace janus::run {
namespace {

struct Type {
  const char *name, *descr;
  int64_t bytes;
};
constexpr Type kTypes[] = {{"f32", "<f4", 4},  {"f64", "<f8", 8}, {"f16", "<f2", 2}, {"i8", "|i1", 1},
                           {"u8", "|u1", 1},   {"i16", "<i2", 2}, {"i32", "<i4", 4}, {"i64", "<i8", 8},
                           {"u16", "<u2", 2},  {"u32", "<u4", 4}, {"u64", "<u8", 8}, {"bool", "|b1", 1},
                           {"bf16", "<V2", 2}, {"bf16", "|V2", 2}}; // two bytes that NumPy does not know
constexpr size_t kHeaderBytes = 256;

/// The text after 'key': in the header's dictionary.
std::string Field(const std::string &header, const std::string &key) {
  const size_t at = header.find("'" + key + "'");
  const size_t colon = at == std::string::npos ? at : header.find(':', at);
  return colon == std::string::npos ? "" : header.substr(header.find_first_not_of(' ', colon + 1));
}

} // namespace

absl::StatusOr<NamedTensor> ReadNpy(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file)
    return absl::NotFoundError(absl::StrCat("cannot read '", path, "': ", std::strerror(errno)));
  const std::string bytes = content.str();
  auto bad = [&](auto... what) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", what..., "; expected a .npy file as numpy.save writes it"));
  };
  if (bytes.size() < 12 || !bytes.starts_with("\x93NUMPY"))
    return bad("found no NumPy header");
  const int version = static_cast<uint8_t>(bytes[6]);
  const size_t prefix = version == 1 ? 10 : 12;
  uint32_t length = static_cast<uint8_t>(bytes[8]) | static_cast<uint8_t>(bytes[9]) << 8;
  if (version != 1)
    length |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[10])) << 16 |
              static_cast<uint32_t>(static_cast<uint8_t>(bytes[11])) << 24;
  if (version < 1 || version > 3 || length > bytes.size() - prefix)
    return bad("found version ", version, " and a header of ", length, " bytes");
  const std::string header = bytes.substr(prefix, length);
  NamedTensor tensor;
  int64_t size = 0;
  for (const Type &type : kTypes)
    if (Field(header, "descr").starts_with(absl::StrCat("'", type.descr, "'"))) {
      tensor.type = type.name;
      size = type.bytes;
    }
  if (tensor.type.empty())
    return bad("found element type ", Field(header, "descr").substr(0, 8));
  if (!Field(header, "fortran_order").starts_with("False"))
    return bad("found Fortran order");
  const std::string shape = Field(header, "shape");
  const size_t open = shape.find('('), close = shape.find(')');
  if (open != 0 || close == std::string::npos)
    return bad("found no shape");
  for (absl::string_view part : absl::StrSplit(shape.substr(1, close - 1), ',', absl::SkipWhitespace())) {
    int64_t dim;
    if (!absl::SimpleAtoi(part, &dim) || dim < 0 || __builtin_mul_overflow(size, dim, &size))
      return bad("found dimension '", std::string(part), "'");
    tensor.dims.push_back(dim);
  }
  if (static_cast<int64_t>(bytes.size() - prefix - length) != size)
    return bad("found ", bytes.size() - prefix - length, " bytes of data, the header says ", size);
  tensor.bytes.assign(bytes.begin() + prefix + length, bytes.end());
  return tensor;
}

absl::StatusOr<NpyWriter> NpyWriter::Create(const std::string &path, const std::string &type,
                                            const std::vector<int64_t> &row_dims) {
  NpyWriter writer;
  for (const Type &known : kTypes)
    if (type == known.name && writer.descr_.empty()) {
      writer.descr_ = known.descr;
      writer.row_bytes_ = known.bytes;
    }
  if (writer.descr_.empty())
    return absl::UnimplementedError(absl::StrCat(path, ": NumPy has no element type ", type));
  for (int64_t dim : row_dims)
    writer.row_bytes_ *= dim;
  writer.row_dims_ = row_dims;
  writer.path_ = path;
  writer.temporary_ = absl::StrCat(path, ".", getpid(), ".tmp");
  writer.file_.reset(std::fopen(writer.temporary_.c_str(), "wb"));
  if (!writer.file_)
    return absl::PermissionDeniedError(absl::StrCat("cannot write '", path, "': ", std::strerror(errno)));
  const std::string room(kHeaderBytes, ' ');
  writer.failed_ = std::fwrite(room.data(), 1, room.size(), writer.file_.get()) != room.size();
  return writer;
}

NpyWriter::~NpyWriter() {
  if (!file_)
    return;
  file_.reset();
  std::remove(temporary_.c_str());
}

void NpyWriter::Append(const void *data, size_t bytes) {
  failed_ |= bytes > 0 && std::fwrite(data, 1, bytes, file_.get()) != bytes;
  written_ += bytes;
}

absl::Status NpyWriter::Close() {
  std::vector<int64_t> dims = {row_bytes_ ? static_cast<int64_t>(written_) / row_bytes_ : 0};
  dims.insert(dims.end(), row_dims_.begin(), row_dims_.end());
  return Finish(absl::StrCat(absl::StrJoin(dims, ", "), dims.size() == 1 ? "," : ""));
}

absl::Status NpyWriter::Finish(const std::string &shape) {
  // The format asks for a multiple of 64 bytes that ends in a newline.
  std::string header = absl::StrCat("{'descr': '", descr_, "', 'fortran_order': False, 'shape': (", shape, "), }");
  if (header.size() > kHeaderBytes - 11)
    return absl::UnimplementedError(absl::StrCat(path_, ": a shape of so many dimensions: (", shape, ")"));
  header.resize(kHeaderBytes - 11, ' ');
  const uint16_t length = kHeaderBytes - 10;
  header = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(length & 255) + static_cast<char>(length >> 8) +
           header + "\n";
  failed_ |= std::fseek(file_.get(), 0, SEEK_SET) != 0 ||
             std::fwrite(header.data(), 1, header.size(), file_.get()) != header.size();
  failed_ |= std::fclose(file_.release()) != 0;
  if (!failed_ && std::rename(temporary_.c_str(), path_.c_str()) == 0)
    return absl::OkStatus();
  const int error = errno;
  std::remove(temporary_.c_str());
  return absl::DataLossError(absl::StrCat("cannot write '", path_, "': ", std::strerror(error)));
}

absl::Status WriteNpy(const std::string &path, const NamedTensor &tensor) {
  absl::StatusOr<NpyWriter> writer = NpyWriter::Create(path, tensor.type, {});
  if (!writer.ok())
    return writer.status();
  writer->Append(tensor.bytes.data(), tensor.bytes.size());
  return writer->Finish(absl::StrCat(absl::StrJoin(tensor.dims, ", "), tensor.dims.size() == 1 ? "," : ""));
}

} // namespace janus::run
