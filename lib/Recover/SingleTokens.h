//===- SingleTokens.h - graphs for one token at a time ----------*- C++ -*-===//
//
// A graph whose sequences have length 1, which is called with the past of every token, says what each row computes from
// its token, its position and the keys up to its own. Rows that compute this are the model, also when there are several
// at once. Its values are therefore read as those of a sequence of unknown length: extents of 1 that carry the token
// become a symbol, and P + 1 becomes P + S. Nothing rests on the right choice among extents of 1. What is proved of the
// graph for all lengths holds for length 1, where it is the graph that was given; and what recovery proves is that each
// row is computed by itself, outside attention.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_SINGLETOKENS_H
#define JANUS_RECOVER_SINGLETOKENS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace janus::recover {

/// On @step: its graph takes one token at a time. There is no key behind a query, so that no mask has to hide one; and
/// no part of the graph can be called with several rows as it is.
inline constexpr llvm::StringLiteral kSingleAttr = "moe.single";

/// Frees the length of a bound step whose sequences have length 1. False, and nothing changed, when the past is no
/// symbol.
bool freeLength(mlir::func::FuncOp step);

} // namespace janus::recover

#endif // JANUS_RECOVER_SINGLETOKENS_H
