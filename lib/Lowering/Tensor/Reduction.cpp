#include "dialects/onnx/IR/OnnxOps.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;

namespace {

/// The reduced dimensions: the attribute, or the constant second input, or all of them.
FailureOr<SmallVector<bool>> reducedDims(OperatorContext &c) {
  int64_t rank = c.input(0)->rank();
  SmallVector<int64_t> axes;
  DenseIntElementsAttr constant;
  if (auto attribute = c.op->getAttrOfType<DenseI64ArrayAttr>("axes"))
    axes.assign(attribute.asArrayRef().begin(), attribute.asArrayRef().end());
  else if (c.input(1)) {
    if (!matchPattern(janus::onnx::getInput(c.op, 1), m_Constant(&constant)))
      return c.op->emitOpError("expects constant axes");
    for (const APInt &axis : constant.getValues<APInt>())
      axes.push_back(axis.getSExtValue());
  }
  if (axes.empty() && c.integer("noop_with_empty_axes", 0))
    return SmallVector<bool>(rank, false);
  SmallVector<bool> reduced(rank, axes.empty());
  for (int64_t axis : axes)
    reduced[axis < 0 ? axis + rank : axis] = true;
  return reduced;
}

Value combine(OperatorContext &c, StringRef name, Value state, Value x) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  bool real = isa<FloatType>(x.getType());
  if (name == "ReduceMax")
    return real ? Value(arith::MaximumFOp::create(b, loc, state, x)) : Value(arith::MaxSIOp::create(b, loc, state, x));
  if (name == "ReduceMin")
    return real ? Value(arith::MinimumFOp::create(b, loc, state, x)) : Value(arith::MinSIOp::create(b, loc, state, x));
  if (name == "ReduceProd")
    return real ? Value(arith::MulFOp::create(b, loc, state, x)) : Value(arith::MulIOp::create(b, loc, state, x));
  return real ? Value(arith::AddFOp::create(b, loc, state, x)) : Value(arith::AddIOp::create(b, loc, state, x));
}

Value identity(OperatorContext &c, StringRef name, Type type) {
  auto &b = c.e.b;
  auto real = dyn_cast<FloatType>(type);
  bool extreme = name == "ReduceMax" || name == "ReduceMin", smallest = name == "ReduceMax";
  if (real && extreme)
    return arith::ConstantOp::create(b, c.e.loc(),
                                     b.getFloatAttr(type, APFloat::getInf(real.getFloatSemantics(), smallest)));
  if (real)
    return c.e.real(type, name == "ReduceProd" ? 1 : 0);
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value = !extreme   ? APInt(width, name == "ReduceProd" ? 1 : 0)
                : smallest ? APInt::getSignedMinValue(width)
                           : APInt::getSignedMaxValue(width);
  return arith::ConstantOp::create(b, c.e.loc(), b.getIntegerAttr(type, value));
}

LogicalResult lowerReduce(OperatorContext &c) {
  StringRef name = c.op->getName().stripDialect();
  const Buffer &x = *c.input(0), &y = *c.output(0);
  FailureOr<SmallVector<bool>> reduced = reducedDims(c);
  if (failed(reduced))
    return failure();
  bool keep = c.integer("keepdims", 1);
  Emitter::Values inner;
  for (auto [extent, drop] : llvm::zip(x.extents, *reduced))
    if (drop)
      inner.push_back(extent);
  Value count = c.e.product(inner);
  c.e.fill(y, [&](ValueRange index) {
    Emitter::Values folded =
        c.e.fold(c.e.i64(0), count, ValueRange{identity(c, name, x.element)}, [&](Value i, ValueRange state) {
          Emitter::Values position = c.e.delinear(i, inner), source;
          size_t nextInner = 0, nextOuter = 0;
          for (bool drop : *reduced) {
            source.push_back(drop ? position[nextInner++] : index[nextOuter]);
            nextOuter += !drop || keep;
          }
          return Emitter::Values{combine(c, name, state[0], c.e.load(x, c.e.linear(source, x.extents)))};
        });
    if (name != "ReduceMean")
      return folded[0];
    Value divisor = arith::SIToFPOp::create(c.e.b, c.e.loc(), x.element, count);
    return Value(arith::DivFOp::create(c.e.b, c.e.loc(), folded[0], divisor));
  });
  return success();
}

