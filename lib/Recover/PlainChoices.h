//===- PlainChoices.h - choices that no router makes ------------*- C++ -*-===//
//
// TopK orders columns in activations, too. Read as a choice among experts it makes a function of that choice of all
// that follows, mixtures of experts included, which are then read by nobody.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_PLAINCHOICES_H
#define JANUS_RECOVER_PLAINCHOICES_H

#include "lib/Recover/Meaning/Meaning.h"

#include "llvm/ADT/DenseSet.h"

namespace janus::recover {

/// Operators that choose, and whose results are better taken as they are: more mixtures can be read then. Choices that
/// are refused, or whose experts are partly there, are none. `in` has read the graph with none.
llvm::DenseSet<mlir::Operation *> plainChoices(const RowForm &form, Interpreter &in);

} // namespace janus::recover

#endif // JANUS_RECOVER_PLAINCHOICES_H
