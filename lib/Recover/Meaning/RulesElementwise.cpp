// Operators that compute each element from the elements at the same index.
#include "lib/Recover/Meaning/Rules.h"

using namespace mlir;

namespace janus::recover {

std::optional<Meaning> OperatorRules::combine(Fn fn, ArrayRef<Meaning> operands, ArrayRef<Extent> out) {
  SmallVector<Axes> axes;
  SmallVector<T> terms;
  for (const Meaning &operand : operands) {
    axes.push_back(operand.axes);
    terms.push_back(operand.term);
  }
  auto aligned = alignAll(axes, out);
  if (!aligned) {
    fail("its operands' dimensions do not run together");
    return std::nullopt;
  }
  return Meaning{*aligned, terms_.apply(fn, terms), -1};
}

bool OperatorRules::pass() { return set(0, in(0)); }

bool OperatorRules::elementwise() {
  SmallVector<Meaning> operands;
  for (unsigned i = 0; i < op_->getNumOperands(); ++i)
    operands.push_back(in(i));
  std::optional<Fn> fn = functionOf(op_);
  if (!fn) // a Cast that keeps the number
    return set(0, operands[0]);
  if (*fn == Fn::kAdd) {
    closeApart(operands);
    closeRanks(operands);
  }
  auto result = *fn == Fn::kAdd                      ? join(operands[0], operands[1], outExtents())
                : *fn == Fn::kMul || *fn == Fn::kDiv ? scale(*fn, operands[0], operands[1])
                                                     : std::nullopt;
  if (!result)
    result = combine(*fn, operands, outExtents());
  if (result && result->term->kind == Term::kApply && terms_.mayDrop(result->term->fn, result->term->operands))
    return fail(kMayDrop);
  return result && set(0, *result);
}

bool OperatorRules::where() { return elementwise(); }

bool OperatorRules::clip() {
  Meaning x = in(0);
  for (auto [i, fn] : {std::pair(1u, Fn::kMax), std::pair(2u, Fn::kMin)})
    if (has(i)) {
      auto bounded = combine(fn, {x, in(i)}, outExtents());
      if (!bounded)
        return false;
      x = *bounded;
    }
  return set(0, x);
}

bool OperatorRules::variadic() {
  StringRef name = op_->getName().stripDialect();
  Fn fn = name == "Min" ? Fn::kMin : name == "Max" ? Fn::kMax : Fn::kAdd;
  SmallVector<Meaning> operands;
  for (unsigned i = 0; i < op_->getNumOperands(); ++i)
    operands.push_back(in(i));
  if (fn == Fn::kAdd)
    closeRanks(operands);
  Meaning result = operands[0];
  for (unsigned i = 1; i < op_->getNumOperands(); ++i) {
    Meaning next = operands[i];
    ArrayRef<Extent> out = outExtents();
    if (fn == Fn::kAdd)
      if (auto joined = join(result, next, out)) {
        result = *joined;
        continue;
      }
    // Intermediate results have the extents of what was broadcast so far; those of the operator hold for all but ones.
    SmallVector<Extent> extents(out.take_back(std::max(result.axes.size(), next.axes.size())));
    for (auto [d, extent] : llvm::enumerate(extents)) {
      auto isEmpty = [&, d = d](const Meaning &m) {
        return m.axes.size() + d < extents.size() || m.axes[m.axes.size() + d - extents.size()].empty();
      };
      if (isEmpty(result) && isEmpty(next))
        extent = space_.extent(onnx::SymExpr(1));
    }
    auto combined = combine(fn, {result, next}, extents);
    if (!combined)
      return false;
    result = *combined;
  }
  return set(0, result);
}

/// Activations that are operators of their own, as compositions.
bool OperatorRules::activation() {
  Meaning x = in(0);
  StringRef name = op_->getName().stripDialect();
  auto real = [&](StringRef attribute, double otherwise) {
    auto value = op_->getAttrOfType<FloatAttr>(attribute);
    return terms_.number(value ? value.getValueAsDouble() : otherwise);
  };
  auto apply = [&](Fn fn, T a, T b = nullptr) { return b ? terms_.apply(fn, {a, b}) : terms_.apply(fn, {a}); };
  T g = x.term, half = terms_.number(0.5), one = terms_.number(1);
  if (name == "FastGelu" && has(1)) { // x + bias
    auto sum = combine(Fn::kAdd, {x, in(1)}, outExtents());
    if (!sum)
      return false;
    x = *sum, g = x.term;
  }
  if (name == "Swish" || name == "QuickGelu") {
    T scaled = apply(Fn::kMul, real("alpha", name == "Swish" ? 1.0 : 1.702), g);
    x.term = apply(Fn::kMul, g, apply(Fn::kSigmoid, scaled));
    return set(0, x);
  }
  auto approximate = op_->getAttrOfType<StringAttr>("approximate");
  bool tanh = name == "FastGelu" || (approximate && approximate.getValue() == "tanh");
  T inner = apply(Fn::kMul, g, terms_.number(0.70710678118654752));
  if (tanh) {
    T cube = apply(Fn::kMul, terms_.number(0.044715), apply(Fn::kMul, g, apply(Fn::kMul, g, g)));
    inner = apply(Fn::kMul, terms_.number(0.79788456080286536), apply(Fn::kAdd, g, cube));
  }
  T gate = apply(Fn::kAdd, one, apply(tanh ? Fn::kTanh : Fn::kErf, inner));
  x.term = apply(Fn::kMul, half, apply(Fn::kMul, g, gate));
  return set(0, x);
}

} // namespace janus::recover
