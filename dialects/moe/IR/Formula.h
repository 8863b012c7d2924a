//===- Formula.h - formulas of moe.map --------------------------*- C++ -*-===//
//
// A formula in postfix: an integer is that operand's element, a float a number, a string a function of the last one or
// two values. [0, 1, "sigmoid", "mul"] is operand 0 times the sigmoid of operand 1.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_DIALECTS_MOE_IR_FORMULA_H
#define JANUS_DIALECTS_MOE_IR_FORMULA_H

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"

namespace janus::moe {

/// Functions of f32, each rounded to f32 by itself. max and min of a NaN are NaN.
enum class FormulaFn { add, sub, mul, div, max, min, neg, abs, sqrt, exp, log, tanh, erf, sigmoid };

inline std::optional<FormulaFn> parseFormulaFn(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<FormulaFn>>(name)
      .Case("add", FormulaFn::add)
      .Case("sub", FormulaFn::sub)
      .Case("mul", FormulaFn::mul)
      .Case("div", FormulaFn::div)
      .Case("max", FormulaFn::max)
      .Case("min", FormulaFn::min)
      .Case("neg", FormulaFn::neg)
      .Case("abs", FormulaFn::abs)
      .Case("sqrt", FormulaFn::sqrt)
      .Case("exp", FormulaFn::exp)
      .Case("log", FormulaFn::log)
      .Case("tanh", FormulaFn::tanh)
      .Case("erf", FormulaFn::erf)
      .Case("sigmoid", FormulaFn::sigmoid)
      .Default(std::nullopt);
}
inline unsigned arityOf(FormulaFn fn) { return fn < FormulaFn::neg ? 2 : 1; }

/// The most steps of a formula.
inline constexpr size_t kMaxFormula = 256;

/// Goes through a formula that the verifier has accepted. `operand(i)`, `number(f)` and `apply(fn, a, b)` (b is `a` for
/// functions of one value) make values.
template <typename T, typename Operand, typename Number, typename Apply>
T evaluateFormula(mlir::ArrayAttr formula, Operand operand, Number number, Apply apply) {
  llvm::SmallVector<T> stack;
  for (mlir::Attribute step : formula) {
    if (auto index = mlir::dyn_cast<mlir::IntegerAttr>(step)) {
      stack.push_back(operand(static_cast<unsigned>(index.getInt())));
    } else if (auto real = mlir::dyn_cast<mlir::FloatAttr>(step)) {
      stack.push_back(number(real.getValue().convertToFloat()));
    } else {
      FormulaFn fn = *parseFormulaFn(mlir::cast<mlir::StringAttr>(step).getValue());
      T b = stack.pop_back_val();
      T a = arityOf(fn) == 2 ? stack.pop_back_val() : b;
      stack.push_back(apply(fn, a, b));
    }
  }
  return stack.back();
}

} // namespace janus::moe

#endif // JANUS_DIALECTS_MOE_IR_FORMULA_H
