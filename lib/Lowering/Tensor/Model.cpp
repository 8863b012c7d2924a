#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;

namespace {
constexpr int64_t kLanes = 16;
} // namespace

Value janus::lowering::dot(Emitter &e, const Buffer &x, Value xBegin, const Buffer &y, Value yBegin, Value length) {
  auto &b = e.b;
  Location loc = e.loc();
  auto vector = VectorType::get({kLanes}, b.getF32Type());
  auto vectorAt = [&](const Buffer &buffer, Value position) {
    return LLVM::LoadOp::create(b, loc, vector, e.address(buffer, position), /*alignment=*/4);
  };
  Value lanes = e.i64(kLanes), whole = e.mul(arith::DivUIOp::create(b, loc, length, lanes), lanes);
  auto loop = scf::ForOp::create(b, loc, e.i64(0), whole, lanes,
                                 ValueRange{arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, 0.0f))});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    Value sum = vector::FMAOp::create(b, loc, vectorAt(x, e.add(xBegin, i)), vectorAt(y, e.add(yBegin, i)),
                                      loop.getRegionIterArg(0));
    scf::YieldOp::create(b, loc, sum);
  }
  // The tail goes to lanes 0, 1, ..., as further terms of their chains.
  Value sums = e.fold(whole, length, loop.getResults(), [&](Value i, ValueRange state) {
    Value lane = arith::IndexCastOp::create(b, loc, b.getIndexType(), e.sub(i, whole));
    Value old = vector::ExtractOp::create(b, loc, state[0], OpFoldResult(lane));
    Value next = math::FmaOp::create(b, loc, e.load(x, e.add(xBegin, i)), e.load(y, e.add(yBegin, i)), old);
    return Emitter::Values{vector::InsertOp::create(b, loc, next, state[0], OpFoldResult(lane))};
  })[0];
  for (int64_t half = kLanes / 2; half; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < half; ++lane)
      low.push_back(lane), high.push_back(lane + half);
    sums = arith::AddFOp::create(b, loc, vector::ShuffleOp::create(b, loc, sums, sums, low),
                                 vector::ShuffleOp::create(b, loc, sums, sums, high));
  }
  return vector::ExtractOp::create(b, loc, sums, ArrayRef<int64_t>{0});
}

