// How formulas of elements are simplified.
#include "lib/Recover/Attention/ElementExpr.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>

namespace janus::recover {

using onnx::SymExpr;
using Kind = Element::Kind;

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
}

ElementRef ElementPool::fold(ElementFn fn, llvm::ArrayRef<ElementRef> args, RealFormat format) {
  ElementRef a = args[0], b = args.size() > 1 ? args[1] : nullptr;
  switch (fn) {
  case ElementFn::kNot:
  case ElementFn::kAnd:
  case ElementFn::kOr:
    return foldLogic(fn, args);
  case ElementFn::kSelect:
    if (a->kind == Kind::kTruth)
      return a->truth ? b : args[2];
    return b == args[2] ? b : foldSelect(a, b, args[2]);
  case ElementFn::kLess:
  case ElementFn::kEqual:
    return foldCompare(fn, a, b);
  case ElementFn::kToTruth:
    if (a->type == ElementType::kTruth)
      return a;
    if (a->kind == Kind::kInteger)
      return apply(ElementFn::kNot, {equals0(a->value)});
    if (a->isApply(ElementFn::kToReal) || a->isApply(ElementFn::kToInteger)) // a truth made a number, and back
      if (a->args[0]->type != ElementType::kReal)
        return apply(ElementFn::kToTruth, {a->args[0]});
    break;
  case ElementFn::kToInteger:
    if (a->type == ElementType::kInteger)
      return a;
    if (a->kind == Kind::kTruth)
      return integer(SymExpr(a->truth ? 1 : 0));
    if (a->isApply(ElementFn::kToReal) && a->args[0]->type == ElementType::kInteger)
      return a->args[0];
    if (a->kind == Kind::kReal && std::fabs(a->number) < 0x1p52)
      return integer(SymExpr(static_cast<int64_t>(a->number)));
    break;
  case ElementFn::kToReal:
    if (a->type == ElementType::kReal && (a->format == format || format == RealFormat::kF64))
      return a->kind == Kind::kReal ? real(a->number, format) : a->format == format ? a : nullptr;
    break;
  default:
    break;
  }
  if (a->type == ElementType::kInteger && fn != ElementFn::kToReal && fn != ElementFn::kToTruth)
    return foldInteger(fn, args);
  if (fn == ElementFn::kMul && (a->isReal(1) || b->isReal(1)))
    return a->isReal(1) ? b : a;
  if (fn == ElementFn::kDiv && b->isReal(1))
    return a;
  llvm::SmallVector<double> numbers;
  for (ElementRef arg : args) {
    auto n = arg->constant();
    if (!n)
      return nullptr;
    numbers.push_back(*n);
  }
  double result = applyReal(fn, numbers, format);
  return fn == ElementFn::kIsNan || fn == ElementFn::kToTruth ? truth(result != 0)
         : fn == ElementFn::kToInteger                        ? nullptr
                                                              : real(result, format);
}

/// A choice at the first index of a dimension between what the formula says there anyway and the formula.
ElementRef ElementPool::foldSelect(ElementRef condition, ElementRef yes, ElementRef no) {
  if (condition->kind != Kind::kAtLeast0)
    return nullptr;
  for (const std::string &name : condition->value.symbols()) {
    SymExpr index = SymExpr::symbol(name);
    if (!isNonNegative(index))
      continue;
    bool yesAtFirst = condition->value == SymExpr(0) - index, noAtFirst = condition->value == index - SymExpr(1);
    if ((yesAtFirst || noAtFirst) && substitute(yes, {{name, SymExpr(0)}}) == substitute(no, {{name, SymExpr(0)}}))
      return yesAtFirst ? no : yes;
  }
  return nullptr;
}

