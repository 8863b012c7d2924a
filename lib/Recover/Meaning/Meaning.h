//===- Meaning.h - what every value of a graph is ---------------*- C++ -*-===//
//
// Interprets the candidate's onnx operators over terms (docs/recovery.md). It changes no IR. Linear in the number of
// operators.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MEANING_MEANING_H
#define JANUS_RECOVER_MEANING_MEANING_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "lib/Recover/Meaning/Mixture.h"
#include "lib/Recover/Meaning/Term.h"
#include "lib/Recover/RowForm.h"

namespace janus::recover {

/// The element at an index: `term` over the variables of `axes`.
struct Meaning {
  Axes axes;
  T term = nullptr;
  int32_t mixture = -1; // this value is (part of) a mixture
};

/// A graph that is wrong whatever it was meant to be.
struct Refusal {
  mlir::Operation *op;
  int32_t choice;
  /// Of an export whose loop ran over the experts that its example input used: how many those are. -1: something else.
  int64_t experts = -1;
  std::string text;
};

class Interpreter {
public:
  /// Interprets every operator of the candidate; the dimensions of its token ids are the rows. `form` has to live on.
  /// Results of `plain` operators are not looked into.
  explicit Interpreter(const RowForm &form, const llvm::DenseSet<mlir::Operation *> &plain = {});

  Terms &terms() { return terms_; }
  IndexSpace &space() { return space_; }
  /// The meaning of a value as an operand; constants have new variables at each call.
  Meaning meaning(mlir::Value value);
  llvm::ArrayRef<Var> rowVars() const { return rows_; }

  /// Every mixture found, whole or partial, in order.
  llvm::ArrayRef<Mixture> mixtures() const { return mixtures_.all(); }
  const Mixtures &mixtureList() const { return mixtures_; }
  /// A value that holds `term` by row, its other variable in the last dimension; null when there is none.
  mlir::Value valueOf(T term) const { return byTerm_.lookup(term); }
  /// The meaning as text, terms down to `depth` levels.
  std::string text(const Meaning &meaning, unsigned depth);
  /// Why a value that depends on a choice has no meaning; empty when it has one.
  llvm::StringRef reason(mlir::Operation *op) const;
  /// What no exporter can have meant, in order.
  llvm::ArrayRef<Refusal> refusals() const { return refusals_; }
  /// The operator that made a choice.
  mlir::Operation *makerOf(int32_t choice) const { return makers_.lookup(choice); }

private:
  friend class OperatorRules;
  /// An element of the value itself.
  Meaning opaque(mlir::Value value);
  std::optional<Meaning> constant(mlir::Value value);
  void record(mlir::Value value, Meaning meaning);
  void interpret(mlir::Operation *op);
  bool waits(mlir::Operation *op) const;

  const RowForm &form_;
  llvm::DenseSet<mlir::Operation *> plain_;
  IndexSpace space_;
  Terms terms_;
  Mixtures mixtures_;
  Dim rows_; // the token's variables
  llvm::SmallVector<Extent, 4> rowExtents_;
  std::vector<mlir::Value> values_; // by the id of a kValue term
  llvm::DenseMap<mlir::Value, Meaning> meanings_;
  llvm::DenseMap<mlir::Value, int32_t> weights_; // -1: no stored tensor
  llvm::DenseMap<T, mlir::Value> byTerm_;
  llvm::DenseMap<mlir::Operation *, std::string> reasons_;
  llvm::DenseMap<int32_t, mlir::Operation *> makers_;
  std::vector<Refusal> refusals_;
  llvm::SmallVector<std::pair<int32_t, Var>> sortedLists_; // choice, list
  size_t lists_ = 0;                                       // of pairs, made so far
  std::vector<mlir::Operation *> waiting_;                 // for the list that their positions belong to, in order
  llvm::DenseSet<mlir::Value> awaited_;                    // results of these
  bool listedAll_ = false;                                 // nothing is left that could list
  llvm::DenseMap<Extent, Dim> lengths_;                    // of lists of elements: the axis that has it
  std::map<std::pair<Var, int64_t>, Var> stretches_;       // of a sorted list, by expert
  std::map<std::tuple<int32_t, std::vector<Var>, std::vector<int32_t>, Extent>, Var> slots_; // lists of slots
  std::map<std::pair<int32_t, int64_t>, Var> listed_; // the last list of an expert's pairs, by choice and expert
};

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_MEANING_H
