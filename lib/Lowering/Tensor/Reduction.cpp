// Operators that fold dimensions, and running folds.
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSwitch.h"

#include <limits>

using namespace mlir;
using namespace janus::lowering;
using Values = Emitter::Values;

Value Lines::first(Emitter &e, Value line) const {
  Value before = e.divide(line, stride), after = e.sub(line, e.mul(before, stride));
  return e.add(e.mul(e.mul(before, length), stride), after);
}

Lines janus::lowering::linesOf(Emitter &e, const Buffer &x, int64_t axis) {
  ArrayRef extents(x.extents);
  return {e.product(extents.take_front(axis)), e.product(extents.drop_front(axis + 1)), extents[axis]};
}

Lines janus::lowering::linesOf(Emitter &e, const Buffer &x, Value axis) {
  Lines lines{e.i64(1), e.i64(1), e.i64(1)};
  for (auto [d, extent] : llvm::enumerate(x.extents)) {
    Value at = e.i64(d), one = e.i64(1);
    lines.outer = e.mul(lines.outer, e.select(e.less(at, axis), extent, one));
    lines.stride = e.mul(lines.stride, e.select(e.less(axis, at), extent, one));
    lines.length = e.select(e.equal(at, axis), extent, lines.length);
  }
  return lines;
}

namespace {

bool isUnsigned(const Buffer &x) { return x.element.isUnsignedInteger() || x.element.isInteger(1); }

/// A reduction as a fold: elements are mapped, combined, and the result is finished.
struct Fold {
  Value initial;
  std::function<Value(Value)> map;
  std::function<Value(Value, Value)> combine;
  std::function<Value(Value)> finish;
};

/// `count`: how many elements are folded; `largest`: for LogSumExp the largest of them, or 0 where that is not finite.
Fold foldOf(OperatorContext &c, StringRef name, Type work, Value count, Value shift) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0);
  bool none = isUnsigned(x);
  auto same = [](Value v) { return v; };
  auto add = [&e](Value a, Value b) { return sum(e, a, b); };
  auto square = [&e](Value v) { return product(e, v, v); };
  Value zero = e.number(work, 0);
  if (name == "ReduceMax")
    return {lowest(e, x.element), same, [&e, none](Value a, Value b) { return largest(e, a, b, none); }, same};
  if (name == "ReduceMin")
    return {highest(e, x.element), same, [&e, none](Value a, Value b) { return smallest(e, a, b, none); }, same};
  if (name == "ReduceProd")
    return {e.number(work, 1), same, [&e](Value a, Value b) { return product(e, a, b); }, same};
  if (name == "ReduceL1")
    return {zero,
            [&e, none](Value v) -> Value {
              if (isa<FloatType>(v.getType()))
                return math::AbsFOp::create(e.b, e.loc(), v);
              return none ? v : Value(math::AbsIOp::create(e.b, e.loc(), v));
            },
            add, same};
  if (name == "ReduceSumSquare")
    return {zero, square, add, same};
  if (name == "ReduceL2")
    return {zero, square, add, [&e](Value v) -> Value { return math::SqrtOp::create(e.b, e.loc(), v); }};
  if (name == "ReduceLogSum")
    return {zero, same, add, [&e](Value v) -> Value { return math::LogOp::create(e.b, e.loc(), v); }};
  if (name == "ReduceLogSumExp")
    return {zero,
            [&e, shift](Value v) -> Value {
              return math::ExpOp::create(e.b, e.loc(), arith::SubFOp::create(e.b, e.loc(), v, shift));
            },
            add, [&e, shift](Value v) { return sum(e, math::LogOp::create(e.b, e.loc(), v), shift); }};
  if (name == "ReduceMean")
    return {zero, same, add, [&e, count, none](Value v) -> Value {
              if (!isa<FloatType>(v.getType()))
                return integerQuotient(e, v, e.convert(count, e.b.getI64Type(), v.getType()), none);
              return arith::DivFOp::create(e.b, e.loc(), v, arith::SIToFPOp::create(e.b, e.loc(), v.getType(), count));
            }};
  return {zero, same, add, same};
}

