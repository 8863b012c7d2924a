//===- Term.h - what the element of a tensor is -----------------*- C++ -*-===//
//
// Formulas over index variables, hash-consed: equal formulas over equal variables are one object. The constructors
// simplify; docs/recovery.md lists what the terms about routing mean.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MEANING_TERM_H
#define JANUS_RECOVER_MEANING_TERM_H

#include "lib/Recover/Meaning/Function.h"
#include "lib/Recover/Meaning/IndexSpace.h"
#include "lib/Recover/StoredWeight.h"

#include <unordered_set>
#include <vector>

namespace janus::recover {

struct Term;
using T = const Term *;

/// How one dimension is indexed: by a variable, by a number, or by the expert chosen.
struct Index {
  enum Kind : uint8_t { kVar, kNumber, kChosen } kind = kNumber;
  int64_t value = 0; // the variable, the number, or the choice
  static Index var(Var v) { return {kVar, v}; }
  static Index number(int64_t n) { return {kNumber, n}; }
  static Index chosen(int32_t choice) { return {kChosen, choice}; }
  friend bool operator==(const Index &a, const Index &b) { return a.kind == b.kind && a.value == b.value; }
};

/// vars (which run together as one index) = begin + step * to; without `to` they are the number `begin`.
struct Substitution {
  Dim vars;
  int64_t begin, step = 1, count = 1;
  std::optional<Var> to;
};

struct Term {
  enum Kind : uint8_t {
    kValue,   // element of value `id` at `vars`
    kNumber,  // `number`
    kSize,    // a size that inputs determine: extent `id`
    kWeight,  // element of stored tensor `id` at `indices`
    kApply,   // `fn` of the operands
    kSum,     // over `vars` of the operand
    kMax,     // over `vars`
    kSoftmax, // over `vars`
    kIndex,   // row-major position of `vars`
    kId,      // the expert that choice `id` made
    kPick,    // operand at the expert of choice `id`
    kChosen,  // 1 where choice `id` is indices[0], else 0
    kDense,   // the operand of the rank of choice `id` that chose indices[0]; `number` where none did
    kTable,   // function of the expert of choice `id`, by its values: table `table`
    kCount,   // pairs of choice `id` whose expert is indices[0]
    kOffset,  // pairs of choice `id` whose expert is at most indices[0] (number -1: none)
    kPlace,   // position in sorted list `vars[0]` of an element of a stretch of it
    kInverse, // position in sorted list `vars[0]` of a pair
    kFamily,  // operand number `vars[0]`
    kSwitch,  // operand number id of choice `id`
    kRunning, // pairs of choice `id` whose expert is indices[0], up to the one at hand along `vars`
    kInSlot,  // 1 where the position (see Position) of a pair of choice `id` along vars[1..] is `vars[0]`, else 0;
              // `indices`: the choices whose pairs come before
    kSlotted, // the operand at the pair in slot `vars[0]` (a list of slots) of expert indices[0] of choice `id`
  };
  Kind kind;
  Fn fn = Fn::kAdd;
  int32_t id = -1, table = -1;
  double number = 0;
  llvm::SmallVector<T, 2> operands = {};
  llvm::SmallVector<Index, 3> indices = {};
  Dim vars = {};
  llvm::SmallVector<int32_t, 2> routed = {}; // choices that the value depends on in any way
  Dim free = {}; // variables that it depends on, as they stood when the term was made; sorted
};

/// The position of a pair among those of an expert: how many there are up to it along `order` (variables of rows, and
/// the rank where it is not the innermost), and of the choices `before` in all, plus `first` - 1.
struct Position {
  int32_t choice = -1;
  Dim order;
  llvm::SmallVector<int32_t, 2> before;
  int64_t first = 0;
  std::optional<Index> expert; // nothing: the expert that the pair chose
};

/// Which pairs are in slots, of which expert.
struct SlotMask {
  int32_t choice = -1;
  Dim order;
  llvm::SmallVector<int32_t, 2> before = {};
  std::optional<Index> expert = {};
  bool byPair = false; // the rank is a variable of the term
};

/// A selection of k indices along a variable.
struct Choice {
  T input;
  Var over; // chosen along this variable (or the list that it is bound to)
  Var rank; // numbers the chosen; -1 when k is 1
  int64_t k, width;
  llvm::SmallVector<int32_t, 2> members = {}; // of one expert each, if it joins such: `input` is the first one's
  int32_t of = -1; // it is what rank `at` of that choice chose: of one expert, by the same input
  int64_t at = 0;
};

class Terms {
public:
  explicit Terms(IndexSpace &space) : space_(space) {}
  IndexSpace &space() { return space_; }