namespace {

/// One FMA chain over k for each output, over matrices given by strides.
Value chain(Emitter &e, const Buffer &a, Value aBegin, Value aStep, const Buffer &b, Value bBegin, Value bStep,
            Value length) {
  return e.fold(e.i64(0), length, ValueRange{e.real(a.element, 0)}, [&](Value k, ValueRange state) {
    Value x = e.load(a, e.add(aBegin, e.mul(k, aStep))), y = e.load(b, e.add(bBegin, e.mul(k, bStep)));
    return Emitter::Values{math::FmaOp::create(e.b, e.loc(), x, y, state[0])};
  })[0];
}

LogicalResult lowerMatMul(OperatorContext &c) {
  const Buffer &a = *c.input(0), &w = *c.input(1), &y = *c.output(0);
  if (!isa<FloatType>(a.element) || a.rank() < 1 || w.rank() < 1)
    return c.op->emitOpError("expects floating-point matrices");
  int64_t batch = std::max<int64_t>(0, std::max(a.rank(), w.rank()) - 2);
  Value k = a.extents.back(), one = c.e.i64(1);
  Value n = w.rank() > 1 ? w.extents.back() : one;
  // A batch coordinate of the result in an operand with fewer or broadcast leading dimensions.
  auto matrix = [&](const Buffer &buffer, ValueRange leading) {
    Emitter::Values index, extents;
    int64_t own = std::max<int64_t>(0, buffer.rank() - 2);
    for (auto [i, shape, extent] : llvm::zip(leading.take_back(own), ArrayRef(buffer.shape).take_front(own),
                                             ArrayRef(buffer.extents).take_front(own))) {
      index.push_back(shape.isConstant(1) ? c.e.i64(0) : i);
      extents.push_back(extent);
    }
    return c.e.mul(c.e.linear(index, extents), c.e.product(ArrayRef(buffer.extents).drop_front(own)));
  };
  c.e.fill(y, [&](ValueRange index) {
    Value row = a.rank() > 1 ? index[batch] : c.e.i64(0), column = w.rank() > 1 ? index.back() : c.e.i64(0);
    Value aBegin = c.e.add(matrix(a, index.take_front(batch)), c.e.mul(row, k));
    Value wBegin = c.e.add(matrix(w, index.take_front(batch)), column);
    return chain(c.e, a, aBegin, one, w, wBegin, n, k);
  });
  return success();
}

LogicalResult lowerGemm(OperatorContext &c) {
  const Buffer &a = *c.input(0), &w = *c.input(1);
  auto &b = c.e.b;
  bool transA = c.integer("transA", 0), transB = c.integer("transB", 0);
  Value one = c.e.i64(1), k = transA ? a.extents[0] : a.extents[1];
  Value aRow = transA ? one : a.extents[1], aStep = transA ? a.extents[1] : one;
  Value wColumn = transB ? w.extents[1] : one, wStep = transB ? one : w.extents[1];
  double alpha = c.real("alpha", 1), beta = c.real("beta", 1);
  c.e.fill(*c.output(0), [&](ValueRange index) {
    Value sum = chain(c.e, a, c.e.mul(index[0], aRow), aStep, w, c.e.mul(index[1], wColumn), wStep, k);
    if (alpha != 1)
      sum = arith::MulFOp::create(b, c.e.loc(), sum, c.e.real(a.element, alpha));
    if (const Buffer *bias = c.input(2)) {
      Value term = c.e.loadBroadcast(*bias, index);
      if (beta != 1)
        term = arith::MulFOp::create(b, c.e.loc(), term, c.e.real(a.element, beta));
      sum = arith::AddFOp::create(b, c.e.loc(), sum, term);
    }
    return sum;
  });
  return success();
}

/// Normalises `count` rows of `length` elements of x into y; `mean` subtracts the mean first (layer normalisation).
void normalise(OperatorContext &c, const Buffer &x, const Buffer &y, const Buffer &scale, const Buffer *bias, bool mean,
               Value count, Value length) {
  auto &b = c.e.b;
  double epsilon = c.real("epsilon", 1e-5);
  c.e.parallel(
      count,
      [&](Value row) {
        Location loc = c.e.loc();
        Value begin = c.e.mul(row, length), zero = c.e.real(x.element, 0);
        Value divisor = arith::SIToFPOp::create(b, loc, x.element, length);
        auto at = [&](Value i) { return c.e.load(x, c.e.add(begin, i)); };
        Value centre = zero;
        if (mean) {
          Value sum = c.e.fold(c.e.i64(0), length, ValueRange{zero}, [&](Value i, ValueRange s) {
            return Emitter::Values{arith::AddFOp::create(b, loc, s[0], at(i))};
          })[0];
          centre = arith::DivFOp::create(b, loc, sum, divisor);
        }
        Value squares = c.e.fold(c.e.i64(0), length, ValueRange{zero}, [&](Value i, ValueRange s) {
          Value difference = arith::SubFOp::create(b, loc, at(i), centre);
          return Emitter::Values{
              arith::AddFOp::create(b, loc, s[0], arith::MulFOp::create(b, loc, difference, difference))};
        })[0];
        Value variance = arith::AddFOp::create(b, loc, arith::DivFOp::create(b, loc, squares, divisor),
                                               c.e.real(x.element, epsilon));
        Value deviation = math::SqrtOp::create(b, loc, variance);
        c.e.serial(c.e.i64(0), length, [&](Value i) {
          Value normal = arith::DivFOp::create(b, loc, arith::SubFOp::create(b, loc, at(i), centre), deviation);
          Value result = arith::MulFOp::create(b, loc, normal, c.e.load(scale, i));
          if (bias)
            result = arith::AddFOp::create(b, loc, result, c.e.load(*bias, i));
          c.e.store(y, c.e.add(begin, i), result);
        });
      },
      1);
}

LogicalResult lowerNorm(OperatorContext &c) {
  const Buffer &x = *c.input(0);
  int64_t axis = c.integer("axis", -1);
  axis = axis < 0 ? axis + x.rank() : axis;
  for (unsigned extra = 1; extra < c.outputs.size(); ++extra)
    if (c.output(extra))
      return c.op->emitOpError("has output ") << extra << " in use; only the normalised tensor is generated";
  bool mean = c.op->getName().stripDialect() == "LayerNormalization";
  normalise(c, x, *c.output(0), *c.input(1), c.input(2), mean, c.e.product(ArrayRef(x.extents).take_front(axis)),
            c.e.product(ArrayRef(x.extents).drop_front(axis)));
  return success();
}

LogicalResult lowerSkipNorm(OperatorContext &c) {
  const Buffer &x = *c.input(0), &skip = *c.input(1);
  if (c.output(1) || c.output(2))
    return c.op->emitOpError("has mean or inv_std in use; only the normalised tensor and the sum are generated");
  Buffer sum = c.output(3) ? *c.output(3) : c.scratch(x.element, x.shape);
  c.e.fill(sum, [&](ValueRange index) {
    Value s = arith::AddFOp::create(c.e.b, c.e.loc(), c.e.loadBroadcast(x, index), c.e.loadBroadcast(skip, index));
    if (c.input(3))
      s = arith::AddFOp::create(c.e.b, c.e.loc(), s, c.e.loadBroadcast(*c.input(3), index));
    return s;
  });
  normalise(c, sum, *c.output(0), *c.input(2), nullptr, false, c.e.product(ArrayRef(x.extents).drop_back()),
            x.extents.back());
  return success();
}

} // namespace

namespace janus::lowering {
LogicalResult lowerGroupQueryAttention(OperatorContext &c);
LogicalResult lowerMoE(OperatorContext &c);
} // namespace janus::lowering

OperatorLowering janus::lowering::findModel(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("MatMul", lowerMatMul)
      .Case("Gemm", lowerGemm)
      .Cases({"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"}, lowerNorm)
      .Case("SkipSimplifiedLayerNormalization", lowerSkipNorm)
      .Case("GroupQueryAttention", lowerGroupQueryAttention)
      .Case("MoE", lowerMoE)
      .Default(nullptr);
}
