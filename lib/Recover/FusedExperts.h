//===- FusedExperts.h - the experts of MoE and QMoE -------------*- C++ -*-===//
#ifndef JANUS_RECOVER_FUSEDEXPERTS_H
#define JANUS_RECOVER_FUSEDEXPERTS_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "lib/Recover/MatchExperts.h"
#include "lib/Recover/RowForm.h"

namespace janus::recover {

/// The experts of com.microsoft.MoE or QMoE, all of them stacked; nothing, and `reason`, when its weights do not fit.
std::optional<ReadExpert> readFused(mlir::Operation *op, const RowForm &form, int64_t experts, std::string &reason);

} // namespace janus::recover

#endif // JANUS_RECOVER_FUSEDEXPERTS_H
