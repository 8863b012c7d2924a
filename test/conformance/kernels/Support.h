//===- Support.h - inputs and runs of kernel tests --------------*- C++ -*-===//
#ifndef JANUS_TEST_CONFORMANCE_KERNELS_SUPPORT_H
#define JANUS_TEST_CONFORMANCE_KERNELS_SUPPORT_H

#include "janus/ABI/Kernels.h"
#include "kernels/Kernels.h"
#include "runtime/base/WorkerPool.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace janus::conformance {

using Floats = std::vector<float>;

/// Deterministic values in [-1, 1).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed * 2 + 1) {}
  uint32_t Next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 33);
  }
  float Value() { return static_cast<float>(Next() & 0xffffff) * 0x1p-23f - 1.0f; }
  Floats Values(int64_t count, float scale = 1.0f) {
    Floats values(count);
    for (float &value : values)
      value = scale * Value();
    return values;
  }
  int64_t Below(int64_t end) { return Next() % end; }

private:
  uint64_t state;
};

/// How the tasks of one call are run: at once, one by one, backwards in ragged
/// pieces, or by a pool.
enum class Split { kWhole, kSingle, kRagged, kPool2, kPool3 };
inline constexpr Split kSplits[] = {Split::kWhole, Split::kSingle, Split::kRagged, Split::kPool2, Split::kPool3};

template <typename Args> void Run(const abi::Kernel &kernel, const Args &args, Split split = Split::kWhole) {
  static WorkerPool two(2), three(3);
  const int64_t count = kernel.count(&args);
  switch (split) {
  case Split::kWhole:
    if (count > 0)
      kernel.run(&args, 0, count, 0);
    return;
  case Split::kSingle:
    for (int64_t task = 0; task < count; ++task)
      kernel.run(&args, task, task + 1, 0);
    return;
  case Split::kRagged:
    for (int64_t end = count, size = 1; end > 0; end -= size, size = size % 3 + 1) {
      size = std::min(size, end);
      kernel.run(&args, end - size, end, 0);
    }
    return;
  case Split::kPool2:
    return two.Parallel(kernel.run, &args, count, 1);
  case Split::kPool3:
    return three.Parallel(kernel.run, &args, count, 1);
  }
}

/// Tables to test against "reference": every other one this CPU can run.
inline std::vector<const abi::KernelTable *> Tested() {
  auto tables = AvailableKernels();
  tables.erase(tables.begin());
  return tables;
}

inline void ExpectNear(const Floats &got, const Floats &want, double tolerance, const std::string &what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double largest = 0;
  for (float value : want)
    largest = std::max<double>(largest, std::fabs(value));
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::fabs(static_cast<double>(got[i]) - want[i]), tolerance * (largest + 1e-3))
        << what << ", element " << i << ": " << got[i] << " instead of " << want[i];
}

inline void ExpectSameBytes(const Floats &got, const Floats &want, const std::string &what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(std::memcmp(&got[i], &want[i], sizeof(float)), 0)
        << what << ", element " << i << ": " << got[i] << " and " << want[i];
}

} // namespace janus::conformance

#endif // JANUS_TEST_CONFORMANCE_KERNELS_SUPPORT_H
