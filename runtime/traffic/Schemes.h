//===- Schemes.h - transfer schemes and what they cost ----------*- C++ -*-===//
//
// docs/transfers.md explains every scheme, phase and symbol. The compiler puts
// these texts into the IR, --explain and the runtime evaluate them: one library
// for all, without LLVM.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_TRAFFIC_SCHEMES_H
#define JANUS_RUNTIME_TRAFFIC_SCHEMES_H

#include "absl/status/statusor.h"
#include "runtime/traffic/Topology.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace janus::traffic {

enum class Kind { kDispatch, kRoutedDispatch, kExchange, kReturn };
enum class LinkClass { kIntra, kInter, kControl };
const char *Name(LinkClass link);

/// Messages and payload bytes of a phase on one link class, as expressions.
struct PhaseCost {
  std::string phase;
  LinkClass link;
  std::string messages, bytes;
};
struct Scheme {
  std::string name; // "direct", "case1", "case2"
  std::vector<PhaseCost> phases;
};

/// The schemes of a kind of transfer; index 0 direct, 1 case1, 2 case2. An
/// exchange has one.
const std::vector<Scheme> &SchemesOf(Kind kind);
inline constexpr int kSchemeCount = 3;
/// "direct" -> 0 ...; -1 for anything else.
int SchemeIndex(const std::string &name);

/// The instance that serves each (row, rank) of a layer: [rows * k], rows in
/// attention-instance order. Without it, symbols that depend on the routing are
/// those of a uniform spread (expected values, rounded up).
using Assignment = std::vector<int32_t>;

/// The symbols of docs/transfers.md for one layer of one step. `rows` by
/// attention instance.
std::map<std::string, int64_t> Symbols(const Topology &topology, const std::vector<int64_t> &rows, int64_t columns,
                                       int64_t k, const Assignment *assignment);

struct Amount {
  int64_t messages = 0, bytes = 0;
};
/// Each phase of a scheme, evaluated.
struct PhaseAmount {
  std::string phase;
  LinkClass link;
  Amount amount;
};
absl::StatusOr<std::vector<PhaseAmount>> Predict(const Scheme &scheme, const std::map<std::string, int64_t> &symbols);

/// alpha (seconds a message) and beta (bytes a second) of each link class;
/// docs/transfers.md has the file format.
struct HardwareProfile {
  struct Class {
    double alpha = 0, beta = 1;
  };
  std::array<Class, 3> links = {{{0.2e-6, 10e9}, {10e-6, 5e9}, {10e-6, 5e9}}};
  static absl::StatusOr<HardwareProfile> FromJson(const std::string &text);
};

/// Sum over phases of messages * alpha + bytes / beta, in seconds.
double Seconds(const std::vector<PhaseAmount> &phases, const HardwareProfile &profile);

/// The scheme with the least predicted time of dispatch and return together,
/// the first of equal ones.
int ChooseScheme(const Topology &topology, const std::vector<int64_t> &rows, int64_t columns, int64_t k, bool routed,
                 const HardwareProfile &profile);

} // namespace janus::traffic

#endif // JANUS_RUNTIME_TRAFFIC_SCHEMES_H
