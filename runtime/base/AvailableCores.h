//===- AvailableCores.h - cores this process may use ------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_BASE_AVAILABLECORES_H
#define JANUS_RUNTIME_BASE_AVAILABLECORES_H

#include <string>

namespace janus {

/// Cores that this process may use: those of its affinity mask, further limited
/// by the CPU quota of its control group (v2 cpu.max, v1 cpu.cfs_quota_us),
/// rounded up. At least 1. Reads files; call it once.
int AvailableCores();

/// Cores that a control group's quota grants, rounded up, or 0 without limit.
/// `text` is the content of cpu.max: "max 100000" or "150000 100000".
int QuotaCores(const std::string &text);

} // namespace janus

#endif // JANUS_RUNTIME_BASE_AVAILABLECORES_H
