// A role program with one empty fragment; the tests patch its descriptor.
#include "janus/ABI/Program.h"

namespace {
void Run(const janus::abi::Call *) {}
int64_t Workspace(const int64_t *) { return 64; }
const janus::abi::Fragment kFragments[] = {{"main", Run, Workspace, 2, 1}};
} // namespace

extern "C" __attribute__((visibility("default")))
const janus::abi::Program janus_program = {janus::abi::kProgramMagic,
                                           janus::abi::kProgramAbiVersion,
                                           sizeof(janus::abi::Program),
                                           janus::abi::kKernelAbiVersion,
                                           0x1122334455667788,
                                           "x86-64-v3",
                                           1,
                                           0,
                                           kFragments};
