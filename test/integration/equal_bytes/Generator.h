//===- Generator.h - random numbers, the same everywhere --------*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_GENERATOR_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_GENERATOR_H

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace janus::equal_bytes {

/// splitmix64
class Generator {
public:
  explicit Generator(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [0, bound), bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  template <typename T> void Shuffle(std::vector<T> &values) {
    for (std::size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[Below(i)]);
  }

private:
  uint64_t state_;
};

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_GENERATOR_H