ElementRef ElementPool::foldLogic(ElementFn fn, llvm::ArrayRef<ElementRef> args) {
  ElementRef a = args[0], b = args.size() > 1 ? args[1] : nullptr;
  if (a->type != ElementType::kTruth || (b && b->type != ElementType::kTruth))
    return nullptr;
  if (fn == ElementFn::kNot) {
    if (a->kind == Kind::kTruth)
      return truth(!a->truth);
    if (a->kind == Kind::kAtLeast0) // not (e >= 0) is -e - 1 >= 0
      return atLeast0(SymExpr(-1) - a->value);
    return a->isApply(ElementFn::kNot) ? a->args[0] : nullptr;
  }
  bool neutral = fn == ElementFn::kAnd;
  if (a->isTruth(neutral) || b->isTruth(!neutral) || a == b)
    return b;
  return b->isTruth(neutral) || a->isTruth(!neutral) ? a : nullptr;
}

ElementRef ElementPool::foldCompare(ElementFn fn, ElementRef a, ElementRef b) {
  if (a->kind == Kind::kInteger && b->kind == Kind::kInteger)
    return fn == ElementFn::kEqual ? equals0(a->value - b->value) : atLeast0(b->value - a->value - SymExpr(1));
  if (fn == ElementFn::kEqual && a->type == ElementType::kTruth && b->type == ElementType::kTruth) {
    if (a->kind == Kind::kTruth)
      std::swap(a, b);
    if (b->kind == Kind::kTruth)
      return b->truth ? a : apply(ElementFn::kNot, {a});
  }
  auto lowA = bound(a, true), highA = bound(a, false), lowB = bound(b, true), highB = bound(b, false);
  bool below = highA && lowB && *highA < *lowB, above = lowA && highB && *lowA > *highB;
  if (fn == ElementFn::kLess) {
    if (below)
      return truth(true);
    if (lowA && highB && *lowA >= *highB)
      return truth(false);
    return nullptr;
  }
  if (below || above)
    return truth(false);
  return a->constant() && a->constant() == b->constant() ? truth(true) : nullptr;
}

ElementRef ElementPool::foldInteger(ElementFn fn, llvm::ArrayRef<ElementRef> args) {
  for (ElementRef arg : args)
    if (arg->kind != Kind::kInteger)
      return nullptr;
  const SymExpr &a = args[0]->value, &b = args.back()->value;
  switch (fn) {
  case ElementFn::kNeg:
    return integer(SymExpr(0) - a);
  case ElementFn::kAbs:
    return isNonNegative(a) ? args[0] : isNonNegative(SymExpr(0) - a) ? integer(SymExpr(0) - a) : nullptr;
  case ElementFn::kFloor:
  case ElementFn::kCeil:
    return args[0];
  case ElementFn::kAdd:
    return integer(a + b);
  case ElementFn::kSub:
    return integer(a - b);
  case ElementFn::kMul:
    return integer(a * b);
  case ElementFn::kMin:
    return integer(isNonNegative(b - a) ? a : isNonNegative(a - b) ? b : SymExpr::min(a, b));
  case ElementFn::kMax:
    return integer(isNonNegative(b - a) ? b : isNonNegative(a - b) ? a : SymExpr::max(a, b));
  case ElementFn::kPow:
    if (auto n = b.constant(); n && *n >= 0 && *n <= 8) {
      SymExpr power(1);
      for (int64_t i = 0; i < *n; ++i)
        power = power * a;
      return integer(power);
    }
    return nullptr;
  case ElementFn::kDiv:
    if (a.constant() && b.constant() && *b.constant() != 0 && *b.constant() != -1)
      return integer(SymExpr(*a.constant() / *b.constant()));
    return nullptr;
  default:
    return nullptr;
  }
}

/// The body of a reduction at the last key that a comparison in it admits.
ElementRef ElementPool::atBestKey(ElementRef reduction) {
  const std::string &key = reduction->variable;
  llvm::SmallVector<ElementRef> stack = {reduction->args[0]};
  while (!stack.empty()) {
    ElementRef element = stack.pop_back_val();
    stack.append(element->args.begin(), element->args.end());
    if (element->kind != Kind::kAtLeast0 || !element->dependsOn(key))
      continue;
    SymExpr last = element->value + SymExpr::symbol(key); // e = last - key >= 0
    bool inside =
        last.symbols().count(key) == 0 && isNonNegative(last) && isNonNegative(reduction->value - last - SymExpr(1));
    if (inside)
      return substitute(reduction->args[0], {{key, last}});
  }
  return nullptr;
}

