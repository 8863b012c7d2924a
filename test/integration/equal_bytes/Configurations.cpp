#include "test/integration/equal_bytes/Configurations.h"
#include "test/integration/equal_bytes/Generator.h"

#include "kernels/Kernels.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::equal_bytes {
namespace {

enum Axis {
  kInstances,
  kNodes,
  kScheme,
  kGateSide,
  kSlots,
  kPlacement,
  kThreads,
  kTogether,
  kChunk,
  kTransport,
  kKernels,
  kCode,
  kMoves,
  kAxes
};

constexpr struct {
  int m, n;
} kInstanceCounts[] = {{1, 1}, {2, 1}, {1, 6}, {3, 2}, {2, 5}, {4, 7}};
constexpr int kNodeCounts[] = {1, 2, 3};
constexpr const char *kSchemes[] = {"direct", "case1", "case2", "auto"};
constexpr const char *kGateSides[] = {"expert", "attention"};
enum { kFewest, kReplicas, kSlotKinds };
enum { kEven, kRandom, kTrace, kPlacements };
constexpr int kThreadCounts[] = {1, 2, 4};
constexpr int kSmallChunk = 5; // no divisor or multiple of pages and key blocks
enum { kPlain, kStrict, kTransports };
enum { kStill, kFromPeers, kFromArtifact, kMoveKinds };
constexpr int kStepsToPlan = 2;        // after each change, so that many fall into the few steps of a request
constexpr int64_t kDeadlineMs = 20000; // of a step, so that one that hangs fails soon

template <typename T, size_t N> constexpr int Size(const T (&)[N]) { return static_cast<int>(N); }

/// Instances on `nodes` nodes by chance, none of them empty.
std::string NodeMap(int m, int n, int nodes, Generator &generator) {
  std::vector<int> node(m + n);
  for (int i = 0; i < m + n; ++i)
    node[i] = i < nodes ? i : static_cast<int>(generator.Below(nodes));
  generator.Shuffle(node);
  std::string text;
  for (int i = 0; i < m + n; ++i)
    absl::StrAppend(&text, i ? ";" : "", i < m ? "a" : "e", i < m ? i : i - m, "@", node[i]);
  return text;
}

} // namespace

std::string Describe(const Configuration &configuration) {
  const RuntimeOptions &o = configuration.options;
  return absl::StrCat("--attention ", o.attention, " --experts ", o.experts, " --nodes '", o.nodes, "' --scheme ",
                      o.scheme, " --gate-side ", o.gate_side, " --slots ", o.slots, " --placement ", o.placement,
                      " --threads ", o.threads, " --step-rows ", o.step_rows, " --chunk ", o.chunk, " --transport ",
                      o.transport, " --kernels ", o.kernels, " --rebalance ", o.rebalance, ", artifact ",
                      configuration.artifact,
                      configuration.together ? absl::StrCat(", among others (", configuration.seed, ")") : ", alone");
}

Axes::Axes(Setting setting) : setting_(std::move(setting)) {
  for (const abi::KernelTable *table : AvailableKernels())
    kernels_.push_back(table->name);
}

std::vector<int> Axes::sizes() const {
  std::vector<int> sizes(kAxes);
  sizes[kInstances] = Size(kInstanceCounts);
  sizes[kNodes] = Size(kNodeCounts);
  sizes[kScheme] = Size(kSchemes);
  sizes[kGateSide] = Size(kGateSides);
  sizes[kSlots] = kSlotKinds;
  sizes[kPlacement] = kPlacements;
  sizes[kThreads] = Size(kThreadCounts);
  sizes[kTogether] = 2;
  sizes[kChunk] = 2;
  sizes[kTransport] = kTransports;
  sizes[kKernels] = static_cast<int>(kernels_.size());
  sizes[kCode] = static_cast<int>(setting_.artifacts);
  sizes[kMoves] = kMoveKinds;
  return sizes;
}

bool Axes::Allowed(const Row &row) const {
  if (row[kInstances] < 0 || row[kNodes] < 0)
    return true;
  const auto [m, n] = kInstanceCounts[row[kInstances]];
  return m + n >= kNodeCounts[row[kNodes]];
}

bool Axes::InCross(const Row &row) const {
  const std::string &kernels = kernels_[row[kKernels]];
  const int code = kernels == "avx2" ? static_cast<int>(setting_.artifacts) - 1 : 0;
  int others = 0; // experts move in every other row
  for (int axis = 0; axis < kMoves; ++axis)
    others += row[axis];
  const int moves = others % 2 == 0 ? kStill : others % 4 == 1 ? kFromPeers : kFromArtifact;
  return Allowed(row) && row[kMoves] == moves && kernels != "reference" &&
         kSchemes[row[kScheme]] != std::string("auto") && row[kCode] == code;
}

Configuration Axes::First(const std::string &kernels) const {
  Configuration first;
  RuntimeOptions &o = first.options;
  o.nodes = "a0@0;e0@0";
  o.scheme = "direct";
  o.gate_side = "expert";
  o.kernels = kernels;
  o.threads = 1;
  o.slots = setting_.experts;
  o.max_batch = 8;
  o.step_rows = setting_.step_rows;
  o.scoring = true;
  o.step_deadline_ms = kDeadlineMs;
  return first;
}

Configuration Axes::Make(const Row &row, uint64_t seed) const {
  Generator generator(seed);
  Configuration configuration = First(kernels_[row[kKernels]]);
  configuration.artifact = row[kCode];
  configuration.together = row[kTogether] == 1;
  configuration.seed = seed;
  RuntimeOptions &o = configuration.options;
  o.attention = kInstanceCounts[row[kInstances]].m;
  o.experts = kInstanceCounts[row[kInstances]].n;
  o.nodes = NodeMap(o.attention, o.experts, kNodeCounts[row[kNodes]], generator);
  o.scheme = kSchemes[row[kScheme]];
  o.gate_side = kGateSides[row[kGateSide]];
  const int64_t experts = row[kSlots] == kReplicas ? (setting_.experts * 3 + 1) / 2 : setting_.experts;
  o.slots = (experts + o.experts - 1) / o.experts;
  o.placement = row[kPlacement] == kEven     ? "even"
                : row[kPlacement] == kRandom ? absl::StrCat("random:", generator.Below(1000000))
                                             : setting_.trace;
  o.threads = kThreadCounts[row[kThreads]];
  if (row[kChunk] == 1)
    o.chunk = kSmallChunk;
  if (row[kTransport] == kStrict)
    o.transport = absl::StrCat("strict:", generator.Below(1000000));
  if (row[kMoves] != kStill) // pieces of an expert by a step, or several experts: 32 KiB to 4 MiB
    o.rebalance = absl::StrCat("every=", kStepsToPlan, ",plan=random,budget=", int64_t{32768} << generator.Below(8),
                               row[kMoves] == kFromPeers ? ",from=peer" : ",from=artifact");
  return configuration;
}

} // namespace janus::equal_bytes
