//===- ElementType.h - element types of tensors by name ---------*- C++ -*-===//
#ifndef JANUS_RUNTIME_BASE_ELEMENTTYPE_H
#define JANUS_RUNTIME_BASE_ELEMENTTYPE_H

#include <cstdint>
#include <string_view>

namespace janus {

/// Bytes of an element of f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32,
/// u64 or bool; 0 for any other name.
inline int64_t ElementBytes(std::string_view type) {
  struct Known {
    std::string_view name;
    int64_t bytes;
  };
  constexpr Known kTypes[] = {{"f32", 4}, {"f64", 8}, {"f16", 2}, {"bf16", 2}, {"i8", 1},  {"i16", 2}, {"i32", 4},
                              {"i64", 8}, {"u8", 1},  {"u16", 2}, {"u32", 4},  {"u64", 8}, {"bool", 1}};
  for (const Known &known : kTypes)
    if (known.name == type)
      return known.bytes;
  return 0;
}

} // namespace janus

#endif // JANUS_RUNTIME_BASE_ELEMENTTYPE_H
