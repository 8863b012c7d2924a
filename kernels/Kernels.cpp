#include "kernels/Kernels.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace janus {
namespace {

#if defined(__x86_64__)
bool HasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#endif

struct Entry {
  const abi::KernelTable *table;
  bool supported;
  absl::string_view needs;
};

std::vector<Entry> Entries() {
  std::vector<Entry> entries = {{&reference::kTable, true, ""}};
#if defined(__x86_64__)
  entries.push_back({&avx2::kTable, HasAvx2(), "AVX2 and FMA"});
  entries.push_back({&avx512::kTable, HasAvx512(), "AVX-512 F, VL, BW and DQ"});
#endif
  return entries;
}

} // namespace

std::vector<const abi::KernelTable *> AvailableKernels() {
  std::vector<const abi::KernelTable *> tables;
  for (const Entry &entry : Entries())
    if (entry.supported)
      tables.push_back(entry.table);
  return tables;
}

absl::StatusOr<const abi::KernelTable *> SelectKernels(absl::string_view name) {
  if (name == "auto")
    return AvailableKernels().back();
  for (const Entry &entry : Entries()) {
    if (name != entry.table->name)
      continue;
    if (!entry.supported)
      return absl::UnavailableError(absl::StrCat(
          "kernels '", name, "' need ", entry.needs,
          ", which this CPU lacks; choose 'auto' or one of: ", AvailableKernels().back()->name, ", reference"));
    return entry.table;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown kernels '", name, "'; expected auto, reference, avx2 or avx512"));
}

} // namespace janus
