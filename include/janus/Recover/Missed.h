//===- Missed.h - how recovery says what it did not recover -----*- C++ -*-===//
//
// Reports are told apart by how they begin. Plain strings, so that tools need nothing else of the stage.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MISSED_H
#define JANUS_RECOVER_MISSED_H

#include "llvm/ADT/StringRef.h"

namespace janus::recover {

/// A warning at the operator where matching stopped, one for each MoE layer that is not recovered.
inline constexpr llvm::StringLiteral kMissedChoice = "what looks like a choice among ";
/// A remark at any operator that a pass looked at and left: its name and the reason follow.
inline constexpr llvm::StringLiteral kNotRecovered = "not recovered: ";

} // namespace janus::recover

#endif // JANUS_RECOVER_MISSED_H
