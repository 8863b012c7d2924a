// PNG, third edition: 8 bits a pixel, indexed, no filter.
#include "tools/janus-plan/Png.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include <zlib.h>

namespace janus::plan {
namespace {

std::string BigEndian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

const Bytef *Raw(const std::string &bytes) { return reinterpret_cast<const Bytef *>(bytes.data()); }

std::string Chunk(const std::string &type, const std::string &data) {
  const std::string body = type + data;
  return BigEndian(static_cast<uint32_t>(data.size())) + body +
         BigEndian(static_cast<uint32_t>(crc32(0, Raw(body), static_cast<uInt>(body.size()))));
}

} // namespace

std::string PngUrl(const std::vector<uint8_t> &pixels, uint32_t width,
                   const std::vector<std::array<uint8_t, 3>> &palette) {
  const uint32_t height = width ? static_cast<uint32_t>(pixels.size() / width) : 0;
  std::string rows, colors;
  for (uint32_t y = 0; y < height; ++y) {
    rows += '\0'; // no filter
    rows.append(pixels.begin() + y * width, pixels.begin() + (y + 1) * width);
  }
  for (const auto &color : palette)
    colors.append(color.begin(), color.end());
  uLongf size = compressBound(rows.size());
  std::string data(size, '\0');
  compress(reinterpret_cast<Bytef *>(data.data()), &size, Raw(rows), rows.size());
  data.resize(size);
  const std::string png = "\x89PNG\r\n\x1a\n" +
                          Chunk("IHDR", BigEndian(width) + BigEndian(height) + std::string("\x08\x03\x00\x00\x00", 5)) +
                          Chunk("PLTE", colors) + Chunk("IDAT", data) + Chunk("IEND", "");
  return absl::StrCat("data:image/png;base64,", absl::Base64Escape(png));
}

} // namespace janus::plan
