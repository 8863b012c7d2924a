//===- Schemes.h - transfer schemes as attributes ---------------*- C++ -*-===//
//
// The one place where the compiler asks which schemes exist.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_COMMUNICATION_SCHEMES_H
#define JANUS_LIB_COMMUNICATION_SCHEMES_H

#include "dialects/janus/IR/JanusOps.h"

namespace janus {

enum class TransferKind { kDispatch, kRoutedDispatch, kExchange, kReturn };

/// The schemes of a kind of transfer, as `#janus.scheme` attributes with their phases.
mlir::ArrayAttr schemesAttr(mlir::MLIRContext *context, TransferKind kind);

} // namespace janus

#endif // JANUS_LIB_COMMUNICATION_SCHEMES_H
