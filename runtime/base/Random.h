//===- Random.h - the same numbers everywhere -------------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_BASE_RANDOM_H
#define JANUS_RUNTIME_BASE_RANDOM_H

#include <cstdint>
#include <utility>
#include <vector>

namespace janus {

/// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014). Unlike the distributions of <random> it is the same with
/// every standard library. Not for secrets.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to count - 1, count above 0; uneven by less than count / 2^64.
  int64_t Below(int64_t count) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(count)); }
  /// In [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  /// Fisher-Yates.
  template <class T> void Shuffle(std::vector<T> &values) {
    for (auto i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[Next() % i]);
  }

private:
  uint64_t state_;
};

} // namespace janus

#endif // JANUS_RUNTIME_BASE_RANDOM_H
