//===- Evaluate.h - terms on sample data ------------------------*- C++ -*-===//
//
// Computes terms of one row from given values of some of them. Two programs that agree on random points are taken to be
// the same function.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MEANING_EVALUATE_H
#define JANUS_RECOVER_MEANING_EVALUATE_H

#include "lib/Recover/Meaning/Term.h"

namespace janus::recover {

/// Numbers 0 <= x < 1 that are the same on every machine.
class Samples {
public:
  explicit Samples(uint64_t seed) : state_(seed) {}
  double next();
  double between(double low, double high) { return low + (high - low) * next(); }

private:
  uint64_t state_;
};

class Evaluator {
public:
  /// `rows`: variables of the row, which has no extent here.
  Evaluator(Terms &terms, llvm::ArrayRef<Var> rows) : terms_(terms), space_(terms.space()), rows_(rows) {}

  /// Gives a term its values along `vars`, row-major.
  void given(T term, llvm::ArrayRef<Var> vars, std::vector<double> values);
  /// Gives a stored tensor of one dimension its values.
  void givenVector(int32_t weight, std::vector<double> values);
  /// The values of a term along `vars`, which cover what it depends on besides the row; nothing when it depends on
  /// what is neither given nor computable, or has more than 2^20 values.
  std::optional<std::vector<double>> run(T term, llvm::ArrayRef<Var> vars);
  /// All values of a term, in an order of its own.
  std::optional<std::vector<double>> all(T term);
  /// The experts that a choice makes, along its variables and then its ranks.
  std::optional<std::vector<double>> choose(int32_t choice);

private:
  struct Array {
    Dim vars; // variables it varies along
    std::vector<int64_t> strides;
    std::vector<double> values;
  };
  const Array *evaluate(T term);
  const Array *chosen(int32_t choice);
  Dim varsOf(T term) const;
  Array shaped(llvm::ArrayRef<Var> vars);
  using Env = llvm::DenseMap<Var, int64_t>;
  double at(const Array &array, const Env &env) const;
  /// Calls `body` for each index of `vars`.
  bool each(llvm::ArrayRef<Var> vars, Env &env, llvm::function_ref<bool(Env &)> body);
  bool fill(T term, Array &out);
  int64_t position(llvm::ArrayRef<Var> vars, const Env &env) const;

  Terms &terms_;
  IndexSpace &space_;
  Dim rows_;
  std::map<T, Array> arrays_;
  std::map<int32_t, Array> choices_;
  std::map<int32_t, std::vector<double>> weights_;
  std::set<T> failed_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_EVALUATE_H