/// Lines along an axis: calls body(first, stride, length) for each in parallel.
void forEachLine(OperatorContext &c, const Buffer &x, int64_t axis,
                 llvm::function_ref<void(Value, Value, Value)> body) {
  Value outer = c.e.product(ArrayRef(x.extents).take_front(axis)),
        stride = c.e.product(ArrayRef(x.extents).drop_front(axis + 1));
  Value length = x.extents[axis];
  c.e.parallel(c.e.mul(outer, stride), [&](Value line) {
    Value before = arith::DivUIOp::create(c.e.b, c.e.loc(), line, stride);
    Value after = c.e.sub(line, c.e.mul(before, stride));
    body(c.e.add(c.e.mul(c.e.mul(before, length), stride), after), stride, length);
  });
}

int64_t axisOf(OperatorContext &c, int64_t otherwise) {
  int64_t axis = c.integer("axis", otherwise);
  return axis < 0 ? axis + c.input(0)->rank() : axis;
}

LogicalResult lowerSoftmax(OperatorContext &c) {
  const Buffer &x = *c.input(0), &y = *c.output(0);
  auto &b = c.e.b;
  forEachLine(c, x, axisOf(c, -1), [&](Value first, Value stride, Value length) {
    Location loc = c.e.loc();
    auto at = [&](Value i) { return c.e.add(first, c.e.mul(i, stride)); };
    Value largest =
        c.e.fold(c.e.i64(0), length, ValueRange{identity(c, "ReduceMax", x.element)}, [&](Value i, ValueRange state) {
          return Emitter::Values{arith::MaximumFOp::create(b, loc, state[0], c.e.load(x, at(i)))};
        })[0];
    Value sum = c.e.fold(c.e.i64(0), length, ValueRange{c.e.real(x.element, 0)}, [&](Value i, ValueRange state) {
      Value e = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, c.e.load(x, at(i)), largest));
      c.e.store(y, at(i), e);
      return Emitter::Values{arith::AddFOp::create(b, loc, state[0], e)};
    })[0];
    c.e.serial(c.e.i64(0), length,
               [&](Value i) { c.e.store(y, at(i), arith::DivFOp::create(b, loc, c.e.load(y, at(i)), sum)); });
  });
  return success();
}

/// k rounds of selection; the best element not yet taken, ties to the lower index. Order is descending for largest.
LogicalResult lowerTopK(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  int64_t axis = axisOf(c, -1);
  const Buffer &values = *c.output(0), &indices = *c.output(1);
  bool largest = c.integer("largest", 1);
  auto &b = c.e.b;
  Value k = values.extents[axis];
  forEachLine(c, x, axis, [&](Value first, Value stride, Value length) {
    Location loc = c.e.loc();
    // The line of an output with extent k along the axis: the outer part of `first` scales with k.
    Value block = c.e.mul(length, stride), outer = arith::DivUIOp::create(b, loc, first, block);
    Value begin = c.e.add(c.e.mul(outer, c.e.mul(k, stride)), c.e.sub(first, c.e.mul(outer, block)));
    c.e.serial(c.e.i64(0), k, [&](Value round) {
      auto slot = [&](Value r) { return c.e.add(begin, c.e.mul(r, stride)); };
      Value none = c.e.i64(-1);
      Value worst = identity(c, largest ? "ReduceMax" : "ReduceMin", x.element);
      Emitter::Values best = c.e.fold(c.e.i64(0), length, ValueRange{worst, none}, [&](Value i, ValueRange state) {
        Value taken = c.e.fold(c.e.i64(0), round, ValueRange{arith::ConstantIntOp::create(b, loc, b.getI1Type(), 0)},
                               [&](Value r, ValueRange any) {
                                 Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                                                    c.e.load(indices, slot(r)), i);
                                 return Emitter::Values{arith::OrIOp::create(b, loc, any[0], same)};
                               })[0];
        Value candidate = c.e.load(x, c.e.add(first, c.e.mul(i, stride)));
        Value better =
            isa<FloatType>(x.element)
                ? Value(arith::CmpFOp::create(b, loc, largest ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT,
                                              candidate, state[0]))
                : Value(arith::CmpIOp::create(b, loc, largest ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt,
                                              candidate, state[0]));
        Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, state[1], none);
        Value free = arith::XOrIOp::create(b, loc, taken, arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1));
        Value take = arith::AndIOp::create(b, loc, free, arith::OrIOp::create(b, loc, better, first));
        return Emitter::Values{c.e.select(take, candidate, state[0]), c.e.select(take, i, state[1])};
      });
      c.e.store(values, slot(round), best[0]);
      c.e.store(indices, slot(round), best[1]);
    });
  });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findReduction(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Cases({"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"}, lowerReduce)
      .Case("Softmax", lowerSoftmax)
      .Case("TopK", lowerTopK)
      .Default(nullptr);
}
