#include "tools/janus-run/Npy.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include <cerrno>
#include <cstdio>
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
constexpr Type kTypes[] = {{"f32", "<f4", 4}, {"f64", "<f8", 8}, {"f16", "<f2", 2}, {"i8", "|i1", 1}, {"u8", "|u1", 1},
                           {"i16", "<i2", 2}, {"i32", "<i4", 4}, {"i64", "<i8", 8}, {"bool", "|b1", 1}};

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
  auto bad = [&](auto... what) { return absl::InvalidArgumentError(absl::StrCat(path, ": ", what..., "; expected a .npy file as numpy.save writes it")); };
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0)
    return bad("found no NumPy header");
  const int version = bytes[6];
  const size_t prefix = version == 1 ? 10 : 12;
  uint32_t length = static_cast<uint8_t>(bytes[8]) | static_cast<uint8_t>(bytes[9]) << 8;
  if (version != 1)
    length |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[10])) << 16 | static_cast<uint32_t>(static_cast<uint8_t>(bytes[11])) << 24;
  if (version < 1 || version > 3 || length > bytes.size() - prefix)
    return bad("found version ", version, " and a header of ", length, " bytes");
  const std::string header = bytes.substr(prefix, length);
  NamedTensor tensor;
  int64_t size = 0;
  for (const Type &type : kTypes)
    if (Field(header, "descr").rfind(absl::StrCat("'", type.descr, "'"), 0) == 0) {
      tensor.type = type.name;
      size = type.bytes;
    }
  if (tensor.type.empty())
    return bad("found element type ", Field(header, "descr").substr(0, 8));
  if (Field(header, "fortran_order").rfind("False", 0) != 0)
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

absl::Status WriteNpy(const std::string &path, const NamedTensor &tensor) {
  const Type *found = nullptr;
  for (const Type &type : kTypes)
    if (tensor.type == type.name)
      found = &type;
  if (!found)
    return absl::UnimplementedError(absl::StrCat(path, ": NumPy has no element type ", tensor.type));
  std::string header = absl::StrCat("{'descr': '", found->descr, "', 'fortran_order': False, 'shape': (", absl::StrJoin(tensor.dims, ", "), tensor.dims.size() == 1 ? ",), }" : "), }");
  while ((10 + header.size() + 1) % 64)
    header += ' ';
  header += '\n';
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  FILE *file = std::fopen(temporary.c_str(), "wb");
  if (!file)
    return absl::PermissionDeniedError(absl::StrCat("cannot write '", temporary, "': ", std::strerror(errno)));
  const char prefix[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  bool ok = std::fwrite(prefix, 1, 10, file) == 10 && std::fwrite(header.data(), 1, header.size(), file) == header.size() &&
            std::fwrite(tensor.bytes.data(), 1, tensor.bytes.size(), file) == tensor.bytes.size();
  ok = std::fclose(file) == 0 && ok && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (!ok) {
    std::remove(temporary.c_str());
    return absl::DataLossError(absl::StrCat("cannot write '", path, "': ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

} // namespace janus::run
