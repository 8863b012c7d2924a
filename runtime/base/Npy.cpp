#include "janus/Runtime/Npy.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace janus {
namespace {

static_assert(std::endian::native == std::endian::little);

struct Type {
  const char *name, *descr;
  int64_t bytes;
};
constexpr Type kTypes[] = {{"f32", "<f4", 4}, {"f64", "<f8", 8}, {"f16", "<f2", 2}, {"bf16", "<u2", 2},
                           {"i8", "|i1", 1},  {"u8", "|u1", 1},  {"i16", "<i2", 2}, {"i32", "<i4", 4},
                           {"i64", "<i8", 8}, {"bool", "|b1", 1}};
constexpr int64_t kMaxBytes = int64_t{1} << 40;

const Type *Find(const std::string &name) {
  for (const Type &type : kTypes)
    if (name == type.name)
      return &type;
  return nullptr;
}

/// Bytes of the shape, or -1 when that is more than any file holds.
int64_t ShapeBytes(const std::vector<int64_t> &dims, int64_t element) {
  int64_t bytes = element;
  bool empty = false;
  for (int64_t dim : dims)
    empty |= dim == 0;
  if (empty)
    return 0;
  for (int64_t dim : dims) {
    if (dim < 0 || dim > kMaxBytes / bytes)
      return -1;
    bytes *= dim;
  }
  return bytes;
}

/// The text after 'key': in the header's dictionary.
std::string_view Field(std::string_view header, const std::string &key) {
  const size_t at = header.find("'" + key + "'");
  if (at == std::string_view::npos)
    return {};
  std::string_view rest = absl::StripLeadingAsciiWhitespace(header.substr(at + key.size() + 2));
  return rest.empty() || rest.front() != ':' ? std::string_view() : absl::StripLeadingAsciiWhitespace(rest.substr(1));
}

absl::Status System(const std::string &path, const char *what) {
  return absl::UnavailableError(absl::StrCat(path, ": ", what, ": ", std::strerror(errno)));
}

} // namespace

int64_t ElementBytes(const std::string &type) { return Find(type) ? Find(type)->bytes : 0; }

absl::StatusOr<NpyArray> ParseNpy(const std::string &name, std::string_view text) {
  auto bad = [&](auto... what) { return absl::InvalidArgumentError(absl::StrCat(name, ": ", what...)); };
  if (text.size() < 10 || text.substr(0, 6) != "\x93NUMPY")
    return bad("is no npy file; write it with numpy.save");
  const int version = static_cast<uint8_t>(text[6]);
  if (version < 1 || version > 3)
    return bad("found npy version ", version, ", expected 1 to 3");
  const size_t prefix = version == 1 ? 10 : 12;
  size_t length = 0;
  for (size_t i = prefix; i-- > 8 && text.size() >= prefix;)
    length = length << 8 | static_cast<uint8_t>(text[i]);
  if (text.size() < prefix || length > text.size() - prefix)
    return bad("the header ends beyond the file; the file is truncated");
  const std::string_view header = text.substr(prefix, length), data = text.substr(prefix + length);

  NpyArray array;
  const std::string_view descr = Field(header, "descr"), shape = Field(header, "shape");
  for (const Type &type : kTypes)
    if (absl::StartsWith(descr, absl::StrCat("'", type.descr, "'")))
      array.type = type.name;
  if (array.type.empty())
    return bad("found type ", descr.substr(0, descr.find(',')), ", expected one of the types of docs/artifact.md");
  if (!absl::StartsWith(Field(header, "fortran_order"), "False"))
    return bad("found Fortran order, expected C order; save numpy.ascontiguousarray(a)");
  const size_t close = shape.find(')');
  if (shape.empty() || shape.front() != '(' || close == std::string_view::npos)
    return bad("found no shape in the header");
  std::string_view rest = shape.substr(1, close - 1);
  while (!absl::StripAsciiWhitespace(rest).empty()) {
    const size_t comma = rest.find(',');
    int64_t dim = 0;
    if (!absl::SimpleAtoi(rest.substr(0, comma), &dim) || dim < 0)
      return bad("found shape (", shape.substr(1, close - 1), "), expected sizes");
    array.dims.push_back(dim);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  const int64_t bytes = ShapeBytes(array.dims, ElementBytes(array.type));
  if (bytes != static_cast<int64_t>(data.size()))
    return bad("found ", data.size(), " bytes of data, expected those of ", array.type, " [",
               absl::StrJoin(array.dims, ", "), "]");
  array.bytes.assign(data.begin(), data.end());
  return array;
}

absl::StatusOr<NpyArray> ReadNpy(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return ParseNpy(path, text);
}

NpyWriter::~NpyWriter() {
  if (!file_)
    return;
  std::fclose(file_);
  std::remove(temporary_.c_str());
}

absl::Status NpyWriter::Open(const std::string &path, const std::string &name, const std::vector<int64_t> &dims) {
  const Type *type = Find(name);
  missing_ = type ? ShapeBytes(dims, type->bytes) : -1;
  if (missing_ < 0)
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", name, " [", absl::StrJoin(dims, ", "), "] has no npy form"));
  path_ = path;
  temporary_ = absl::StrCat(path, ".", getpid(), ".tmp");
  file_ = std::fopen(temporary_.c_str(), "wbx");
  if (!file_)
    return System(temporary_, "cannot be written");
  std::string header = absl::StrCat("{'descr': '", type->descr, "', 'fortran_order': False, 'shape': (",
                                    absl::StrJoin(dims, ", "), dims.size() == 1 ? ",), }" : "), }");
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10, ' '); // data starts 64-byte aligned
  header.back() = '\n';
  const int64_t body = missing_;
  missing_ = body + 10 + static_cast<int64_t>(header.size());
  const char prefix[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(header.size() & 255),
                         static_cast<char>(header.size() >> 8)};
  if (absl::Status status = Append(prefix, sizeof(prefix)); !status.ok())
    return status;
  return Append(header.data(), header.size());
}

absl::Status NpyWriter::Append(const void *data, size_t bytes) {
  if (bytes && std::fwrite(data, 1, bytes, file_) != bytes)
    return System(temporary_, "cannot be written");
  missing_ -= static_cast<int64_t>(bytes);
  return absl::OkStatus();
}

absl::Status NpyWriter::Finish() {
  if (missing_ != 0)
    return absl::FailedPreconditionError(absl::StrCat(path_, ": ", missing_, " bytes of the array are missing"));
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (closed && std::rename(temporary_.c_str(), path_.c_str()) == 0)
    return absl::OkStatus();
  absl::Status status = System(path_, "cannot be written");
  std::remove(temporary_.c_str());
  return status;
}

absl::Status WriteNpy(const std::string &path, const NpyArray &array) {
  NpyWriter writer;
  if (absl::Status status = writer.Open(path, array.type, array.dims); !status.ok())
    return status;
  if (absl::Status status = writer.Append(array.bytes.data(), array.bytes.size()); !status.ok())
    return status;
  return writer.Finish();
}

} // namespace janus