std::optional<double> ElementPool::bound(ElementRef element, bool lower) {
  if (auto n = element->constant())
    return n;
  switch (element->kind) {
  case Kind::kInteger: {
    // Only what positions and sizes need: at least 0, at least 1.
    if (lower && isNonNegative(element->value - SymExpr(1)))
      return 1;
    if (lower && isNonNegative(element->value))
      return 0;
    return std::nullopt;
  }
  case Kind::kApply: {
    if (element->type == ElementType::kTruth)
      return lower ? 0.0 : 1.0;
    auto of = [&](unsigned i) { return bound(element->args[i], lower); };
    switch (element->fn) {
    case ElementFn::kToReal:
    case ElementFn::kToInteger:
      return of(0);
    case ElementFn::kSelect: {
      auto a = of(1), b = of(2);
      if (!a || !b)
        return std::nullopt;
      return lower ? std::min(*a, *b) : std::max(*a, *b);
    }
    case ElementFn::kAdd: {
      auto a = of(0), b = of(1);
      return a && b ? std::optional(*a + *b) : std::nullopt;
    }
    case ElementFn::kMul: {
      auto a0 = bound(element->args[0], true), a1 = bound(element->args[0], false), b = element->args[1]->constant();
      if (!b) {
        a0 = bound(element->args[1], true), a1 = bound(element->args[1], false), b = element->args[0]->constant();
      }
      if (!b || !a0 || !a1)
        return std::nullopt;
      // 0 * -inf does not occur: a mask's factor is finite.
      double x = *a0 == 0 ? 0 : *a0 * *b, y = *a1 == 0 ? 0 : *a1 * *b;
      return lower ? std::min(x, y) : std::max(x, y);
    }
    default:
      return std::nullopt;
    }
  }
  case Kind::kAtLeast0:
  case Kind::kEquals0:
    return lower ? 0.0 : 1.0;
  case Kind::kReduce: {
    ElementRef body = element->args[0];
    auto outer = extents_;
    extents_[element->variable] = element->value;
    auto all = bound(body, lower);
    extents_ = outer;
    bool best = element->reduce == ReduceFn::kMin ? !lower : lower;
    if (best && element->reduce == ReduceFn::kSum && (!all || *all < 0)) // other summands might take it away again
      best = false;
    if (best)
      if (ElementRef at = atBestKey(element))
        if (auto n = bound(at, lower))
          return n;
    if (element->reduce != ReduceFn::kSum)
      return all;
    return lower && all && *all >= 0 ? std::optional(0.0) : std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

std::string describe(ElementRef element) {
  if (!element)
    return "?";
  std::string text;
  switch (element->kind) {
  case Kind::kInteger:
    text = element->value.str();
    break;
  case Kind::kReal:
    text = std::to_string(element->number);
    break;
  case Kind::kTruth:
    text = element->truth ? "true" : "false";
    break;
  case Kind::kAtLeast0:
    text = element->value.str() + " >= 0";
    break;
  case Kind::kEquals0:
    text = element->value.str() + " == 0";
    break;
  case Kind::kStored:
    text = "table[";
    for (const SymExpr &at : element->index)
      text += (text.back() == '[' ? "" : ", ") + at.str();
    text += "]";
    break;
  case Kind::kReduce:
    text = "reduction over " + element->value.str();
    break;
  case Kind::kApply: {
    static const char *const kNames[] = {"-",     "abs",  "cos",    "sin",    "exp",  "log",     "sqrt",  "1/",
                                         "floor", "ceil", "tanh",   "is nan", "real", "integer", "truth", "not",
                                         "and",   "or",   "select", "+",      "-",    "*",       "/",     "pow",
                                         "mod",   "min",  "max",    "<",      "=="};
    text = std::string(kNames[static_cast<unsigned>(element->fn)]) + "(";
    for (ElementRef arg : element->args) {
      text += (text.back() == '(' ? "" : ", ") + describe(arg);
      if (text.size() > 120)
        break;
    }
    text += ")";
    break;
  }
  }
  return text.size() > 160 ? text.substr(0, 157) + "..." : text;
}

} // namespace janus::recover
