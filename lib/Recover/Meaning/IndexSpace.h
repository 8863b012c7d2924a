//===- IndexSpace.h - index variables of a graph's tensors ------*- C++ -*-===//
//
// A dimension is a row-major list of index variables; the empty list is extent 1. Variables that meet become one; a
// variable can be bound to a list of variables whose extents multiply to its own. Besides variables there are lists of
// pairs: an axis that runs over pairs (row, rank) in some order and binds the variables of the pairs.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MEANING_INDEXSPACE_H
#define JANUS_RECOVER_MEANING_INDEXSPACE_H

#include "dialects/onnx/IR/ShapeContext.h"
#include "llvm/ADT/DenseMap.h"

#include <deque>
#include <map>
#include <optional>

namespace janus::recover {

using Var = int32_t;
using Dim = llvm::SmallVector<Var, 2>;
using Axes = llvm::SmallVector<Dim, 4>;

/// An interned extent: equal numbers are equal extents.
using Extent = int32_t;

/// What a list of pairs runs over.
struct PairList {
  Dim covers;          // the variables that a position of the list binds, row-major
  int32_t choice = -1; // the choice (Term.h) whose pairs these are
  int64_t expert = -1; // only the pairs that chose this expert; -1: all
  Var sorted = -1;     // this is a stretch of that list
  bool uniqueRows = false;
  bool experts = false; // the experts that any pair chose, not pairs
  bool slots = false;   // the slots of an expert's buffer: `covers` are the rows of the pair that is in one
};

class IndexSpace {
public:
  IndexSpace();
  Extent extent(const onnx::SymExpr &expr);
  /// Extents of a type's dimensions; nothing for an unknown type. Cached by type.
  std::optional<llvm::ArrayRef<Extent>> extents(mlir::Type type);
  const onnx::SymExpr &expr(Extent extent) const { return exprs_[extent]; }
  bool isOne(Extent extent) const { return extent == one_; }
  std::optional<int64_t> constant(Extent extent) const;

  /// A new variable. A fixed one (the token's) is never split or merged with another fixed one.
  Var fresh(Extent extent, bool fixed = false);
  /// A new dimension of this extent: empty for 1.
  Dim freshDim(Extent extent) { return isOne(extent) ? Dim() : Dim{fresh(extent)}; }
  /// One variable for a dimension of several.
  Var bundle(llvm::ArrayRef<Var> dim);
  /// A list of pairs as an axis.
  Var freshList(Extent extent, PairList list);
  /// The list behind an axis; null when it is a variable.
  const PairList *list(Var var) const;

  /// The variables that are meant now.
  Dim resolve(llvm::ArrayRef<Var> dim) const;
  Axes resolveAll(llvm::ArrayRef<Dim> axes) const;
  Dim flat(llvm::ArrayRef<Dim> axes) const;
  bool same(llvm::ArrayRef<Var> a, llvm::ArrayRef<Var> b) const { return resolve(a) == resolve(b); }
  Extent extentOfVar(Var var) const;
  Extent extentOf(llvm::ArrayRef<Var> dim);
  std::optional<int64_t> sizeOf(llvm::ArrayRef<Var> dim);
  Extent multiply(Extent a, Extent b);
  /// a / b where that is exact.
  std::optional<Extent> ratio(Extent a, Extent b) { return divide(a, b); }

  /// Makes two lists of variables that run together one; false when their extents do not allow it.
  bool align(llvm::ArrayRef<Var> a, llvm::ArrayRef<Var> b);
  /// The dimensions after a reshape; nothing when a cut runs through what cannot be split.
  std::optional<Axes> regroup(llvm::ArrayRef<Dim> axes, llvm::ArrayRef<Extent> dims);

private:
  struct Entry {
    Extent extent;
    Var parent = -1; // merged into
    Dim bound;       // or bound to
    bool fixed = false;
    int32_t list = -1;
  };
  Var find(Var var) const;
  void expand(Var var, Dim &out) const;
  std::optional<Extent> divide(Extent a, Extent b);
  bool canSplit(Var var) const { return !vars_[var].fixed && vars_[var].list < 0; }
  /// Splits `var` into a part of extent `major` and the rest; false when that does not divide.
  bool split(Var var, Extent major);

  std::deque<onnx::SymExpr> exprs_;
  std::map<onnx::SymExpr, Extent> interned_;
  llvm::DenseMap<int64_t, Extent> constants_;
  llvm::DenseMap<mlir::Type, llvm::SmallVector<Extent, 4>> types_;
  mutable std::vector<Entry> vars_;
  std::deque<PairList> lists_;
  Extent one_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_INDEXSPACE_H
