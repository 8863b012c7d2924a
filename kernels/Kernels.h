//===- Kernels.h - which kernels this CPU runs ------------------*- C++ -*-===//
#ifndef JANUS_KERNELS_KERNELS_H
#define JANUS_KERNELS_KERNELS_H

#include "janus/ABI/Kernels.h"

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include <vector>

namespace janus {

/// The kernel table of that name: "reference" (any CPU), "avx2" (AVX2 and FMA),
/// "avx512" (AVX-512 F, VL, BW, DQ), or "auto": the last of these that the CPU
/// can run. Tables are static and immutable. avx2 and avx512 give the same
/// bits; reference accumulates in double and does not.
/// InvalidArgument for an unknown name, Unavailable if the CPU lacks a feature.
absl::StatusOr<const abi::KernelTable *> SelectKernels(absl::string_view name);

/// Every table that this CPU can run, "reference" first.
std::vector<const abi::KernelTable *> AvailableKernels();

namespace reference {
extern const abi::KernelTable kTable;
}
namespace avx2 {
extern const abi::KernelTable kTable;
}
namespace avx512 {
extern const abi::KernelTable kTable;
}

} // namespace janus

#endif // JANUS_KERNELS_KERNELS_H