LogicalResult lowerReduce(OperatorContext &c) {
  StringRef name = c.op->getName().stripDialect();
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &y = *c.output(0);
  Values reduced = reducedDims(c), inner;
  bool keep = c.integer("keepdims", 1);
  for (auto [extent, drop] : llvm::zip(x.extents, reduced))
    inner.push_back(e.select(drop, extent, e.i64(1)));
  Value count = e.product(inner);
  // Roots and logarithms of integers are taken of f64.
  bool real = llvm::is_contained({"ReduceL2", "ReduceLogSum", "ReduceLogSumExp"}, name);
  Type stored = real && isa<IntegerType>(x.element) ? e.b.getF64Type() : x.element, work = computeType(stored);
  e.fill(y, [&](ValueRange index) {
    // The element of x of which all that is folded differs in reduced dimensions only.
    Values outer;
    Value kept = e.i64(0);
    for (auto [d, drop] : llvm::enumerate(reduced)) {
      Value at = e.i64(0);
      if (keep)
        at = index[d];
      else // the next of those that are left
        for (size_t j = 0; j < index.size(); ++j)
          at = e.select(e.equal(kept, e.i64(j)), index[j], at);
      outer.push_back(e.select(drop, e.i64(0), at));
      kept = e.select(drop, kept, e.add(kept, e.i64(1)));
    }
    auto element = [&](Value i) {
      Values source;
      for (auto [base, offset] : llvm::zip(outer, e.delinear(i, inner)))
        source.push_back(e.add(base, offset));
      return e.convert(e.load(x, e.linear(source, x.extents)), x.element, stored);
    };
    Value shift;
    if (name == "ReduceLogSumExp") {
      Value most = e.fold(e.i64(0), count, ValueRange{lowest(e, stored)},
                          [&](Value i, ValueRange s) { return Values{largest(e, s[0], element(i), false)}; })[0];
      Value magnitude = math::AbsFOp::create(e.b, e.loc(), most);
      Value finite = isLess(e, magnitude, e.real(work, std::numeric_limits<double>::infinity()), false);
      shift = e.select(finite, most, e.real(work, 0));
    }
    Fold fold = foldOf(c, name, work, count, shift);
    Value folded = e.fold(e.i64(0), count, ValueRange{fold.initial},
                          [&](Value i, ValueRange s) { return Values{fold.combine(s[0], fold.map(element(i)))}; })[0];
    return e.convert(fold.finish(folded), stored, x.element);
  });
  return success();
}

LogicalResult lowerArgReduce(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0);
  bool largest = c.op->getName().stripDialect() == "ArgMax", last = c.integer("select_last_index", 0);
  Lines lines = linesOf(e, x, c.axis(0, x.rank()));
  c.check(e.less(e.i64(0), lines.length), "expects at least one element along its axis");
  e.fillFlat(*c.output(0), [&](Value line) {
    Value first = lines.first(e, line);
    return e.fold(e.i64(1), lines.length, ValueRange{e.i64(0), e.load(x, first)}, [&](Value i, ValueRange s) {
      Value here = e.load(x, e.add(first, e.mul(i, lines.stride)));
      Value low = largest ? s[1] : here, high = largest ? here : s[1];
      Value take = last ? e.negated(isLess(e, high, low, isUnsigned(x))) : isLess(e, low, high, isUnsigned(x));
      return Values{e.select(take, i, s[0]), e.select(take, here, s[1])};
    })[0];
  });
  return success();
}

/// CumSum and CumProd. The axis is a number known at run time.
LogicalResult lowerCumulative(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &y = *c.output(0);
  if (x.rank() == 0)
    return c.op->emitOpError("expects an input of rank 1 or more");
  bool isSum = c.op->getName().stripDialect() == "CumSum", exclusive = c.integer("exclusive", 0),
       reverse = c.integer("reverse", 0);
  Value axis = e.fromFront(e.loadIndex(*c.input(1), e.i64(0)), e.i64(x.rank()));
  c.check(e.both(e.less(e.i64(-1), axis), e.less(axis, e.i64(x.rank()))),
          "expects an axis within the rank of its input");
  Lines lines = linesOf(e, x, axis);
  Value neutral = e.number(computeType(x.element), isSum ? 0 : 1);
  e.parallel(
      lines.count(e),
      [&](Value line) {
        Value first = lines.first(e, line), last = e.sub(lines.length, e.i64(1));
        e.fold(e.i64(0), lines.length, ValueRange{neutral}, [&](Value i, ValueRange s) {
          Value at = e.add(first, e.mul(reverse ? e.sub(last, i) : i, lines.stride));
          Value here = e.load(x, at), next = isSum ? sum(e, s[0], here) : product(e, s[0], here);
          e.store(y, at, exclusive ? s[0] : next);
          return Values{next};
        });
      },
      1);
  return success();
}

