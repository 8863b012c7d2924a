//===- Rules.h - what each onnx operator does to meanings -------*- C++ -*-===//
//
// One rule a family of operators. A rule sets the meanings of the results that it can express and says why not
// otherwise.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MEANING_RULES_H
#define JANUS_RECOVER_MEANING_RULES_H

#include "lib/Recover/Meaning/Meaning.h"

namespace janus::recover {

class OperatorRules {
public:
  OperatorRules(Interpreter &interpreter, mlir::Operation *op)
      : in_(interpreter), space_(interpreter.space_), terms_(interpreter.terms_), op_(op) {}
  /// Applies the operator's rule. False: no meaning for some result; `reason` says why.
  bool run();
  std::string reason() const { return reason_; }
  /// It failed because no operator listed yet the pairs that it counts or repeats.
  bool needsList() const { return needsList_; }

private:
  using Rule = bool (OperatorRules::*)();
  static Rule ruleFor(llvm::StringRef name);

  // RulesElementwise.cpp
  bool elementwise();
  bool clip();
  bool variadic();
  bool activation();
  bool where();
  std::optional<Meaning> combine(Fn fn, llvm::ArrayRef<Meaning> operands, llvm::ArrayRef<Extent> out);
  // RulesMixture.cpp
  std::optional<Meaning> join(const Meaning &a, const Meaning &b, llvm::ArrayRef<Extent> out);
  std::optional<Meaning> scale(Fn fn, const Meaning &a, const Meaning &b);
  Meaning close(Meaning sum, mlir::Value at);
  std::optional<Mixture> mixtureOf(T term);
  std::optional<Mixture> mixtureOfOne(T term);
  Meaning closeOne(Meaning result, mlir::Value at);
  void closeApart(llvm::MutableArrayRef<Meaning> operands);
  void closeRanks(llvm::MutableArrayRef<Meaning> operands);
  int32_t singleOf(const Meaning &meaning, mlir::Value at);
  Meaning leaf(Meaning meaning, mlir::Value value);
  // RulesLayout.cpp
  bool reshape();
  bool transpose();
  bool expand();
  bool tile();
  bool concat();
  bool split();
  bool slice();
  bool pass();
  bool shape();
  /// Every `step`-th index of a dimension from `begin` on, `count` of them.
  std::optional<Meaning> cut(Meaning x, size_t axis, int64_t begin, int64_t step, int64_t count);
  std::optional<Meaning> bestOf(Meaning x, size_t axis, const Dim &ranks, int64_t count);
  bool areCounts(T sizes, int32_t choice) const;
  bool stretch(Meaning x, size_t axis);
  bool isWhole(const Meaning &x, llvm::ArrayRef<int64_t> axes, T ends);
  // RulesProducts.cpp
  bool matmul();
  bool matmulNBits();
  bool gemm();
  bool einsum();
  bool reduce();
  bool softmax();
  std::optional<Meaning> contract(const Meaning &a, const Meaning &b);
  // RulesSlots.cpp
  Var slotsOf(const SlotMask &mask, Extent extent);
  bool isSlots(Var var) const { return space_.list(var) && space_.list(var)->slots; }
  T intoSlots(Var slots, const SlotMask &mask, T term);
  bool isPosition(T term) const;
  bool slotHot(const Meaning &indices, size_t axis, llvm::ArrayRef<double> values);
  std::optional<Meaning> dispatch(Axes axes, llvm::ArrayRef<Var> vars, T product);
  bool outOfSlots(T &there, Var slot, T &slotted, Var slots);
  bool addsLists(llvm::ArrayRef<Var> vars);
  std::optional<Position> slotAt(llvm::ArrayRef<T> coordinates, Extent &extent);
  bool scatterSlots(const Meaning &data, llvm::ArrayRef<T> coordinates, const Meaning &indices, const Meaning &updates);
  bool gatherSlots(const Meaning &data, llvm::ArrayRef<T> coordinates, const Axes &indexAxes, unsigned axis);
  // RulesIndexing.cpp
  bool gather();
  bool gatherNd();
  bool gatherElements();
  bool scatterElements();
  bool scatterNd();
  bool scatterRows(const Meaning &data, T rows, const Dim &list, const Meaning &updates, bool adds);
  bool scatterPlaces(const Meaning &data, const PairList &pairs, const Meaning &updates, bool adds);
  size_t joinElements(llvm::ArrayRef<T> coordinates, Meaning &indices, Meaning &updates);
  bool scatterWeights(const Meaning &data, llvm::ArrayRef<T> coordinates, const Meaning &indices,
                      const Meaning &updates, bool adds);
  bool isEveryPair(const Dim &target, const Meaning &updates, int32_t choice) const;
  bool addsToRows(const Meaning &data, const PairList *pairs, const Meaning &updates);
  bool putSum(const Meaning &data, const Dim &target, const Meaning &updates);
  bool invert(const Meaning &indices, const Meaning &updates);
  bool gatherAt(const Meaning &data, llvm::ArrayRef<T> coordinates, const Axes &indexAxes, unsigned axis);
  // RulesChoices.cpp
  bool topK();
  bool argMax();
  bool oneHot();
  bool nonZero();
  bool hits(const Meaning &x);
  bool range();
  bool cumSum();
  bool runs(Meaning x, size_t axis);
  bool constantOfShape();
  bool choose(const Meaning &x, size_t axis, int64_t k, int64_t width, bool hasValues);
  bool sort(const Meaning &x, int64_t largest);
  bool fusedMoE();
  /// The expert whose pairs lie between two offsets of a choice.
  std::optional<int64_t> expertOf(T begin, T end, int32_t choice);
  /// The axis of that stretch of a sorted list; the same for equal arguments.
  Var stretchOf(Var sorted, int64_t expert, Extent extent);

