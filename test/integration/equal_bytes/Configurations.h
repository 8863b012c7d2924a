//===- Configurations.h - the axes along which bytes stay equal -*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_CONFIGURATIONS_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_CONFIGURATIONS_H

#include "janus/Runtime/Runtime.h"
#include "test/integration/equal_bytes/CoveringArray.h"

#include <string>
#include <vector>

namespace janus::equal_bytes {

/// One way to run the requests.
struct Configuration {
  RuntimeOptions options;
  size_t artifact = 0;   // of the model's
  bool together = false; // in a batch that others join and leave
  uint64_t seed = 0;     // of the others
};
/// As options of janus-run, with what it has none for in words.
std::string Describe(const Configuration &configuration);

/// What a model brings to the axes.
struct Setting {
  int64_t experts = 0;   // of the largest layer
  int64_t step_rows = 0; // enough for the longest prompt in one chunk
  size_t artifacts = 1;  // the first for all CPUs, others for the AVX2 kind only
  std::string trace;     // value of --placement: a routing trace
};

/// Axes and their values on this machine.
class Axes {
public:
  explicit Axes(Setting setting);
  std::vector<int> sizes() const;
  /// What may be in a covering array: more nodes than instances may not.
  bool Allowed(const Row &row) const;
  /// What is in the whole cross: automatic choices, reference kernels, and AVX-512 kernels with AVX2 code are left out;
  /// experts move in every other row.
  bool InCross(const Row &row) const;
  /// `seed` chooses the instances of each node, random placements, and so on.
  Configuration Make(const Row &row, uint64_t seed) const;

  /// (1, 1) and everything plain, with kernels of that name.
  Configuration First(const std::string &kernels) const;
  const std::vector<std::string> &kernels() const { return kernels_; }

private:
  Setting setting_;
  std::vector<std::string> kernels_; // what the CPU runs, reference first
};

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_CONFIGURATIONS_H
