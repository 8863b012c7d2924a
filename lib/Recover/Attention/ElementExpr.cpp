#include "lib/Recover/Attention/ElementExpr.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>

namespace janus::recover {

using onnx::SymExpr;

std::string indexName(unsigned dimension) { return "." + std::to_string(dimension); }
SymExpr indexSymbol(unsigned dimension) { return SymExpr::symbol(indexName(dimension)); }

std::optional<double> Element::constant() const {
  if (kind == Kind::kReal)
    return number;
  if (kind == Kind::kTruth)
    return truth ? 1.0 : 0.0;
  if (kind == Kind::kInteger)
    if (auto n = value.constant())
      return static_cast<double>(*n);
  return std::nullopt;
}

double roundTo(double number, RealFormat format) {
  if (format == RealFormat::kF64)
    return number;
  if (format == RealFormat::kF32)
    return static_cast<float>(number);
  llvm::APFloat value(number);
  bool lost;
  value.convert(format == RealFormat::kF16 ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat(),
                llvm::APFloat::rmNearestTiesToEven, &lost);
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return value.convertToDouble();
}

double applyReal(ElementFn fn, llvm::ArrayRef<double> args, RealFormat format) {
  double a = args[0], b = args.size() > 1 ? args[1] : 0, result = 0;
  switch (fn) {
  case ElementFn::kNeg:
    result = -a;
    break;
  case ElementFn::kAbs:
    result = std::fabs(a);
    break;
  case ElementFn::kCos:
    result = std::cos(a);
    break;
  case ElementFn::kSin:
    result = std::sin(a);
    break;
  case ElementFn::kExp:
    result = std::exp(a);
    break;
  case ElementFn::kLog:
    result = std::log(a);
    break;
  case ElementFn::kSqrt:
    result = std::sqrt(a);
    break;
  case ElementFn::kReciprocal:
    result = 1 / a;
    break;
  case ElementFn::kFloor:
    result = std::floor(a);
    break;
  case ElementFn::kCeil:
    result = std::ceil(a);
    break;
  case ElementFn::kTanh:
    result = std::tanh(a);
    break;
  case ElementFn::kIsNan:
    return std::isnan(a);
  case ElementFn::kToReal:
    result = a;
    break;
  case ElementFn::kToInteger:
    return std::trunc(a);
  case ElementFn::kToTruth:
    return a != 0;
  case ElementFn::kNot:
    return a == 0;
  case ElementFn::kAnd:
    return a != 0 && b != 0;
  case ElementFn::kOr:
    return a != 0 || b != 0;
  case ElementFn::kSelect:
    return a != 0 ? b : args[2];
  case ElementFn::kAdd:
    result = a + b;
    break;
  case ElementFn::kSub:
    result = a - b;
    break;
  case ElementFn::kMul:
    result = a * b;
    break;
  case ElementFn::kDiv:
    result = a / b;
    break;
  case ElementFn::kPow:
    result = std::pow(a, b);
    break;
  case ElementFn::kMod:
    result = a - std::floor(a / b) * b;
    break;
  case ElementFn::kMin:
    result = std::fmin(a, b);
    break;
  case ElementFn::kMax:
    result = std::fmax(a, b);
    break;
  case ElementFn::kLess:
    return a < b;
  case ElementFn::kEqual:
    return a == b;
  }
  return roundTo(result, format);
}

//===-- integers ----------------------------------------------------------===//

void ElementPool::declarePositive(const SymExpr &size) {
  if (auto name = size.asSymbol())
    ones_[*name] = size + SymExpr(1);
}

void ElementPool::setExtents(llvm::ArrayRef<SymExpr> dims) {
  extents_.clear();
  for (unsigned d = 0; d < dims.size(); ++d)
    extents_[indexName(d)] = dims[d];
}

bool ElementPool::isNonNegative(const SymExpr &value) const { return nonNegative(value, 0); }

bool ElementPool::nonNegative(const SymExpr &value, unsigned depth) const {
  if (value.isNonNegative() || value.substitute(ones_).isNonNegative())
    return true;
  if (depth > 6)
    return false;
  // Linear in an index: the least value is at one of its ends.
  for (const std::string &name : value.symbols()) {
    auto extent = extents_.find(name);
    if (extent == extents_.end())
      continue;
    SymExpr at0 = value.substitute({{name, SymExpr(0)}}), slope = value.substitute({{name, SymExpr(1)}}) - at0;
    if (slope * SymExpr::symbol(name) + at0 != value)
      continue;
    return nonNegative(at0, depth + 1) &&
           nonNegative(value.substitute({{name, extent->second - SymExpr(1)}}), depth + 1);
  }
  return false;
}

std::pair<SymExpr, SymExpr> ElementPool::divMod(const SymExpr &a, const SymExpr &b) const {
  auto [quotient, rest] = SymExpr::divideTerms(a, b);
  if (isNonNegative(rest) && isNonNegative(b - rest - SymExpr(1)))
    return {quotient, rest};
  return {quotient + SymExpr::floordiv(rest, b), SymExpr::mod(rest, b)};
}

SymExpr ElementPool::substitute(const SymExpr &value, const Substitution &values) const {
  return value.substitute(values,
                          [&](const std::string &name, const SymExpr &a, const SymExpr &b) -> std::optional<SymExpr> {
                            if (b.isConstant(0))
                              return std::nullopt;
                            if (name == "floordiv")
                              return divMod(a, b).first;
                            if (name == "mod")
                              return divMod(a, b).second;
                            if (name == "min" || name == "max") {
                              bool less = isNonNegative(b - a), greater = isNonNegative(a - b);
                              if (less || greater)
                                return (name == "min") == less ? a : b;
                            }
                            return std::nullopt;
                          });
}

namespace {
Element start(Element::Kind kind, ElementType type) {
  Element element;
  element.kind = kind;
  element.type = type;
  return element;
}
} // namespace

//===-- making ------------------------------------------------------------===//

ElementRef ElementPool::intern(Element element) {
  std::string key;
  auto number = [&](uint64_t n) { key += std::to_string(n) + ","; };
  number(static_cast<unsigned>(element.kind)), number(static_cast<unsigned>(element.type));
  number(static_cast<unsigned>(element.format)), number(static_cast<unsigned>(element.fn));
  number(static_cast<unsigned>(element.reduce)), number(element.truth);
  uint64_t bits;
  std::memcpy(&bits, &element.number, sizeof bits);
  number(bits), number(reinterpret_cast<uintptr_t>(element.tensor.getAsOpaquePointer()));
  key += element.value.str() + ";" + element.variable + ";";
  element.symbols = element.value.symbols();
  for (const SymExpr &at : element.index) {
    key += at.str() + ";";
    element.symbols.merge(at.symbols());
  }
  for (ElementRef arg : element.args) {
    number(arg->id);
    element.size += arg->size;
    element.depth = std::max(element.depth, arg->depth + 1);
    element.symbols.insert(arg->symbols.begin(), arg->symbols.end());
  }
  if (!element.variable.empty())
    element.symbols.erase(element.variable);
  auto [it, added] = elements_.try_emplace(key);
  if (added) {
    element.id = elements_.size();
    it->second = std::make_unique<Element>(std::move(element));
  }
  return it->second.get();
}

ElementRef ElementPool::integer(const SymExpr &value) {
  Element element = start(Element::Kind::kInteger, ElementType::kInteger);
  element.value = value;
  return value.isLarge() ? nullptr : intern(std::move(element));
}

ElementRef ElementPool::real(double number, RealFormat format) {
  Element element = start(Element::Kind::kReal, ElementType::kReal);
  element.number = roundTo(number, format);
  element.format = format;
  return intern(std::move(element));
}

ElementRef ElementPool::truth(bool value) {
  Element element = start(Element::Kind::kTruth, ElementType::kTruth);
  element.truth = value;
  return intern(std::move(element));
}

ElementRef ElementPool::atLeast0(const SymExpr &value) {
  if (isNonNegative(value))
    return truth(true);
  if (isNonNegative(SymExpr(-1) - value))
    return truth(false);
  Element element = start(Element::Kind::kAtLeast0, ElementType::kTruth);
  element.value = value;
  return value.isLarge() ? nullptr : intern(std::move(element));
}

ElementRef ElementPool::equals0(const SymExpr &value) {
  if (value.isConstant(0))
    return truth(true);
  if (isNonNegative(value - SymExpr(1)) || isNonNegative(SymExpr(-1) - value))
    return truth(false);
  Element element = start(Element::Kind::kEquals0, ElementType::kTruth);
  SymExpr negative = SymExpr(0) - value; // one spelling of the two
  element.value = negative < value ? negative : value;
  return value.isLarge() ? nullptr : intern(std::move(element));
}

ElementRef ElementPool::stored(mlir::Value tensor, llvm::ArrayRef<SymExpr> index, ElementType type, RealFormat format) {
  Element element = start(Element::Kind::kStored, type);
  element.tensor = tensor;
  element.format = format;
  element.index.assign(index.begin(), index.end());
  return intern(std::move(element));
}

ElementRef ElementPool::apply(ElementFn fn, llvm::ArrayRef<ElementRef> args, RealFormat format) {
  unsigned size = 1;
  for (ElementRef arg : args)
    if (!arg || (size += arg->size) > kMaxSize || arg->depth >= kMaxDepth)
      return nullptr;
  if (ElementRef folded = fold(fn, args, format))
    return folded;
  Element element = start(Element::Kind::kApply, ElementType::kReal);
  element.fn = fn;
  element.format = format;
  element.args.assign(args.begin(), args.end());
  switch (fn) {
  case ElementFn::kIsNan:
  case ElementFn::kToTruth:
  case ElementFn::kNot:
  case ElementFn::kAnd:
  case ElementFn::kOr:
  case ElementFn::kLess:
  case ElementFn::kEqual:
    element.type = ElementType::kTruth;
    break;
  case ElementFn::kToReal:
    break;
  case ElementFn::kToInteger:
    element.type = ElementType::kInteger;
    break;
  case ElementFn::kSelect:
    if (args[1]->type != args[2]->type)
      return nullptr;
    element.type = args[1]->type;
    break;
  default:
    element.type = args[0]->type;
    if (args[0]->type == ElementType::kTruth || args.back()->type != args[0]->type)
      return nullptr;
  }
  return intern(std::move(element));
}

ElementRef ElementPool::reduce(ReduceFn fn, ElementRef body, const std::string &variable, const SymExpr &extent) {
  if (!body || body->size > kMaxSize || body->depth >= kMaxDepth || body->type == ElementType::kTruth)
    return nullptr;
  if (!body->dependsOn(variable)) {
    if (fn != ReduceFn::kSum)
      return body; // an extent of 0 has no element that anyone reads
    if (body->type == ElementType::kInteger && body->kind == Element::Kind::kInteger)
      return integer(body->value * extent);
    if (body->type == ElementType::kReal)
      return apply(ElementFn::kMul, {apply(ElementFn::kToReal, {integer(extent)}, body->format), body}, body->format);
  }
  Element element = start(Element::Kind::kReduce, body->type);
  element.reduce = fn;
  element.format = body->format;
  element.args = {body};
  element.value = extent;
  element.variable = variable;
  return intern(std::move(element));
}

ElementRef ElementPool::divide(ElementRef a, ElementRef b, RealFormat format) {
  if (!a || !b)
    return nullptr;
  if (a->kind == Element::Kind::kInteger && b->kind == Element::Kind::kInteger && isNonNegative(a->value) &&
      isNonNegative(b->value - SymExpr(1)))
    return integer(divMod(a->value, b->value).first);
  return apply(ElementFn::kDiv, {a, b}, format);
}

ElementRef ElementPool::modulo(ElementRef a, ElementRef b, RealFormat format) {
  if (!a || !b)
    return nullptr;
  if (a->kind == Element::Kind::kInteger && b->kind == Element::Kind::kInteger && isNonNegative(a->value) &&
      isNonNegative(b->value - SymExpr(1)))
    return integer(divMod(a->value, b->value).second);
  return apply(ElementFn::kMod, {a, b}, format);
}

ElementRef ElementPool::substitute(ElementRef element, const Substitution &values) {
  llvm::DenseMap<ElementRef, ElementRef> done;
  return element ? rebuild(element, values, done) : nullptr;
}

ElementRef ElementPool::rebuild(ElementRef element, const Substitution &values,
                                llvm::DenseMap<ElementRef, ElementRef> &done) {
  if (auto it = done.find(element); it != done.end())
    return it->second;
  ElementRef result = element;
  switch (element->kind) {
  case Element::Kind::kInteger:
    result = integer(substitute(element->value, values));
    break;
  case Element::Kind::kReal:
  case Element::Kind::kTruth:
    break;
  case Element::Kind::kAtLeast0:
    result = atLeast0(substitute(element->value, values));
    break;
  case Element::Kind::kEquals0:
    result = equals0(substitute(element->value, values));
    break;
  case Element::Kind::kStored: {
    llvm::SmallVector<SymExpr, 2> index;
    for (const SymExpr &at : element->index)
      index.push_back(substitute(at, values));
    result = stored(element->tensor, index, element->type, element->format);
    break;
  }
  case Element::Kind::kApply: {
    llvm::SmallVector<ElementRef, 3> args;
    for (ElementRef arg : element->args)
      args.push_back(rebuild(arg, values, done));
    bool whole = llvm::all_of(args, [](ElementRef arg) { return arg != nullptr; });
    if (whole && element->fn == ElementFn::kDiv)
      result = divide(args[0], args[1], element->format);
    else if (whole && element->fn == ElementFn::kMod)
      result = modulo(args[0], args[1], element->format);
    else
      result = apply(element->fn, args, element->format);
    break;
  }
  case Element::Kind::kReduce: {
    SymExpr extent = substitute(element->value, values);
    auto outer = extents_;
    extents_[element->variable] = extent;
    Substitution inner = values;
    inner.erase(element->variable);
    llvm::DenseMap<ElementRef, ElementRef> bound; // formulas mean something else in here
    result = reduce(element->reduce, rebuild(element->args[0], inner, bound), element->variable, extent);
    extents_ = outer;
    break;
  }
  }
  done[element] = result;
  return result;
}

} // namespace janus::recover
