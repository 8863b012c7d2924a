//===- Program.h - the role program ABI -------------------------*- C++ -*-===//
//
// A role program is a shared object without undefined symbols. It exports one
// symbol, `janus_program`, a Program. It holds *fragments*: functions over
// value buffers and weights. What calls them in which order is data, the
// "program" section of the artifact's manifest (docs/artifact.md); the two
// name each other by hash.
//
// Everything a fragment needs of the outside reaches it through Host. A
// fragment runs on one thread and splits its loops with Host::parallel.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_ABI_PROGRAM_H
#define JANUS_ABI_PROGRAM_H

#include "janus/ABI/Kernels.h"

namespace janus::abi {

inline constexpr uint32_t kProgramMagic = 0x534e414a; // "JANS"
inline constexpr uint32_t kProgramAbiVersion = 2;

/// Symbols of a step, in this order in Call::symbols.
enum Symbol : int64_t {
  kRows = 0,     // rows of the instance that runs the fragment
  kStepRows = 1, // rows of the whole step (EGate) or received rows (AGate)
  kPairs = 2,    // (row, rank) pairs assigned to this instance in this layer
  kWanted = 3,   // rows of this instance whose logits are wanted
  kSymbolCount = 4,
};

/// What an expert instance has to do in one layer of one step.
struct Assignment {
  int64_t groups;
  int64_t pairs;
  const int32_t *group_slot;  // [groups], ascending
  const int32_t *group_begin; // [groups + 1]
  const int32_t *pair_row;    // [pairs], row of the x buffer
  const int32_t *pair_rank;   // [pairs], 0 .. k-1
  const float *pair_weight;   // [pairs]
};

/// Runs tasks [0, count) of `task(args, ...)` on the workers, at least `grain`
/// tasks at a time, and returns when all are done.
struct Call;
struct Host {
  uint32_t version; // kProgramAbiVersion
  uint32_t size;    // sizeof(Host)
  const KernelTable *kernels;
  void (*parallel)(void *context, Task task, const void *args, int64_t count, int64_t grain);
  /// Reports an error of this step; the fragment returns after it. The message
  /// is copied.
  void (*fail)(void *context, int64_t code, const char *message);
  /// Memory for a value whose extents only the fragment knows: the product of
  /// `extents` elements of `bytes` each, kAlignment aligned, until it is
  /// released or the call ends. Null, with an error reported, when an extent is
  /// negative or there is no such memory; the fragment then returns. Both are
  /// null where fragments may not allocate.
  void *(*allocate)(void *context, const int64_t *extents, int64_t rank, int64_t bytes);
  void (*release)(void *context, void *memory);
};

/// The arguments of one fragment call. All buffers are kAlignment aligned (rows
/// of one sequence inside a value to 4 bytes), owned by the runtime, valid
/// during the call. A tensor program writes two of
/// the lists, which are const for all others: behind the symbols of its inputs
/// the values of those that it computes, and in place of an output whose
/// extents it computes the memory that it took for it.
struct Call {
  const Host *host;
  void *context;                // passed back to host functions
  const int64_t *symbols;       // [kSymbolCount]; of a call for one sequence: its rows, alone
  void *const *operands;        // inputs, then outputs
  const void *const *weights;   // the fragment's weight table for this layer;
                                // a per-expert weight is a table by slot:
                                // const void *const *
  void *workspace;              // fragment's workspace(symbols) bytes
  const KvView *kv;             // this instance's caches, from the first one of
                                // this call on; null without KV
  const Assignment *assignment; // null outside expert fragments
};

using FragmentRun = void (*)(const Call *call);
/// Bytes of workspace for these symbols; monotone in every symbol.
using FragmentWorkspace = int64_t (*)(const int64_t *symbols);

struct Fragment {
  const char *name;
  FragmentRun run;
  FragmentWorkspace workspace;
  uint32_t operands;
  uint32_t weights;
};

struct Program {
  uint32_t magic;          // kProgramMagic
  uint32_t version;        // kProgramAbiVersion
  uint32_t size;           // sizeof(Program)
  uint32_t kernel_version; // kKernelAbiVersion
  uint64_t program_hash;   // XXH3-64 of the manifest's program section; 0: any
  const char *target;      // "x86-64-v3"
  uint32_t fragment_count;
  uint32_t reserved;
  const Fragment *fragments;
};

static_assert(sizeof(Assignment) == 56);
static_assert(sizeof(Host) == 48);
static_assert(sizeof(Call) == 64);
static_assert(sizeof(Fragment) == 32);
static_assert(sizeof(Program) == 48);

} // namespace janus::abi

#endif // JANUS_ABI_PROGRAM_H