/// Softmax and LogSoftmax. In narrow types Softmax rounds where its definition does: differences, exponentials, their
/// sum and the quotients.
LogicalResult lowerSoftmax(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &y = *c.output(0);
  auto &b = e.b;
  bool log = c.op->getName().stripDialect() == "LogSoftmax";
  Lines lines = linesOf(e, x, c.axis(-1, x.rank()));
  Type type = computeType(x.element);
  e.parallel(
      lines.count(e),
      [&](Value line) {
        Location loc = e.loc();
        Value first = lines.first(e, line);
        auto at = [&](Value i) { return e.add(first, e.mul(i, lines.stride)); };
        Value most = e.fold(e.i64(0), lines.length, ValueRange{lowest(e, x.element)}, [&](Value i, ValueRange s) {
          return Values{arith::MaximumFOp::create(b, loc, s[0], e.load(x, at(i)))};
        })[0];
        auto rounded = [&](Value number) { return log ? number : e.rounded(number, x.element); };
        auto shifted = [&](Value i) { return rounded(arith::SubFOp::create(b, loc, e.load(x, at(i)), most)); };
        Value total = e.fold(e.i64(0), lines.length, ValueRange{e.real(type, 0)}, [&](Value i, ValueRange s) {
          Value weight = rounded(math::ExpOp::create(b, loc, shifted(i)));
          if (!log)
            e.store(y, at(i), weight);
          return Values{arith::AddFOp::create(b, loc, s[0], weight)};
        })[0];
        // A sum beyond the range of its type stays as it is.
        Value narrow = rounded(total), infinite = e.real(type, std::numeric_limits<double>::infinity());
        total = e.select(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, narrow, infinite), total, narrow);
        Value logarithm = log ? Value(math::LogOp::create(b, loc, total)) : Value();
        e.serial(e.i64(0), lines.length, [&](Value i) {
          Value result;
          if (log)
            result = arith::SubFOp::create(b, loc, shifted(i), logarithm);
          else
            result = arith::DivFOp::create(b, loc, e.load(y, at(i)), total);
          e.store(y, at(i), result);
        });
      },
      1);
  return success();
}

LogicalResult lowerLpNormalization(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &y = *c.output(0);
  bool square = c.integer("p", 2) == 2;
  if (!square && c.integer("p", 2) != 1)
    return c.op->emitOpError("expects p of 1 or 2, found ") << c.integer("p", 2);
  Lines lines = linesOf(e, x, c.axis(-1, x.rank()));
  Value zero = e.real(computeType(x.element), 0);
  e.parallel(
      lines.count(e),
      [&](Value line) {
        Value first = lines.first(e, line);
        auto at = [&](Value i) { return e.add(first, e.mul(i, lines.stride)); };
        Value norm = e.fold(e.i64(0), lines.length, ValueRange{zero}, [&](Value i, ValueRange s) {
          Value v = e.load(x, at(i));
          return Values{sum(e, s[0], square ? product(e, v, v) : Value(math::AbsFOp::create(e.b, e.loc(), v)))};
        })[0];
        if (square)
          norm = math::SqrtOp::create(e.b, e.loc(), norm);
        Value none = arith::CmpFOp::create(e.b, e.loc(), arith::CmpFPredicate::OEQ, norm, zero);
        e.serial(e.i64(0), lines.length, [&](Value i) {
          Value ratio = arith::DivFOp::create(e.b, e.loc(), e.load(x, at(i)), norm);
          e.store(y, at(i), e.select(none, zero, ratio));
        });
      },
      1);
  return success();
}

} // namespace

OperatorLowering janus::lowering::findReduction(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Cases({"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"}, lowerReduce)
      .Cases({"ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}, lowerReduce)
      .Cases({"ArgMax", "ArgMin"}, lowerArgReduce)
      .Cases({"CumSum", "CumProd"}, lowerCumulative)
      .Cases({"Softmax", "LogSoftmax"}, lowerSoftmax)
      .Case("LpNormalization", lowerLpNormalization)
      .Default(nullptr);
}
