//===- Png.h - a small image in a page --------------------------*- C++ -*-===//
#ifndef JANUS_TOOLS_JANUS_PLAN_PNG_H
#define JANUS_TOOLS_JANUS_PLAN_PNG_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace janus::plan {

/// A PNG of pixels[row * width + column], an index into `palette` each (red,
/// green, blue; at most 256 colours), as a data: URL.
std::string PngUrl(const std::vector<uint8_t> &pixels, uint32_t width,
                   const std::vector<std::array<uint8_t, 3>> &palette);

} // namespace janus::plan

#endif // JANUS_TOOLS_JANUS_PLAN_PNG_H