  T value(int32_t id, llvm::ArrayRef<Var> vars);
  T number(double number);
  /// A number, or an integer that inputs determine.
  T size(Extent extent);
  T weight(int32_t id, llvm::ArrayRef<Index> indices);
  T apply(Fn fn, llvm::ArrayRef<T> operands);
  T sum(llvm::ArrayRef<Var> vars, T term);
  T max(llvm::ArrayRef<Var> vars, T term);
  T softmax(llvm::ArrayRef<Var> vars, T term);
  T index(llvm::ArrayRef<Var> vars);
  T id(int32_t choice);
  T pick(int32_t choice, T term);
  T chosen(int32_t choice, Index index);
  T dense(int32_t choice, Index index, double base, T term);
  T table(int32_t choice, llvm::ArrayRef<double> values);
  T count(int32_t choice, Index index);
  T offset(int32_t choice, Index index);
  T place(Var list);
  T inverse(Var list);
  T family(Var var, llvm::ArrayRef<T> operands);
  T choose(int32_t choice, llvm::ArrayRef<T> operands); // kSwitch
  T running(int32_t choice, Index index, llvm::ArrayRef<Var> order);
  T slotted(Var slots, Index index, T term);

  // Slots.cpp
  /// `scaled`: besides, the expert times a number may be added; it is set to that.
  std::optional<Position> positionOf(T term, T *scaled = nullptr);
  /// Are there as many slots as an expert can get pairs, one for each row?
  bool hasRoom(const onnx::SymExpr &slots, const Position &position);
  /// An order's variables but the rank.
  Dim rowsOf(int32_t choice, llvm::ArrayRef<Var> order) const;
  /// Does it compare a position with a number of slots that may be too small for all pairs?
  bool mayDrop(Fn fn, llvm::ArrayRef<T> operands);
  /// A term that is not 0 for pairs in `slot` alone, without that condition; null when it is something else.
  T withoutSlot(T term, Var slot, SlotMask &mask);
  /// The variable of the slots that a factor of the term is about; -1: none.
  Var slotOf(T term) const;
  /// A term over slots at the pair in one: `slots` of `expert`; null when it is not one of those slots alone.
  T atSlot(T term, Var slots, const Index &expert);

  /// The term with an index replaced; null when an element would be needed that no term expresses.
  T substitute(T term, const Substitution &by);
  /// The term where choice `choice` is known to be `expert`.
  T restrict(T term, int32_t choice, int64_t expert);
  /// The term where it is known that a rank of `choice` chose `index`; with `masksOnly` only what then is a number.
  T given(T term, int32_t choice, Index index, bool masksOnly);

  /// Are the variables of each term that `term` is made of still distinct, down to the terms of `stop`? Variables that
  /// became one after a term with both was made would make it another function.
  bool isConsistent(T term, llvm::ArrayRef<T> stop) const;
  bool dependsOn(T term, Var var) const;
  bool isRouted(T term, int32_t choice) const;
  /// Does it depend on no variables but those?
  bool onlyOn(T term, llvm::ArrayRef<Var> vars) const;
  /// Factors of a product, at any nesting.
  void factors(T term, llvm::SmallVectorImpl<T> &out) const;
  T product(llvm::ArrayRef<T> factors);
  std::optional<double> numberOf(T term) const;

