//===- Expression.h - integer expressions over symbols --------*- C++ -*-===//
#ifndef JANUS_RUNTIME_BASE_EXPRESSION_H
#define JANUS_RUNTIME_BASE_EXPRESSION_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <map>
#include <string>

namespace janus {

/// The value of an expression (docs/artifact.md, "The tensor contract") under
/// an assignment of its symbols. InvalidArgument on wrong syntax or an unknown
/// symbol; OutOfRange on overflow or division by zero.
absl::StatusOr<int64_t> Evaluate(const std::string &text, const std::map<std::string, int64_t> &symbols);

/// True when the expression is one symbol and nothing else.
bool IsSymbol(const std::string &text);

} // namespace janus

#endif // JANUS_RUNTIME_BASE_EXPRESSION_H
