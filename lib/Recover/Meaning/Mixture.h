//===- Mixture.h - sums of experts ------------------------------*- C++ -*-===//
//
// What is known of a value that adds up experts: by which choice, with which weights, which experts so far.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MEANING_MIXTURE_H
#define JANUS_RECOVER_MEANING_MIXTURE_H

#include "lib/Recover/Meaning/Term.h"

namespace janus::recover {

struct Mixture {
  enum Form {
    kEach,     // `parts`: an expert each
    kByChoice, // `body` depends on the expert chosen, the rank is summed over
    kByIndex,  // `body` depends on variable `over`, which is summed over
    kFused,    // the operator `op` holds the experts
    kRanks,    // `ranks`: a mixture for each rank, of the choice of that rank alone
  };
  Form form = kEach;
  int32_t choice = -1;
  T weight = nullptr;                     // of a pair: what multiplies the expert; kEach: each part's own
  bool weighted = false;                  // something does
  T body = nullptr;                       // kByChoice, kByIndex
  Var over = -1;                          // kByIndex
  int32_t parts = -1;                     // kEach: last of a chain
  bool whole = false;                     // every expert is there
  mlir::Value at;                         // the value that is the mixture (plus `rest`)
  llvm::SmallVector<mlir::Value, 1> rest; // values added to it besides
  mlir::Operation *op = nullptr;
  bool sparseMixer = false;                   // of kFused: the choice is not by the largest scores
  llvm::SmallVector<int32_t, 2> ranks = {};   // kRanks: mixtures, in the order of `choice`'s ranks
  llvm::SmallVector<int32_t, 2> absorbs = {}; // mixtures that this one takes the place of: parts of it, or it unscaled
};

/// One expert of a sum: the parts before it are linked.
struct MixturePart {
  int32_t previous;
  int32_t count; // up to this one
  int64_t expert;
  T weight; // of a pair, multiplies the body; null when nothing does
  T body;
};

class Mixtures {
public:
  explicit Mixtures(Terms &terms) : terms_(terms) {}
  llvm::ArrayRef<Mixture> all() const { return mixtures_; }
  const Mixture &at(int32_t i) const { return mixtures_[i]; }

  int32_t add(Mixture mixture);
  /// One expert: `weights` (of a pair) times `body`.
  int32_t single(int32_t choice, int64_t expert, llvm::ArrayRef<T> weights, T body, mlir::Value at);
  /// The sum of two; nothing when they are neither open and of one choice nor of choices of one expert that join.
  std::optional<int32_t> join(int32_t a, int32_t b, mlir::Value at);
  /// Are they mixtures of other choices of one expert each, for the same rows?
  bool areRanks(int32_t a, int32_t b);
  /// A mixture with its weights multiplied (divided) by `factor`; it takes the place of the one that it scales.
  int32_t scale(int32_t mixture, Fn fn, T factor, mlir::Value at);
  /// A mixture plus a value.
  int32_t plus(int32_t mixture, mlir::Value rest, mlir::Value at);
  /// Is its last expert that one?
  bool isOf(const Mixture &mixture, int64_t expert) const {
    return mixture.parts >= 0 && parts_[mixture.parts].expert == expert;
  }
  /// Number of experts so far.
  int64_t countOf(const Mixture &mixture) const { return mixture.parts < 0 ? 0 : parts_[mixture.parts].count; }
  /// The mixtures of single choices that it is made of: itself, or those of its ranks.
  llvm::SmallVector<int32_t> ranksOf(int32_t mixture) const;
  /// The parts in the order of experts; the first repeated one in `twice`.
  std::map<int64_t, MixturePart> experts(const Mixture &mixture, std::optional<int64_t> &twice) const;

private:
  void close(Mixture &mixture);
  std::optional<int32_t> joinEach(int32_t a, int32_t b, mlir::Value at);
  std::optional<int32_t> joinRanks(int32_t a, int32_t b, mlir::Value at);
  bool isOfOne(const Mixture &mixture) const;
  Terms &terms_;
  std::vector<Mixture> mixtures_;
  std::vector<MixturePart> parts_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_MIXTURE_H