  int32_t addWeight(StoredWeight weight);
  const StoredWeight &weightOf(int32_t id) const { return weights_[id]; }
  int32_t addChoice(const Choice &choice);
  /// The choice whose ranks are these choices, of one expert each among the same for the same rows; nothing when they
  /// are others. All ranks of a choice, in order, are that choice.
  std::optional<int32_t> joinChoices(llvm::ArrayRef<int32_t> choices);
  /// What rank `at` of a choice chose, as a choice of one expert.
  int32_t rankOf(int32_t choice, int64_t at);
  /// The choice of the best `count` of what a choice orders.
  int32_t firstOf(int32_t choice, int64_t count);
  /// The choice that it is a rank of, or itself.
  int32_t wholeOf(int32_t choice) const { return choices_[choice].of >= 0 ? choices_[choice].of : choice; }
  /// An order of choices in which the ranks of one are in order.
  bool isBefore(int32_t a, int32_t b) const {
    return std::tuple(wholeOf(a), choices_[a].at, a) < std::tuple(wholeOf(b), choices_[b].at, b);
  }
  const Choice &choice(int32_t id) const { return choices_[id]; }
  /// Choices that this one joins or whose outcome its input depends on.
  llvm::SmallVector<int32_t> restsOn(int32_t choice) const;
  int32_t choiceCount() const { return static_cast<int32_t>(choices_.size()); }
  /// Terms that logarithms were taken of which no longer stand: where one is below 0, what the graph computes is no
  /// number.
  llvm::ArrayRef<T> logarithms() const { return logarithms_; }
  llvm::ArrayRef<double> tableOf(T term) const { return tables_[term->table]; }
  /// Variables of the rows that a choice is made for, and of its pairs (rows and rank).
  Dim rowVars(int32_t choice) const;
  Dim pairVars(int32_t choice) const;
  /// Variables of an index that is one.
  Dim indexVars(const Index &index) const;
  bool sameIndex(const Index &a, const Index &b) const;

private:
  struct Hash {
    size_t operator()(T term) const;
  };
  struct Equal {
    bool operator()(T a, T b) const;
  };
  T intern(Term term, llvm::ArrayRef<Var> extra = {});
  T simplifyApply(Fn fn, llvm::ArrayRef<T> operands);
  T mapDense(Fn fn, llvm::ArrayRef<T> operands);
  T addSelected(llvm::ArrayRef<T> operands);
  T joinDense(T a, T b);
  T compareWithLast(Fn fn, llvm::ArrayRef<T> operands);
  T mapMask(llvm::ArrayRef<T> operands);
  T selectExpert(llvm::ArrayRef<T> operands);
  bool isOfExperts(T term, int32_t choice) const;
  T mapTable(Fn fn, llvm::ArrayRef<T> operands);
  T indexArithmetic(Fn fn, llvm::ArrayRef<T> operands);
  T comparePosition(Fn fn, llvm::ArrayRef<T> operands);
  T takeSlots(llvm::ArrayRef<T> operands);
  std::optional<onnx::SymExpr> largestOf(T term);
  T inSlot(Var slot, const Position &position);
  T takenSlots(T term);
  T bestOf(int32_t choice, Index index, T term);
  T withoutSlotOf(T term, Var slot, int32_t within, SlotMask &mask);
  bool areDisjoint(int32_t a, int32_t b) const;
  T splitIndices(T term);
  using Leaf = llvm::function_ref<std::optional<T>(T)>;
  /// Rebuilds the part of a term that `touches` says is affected; `leaf` gives replacements.
  T rebuild(T term, llvm::function_ref<bool(T)> touches, Leaf leaf, llvm::DenseMap<T, T> &memo);

  IndexSpace &space_;
  std::deque<Term> storage_;
  std::unordered_set<T, Hash, Equal> interned_;
  std::deque<StoredWeight> weights_;
  std::vector<Choice> choices_;
  std::vector<T> logarithms_;
  std::map<std::tuple<T, Var, int64_t, std::vector<int32_t>, int32_t, int64_t>, int32_t> choiceIndex_;
  std::deque<std::vector<double>> tables_;
  std::map<std::vector<double>, int32_t> tableIndex_;
  std::map<std::pair<int32_t, std::vector<int64_t>>, int32_t> slices_; // weight and slice -> weight
};

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_TERM_H
