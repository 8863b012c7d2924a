//===- Schemes.h - transfer schemes as attributes ---------------*- C++ -*-===//
//
// The one place where the compiler asks runtime/traffic which schemes exist.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_COMMUNICATION_SCHEMES_H
#define JANUS_LIB_COMMUNICATION_SCHEMES_H

#include "dialects/janus/IR/JanusOps.h"
#include "runtime/traffic/Schemes.h"

namespace janus {

/// The schemes of a kind of transfer, as `#janus.scheme` attributes with their phases.
mlir::ArrayAttr schemesAttr(mlir::MLIRContext *context, traffic::Kind kind);

} // namespace janus

#endif // JANUS_LIB_COMMUNICATION_SCHEMES_H
