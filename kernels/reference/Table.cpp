#include "kernels/Kernels.h"
#include "kernels/reference/Reference.h"

namespace janus::reference {

constinit const abi::KernelTable kTable = {
    abi::kKernelAbiVersion,        sizeof(abi::KernelTable),       "reference",
    {CountLinear, RunLinear},      {CountExperts, RunExpertsUp},   {CountExperts, RunExpertsDown},
    {CountAttention, RunKvAppend}, {CountAttention, RunAttention}, {CountRoute, RunRoute}};

} // namespace janus::reference