  mlir::Value operand(unsigned i) const { return onnx::getInput(op_, i); }
  bool has(unsigned i) const { return operand(i) != nullptr; }
  Meaning in(unsigned i) { return in_.meaning(operand(i)); }
  /// The numbers of an operand of one dimension or none, constant or computed from sizes; nothing when they are not
  /// known.
  std::optional<llvm::SmallVector<double>> numbersOf(unsigned operand);
  int64_t attribute(llvm::StringRef name, int64_t otherwise) const;
  std::optional<int64_t> axisOf(llvm::StringRef name, int64_t otherwise, int64_t rank) const;
  llvm::ArrayRef<Extent> outExtents(unsigned i = 0) const;
  /// Axes given by an attribute or a constant operand, counted from the front; nothing when they are not known.
  std::optional<llvm::SmallVector<int64_t>> axesOperand(unsigned operand, llvm::StringRef name, int64_t rank);
  bool set(unsigned result, Meaning meaning);
  bool set(unsigned result, Axes axes, T term) { return set(result, Meaning{std::move(axes), term, -1}); }
  bool fail(const llvm::Twine &reason);
  /// Two operands whose dimensions run together, broadcast to `out`; nothing when they do not.
  std::optional<Axes> alignAll(llvm::ArrayRef<Axes> operands, llvm::ArrayRef<Extent> out);
  bool hasDuplicates(llvm::ArrayRef<Dim> axes) const;

  Interpreter &in_;
  IndexSpace &space_;
  Terms &terms_;
  mlir::Operation *op_;
  std::string reason_;
  bool needsList_ = false;
  Axes rowDims_; // of a scatter by several coordinates: the dimensions that its rows have
};

/// Of a position that a buffer may have no slot for.
inline constexpr llvm::StringLiteral kMayDrop =
    "an expert has slots for fewer rows than can choose it: which are dropped depends on the rows before them, so that "
    "rows are not computed by themselves; a capacity of as many slots as there are rows drops none";

/// Elements of a constant tensor of integers or floats; nothing when it is none or has more than 4096.
std::optional<llvm::SmallVector<double>> constantNumbers(mlir::Value value);

} // namespace janus::recover

#endif // JANUS_RECOVER_MEANING_RULES_H
