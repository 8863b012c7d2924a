// Matrix products, sums of products by label, and convolutions. One chain of multiply-adds an output element.
#include "dialects/onnx/IR/OnnxOps.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSwitch.h"
#include <map>

using namespace mlir;
using namespace janus;
using namespace janus::lowering;
using Values = Emitter::Values;

namespace {
constexpr int64_t kLanes = 16;
} // namespace

Value janus::lowering::multiplyAdd(Emitter &e, Value x, Value y, Value z) {
  if (isa<FloatType>(x.getType()))
    return math::FmaOp::create(e.b, e.loc(), x, y, z);
  return e.add(e.mul(x, y), z);
}

Value janus::lowering::dot(Emitter &e, const Buffer &x, Value xBegin, const Buffer &y, Value yBegin, Value length) {
  auto &b = e.b;
  Location loc = e.loc();
  if (!x.element.isF32() || !y.element.isF32())
    return e.fold(e.i64(0), length, ValueRange{e.number(computeType(x.element), 0)}, [&](Value i, ValueRange s) {
      return Values{multiplyAdd(e, e.load(x, e.add(xBegin, i)), e.load(y, e.add(yBegin, i)), s[0])};
    })[0];
  auto vector = VectorType::get({kLanes}, b.getF32Type());
  auto vectorAt = [&](const Buffer &buffer, Value position) {
    return LLVM::LoadOp::create(b, loc, vector, e.address(buffer, position), /*alignment=*/4);
  };
  Value lanes = e.i64(kLanes), whole = e.mul(e.divide(length, lanes), lanes);
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
    return Values{vector::InsertOp::create(b, loc, next, state[0], OpFoldResult(lane))};
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

/// A tensor of matrices seen through a permutation of its dimensions: an index is taken times `strides`.
struct Matrices {
  const Buffer &buffer;
  Values extents, strides;
  SmallVector<bool> single; // extents of 1 at compile time

  Matrices(Emitter &e, const Buffer &buffer) : buffer(buffer), extents(buffer.extents), strides(buffer.rank()) {
    Value stride = e.i64(1);
    for (int64_t d = buffer.rank(); d-- > 0;) {
      strides[d] = stride;
      stride = e.mul(stride, extents[d]);
    }
    for (const onnx::SymExpr &dim : buffer.shape)
      single.push_back(dim.isConstant(1));
  }
  void permute(ArrayRef<int64_t> perm) {
    Matrices old = *this;
    for (auto [to, from] : llvm::enumerate(perm)) {
      extents[to] = old.extents[from];
      strides[to] = old.strides[from];
      single[to] = old.single[from];
    }
  }
  /// Where the matrix of a batch begins: `leading` are the coordinates of the result before its last two.
  Value begin(Emitter &e, ValueRange leading) const {
    Value at = e.i64(0);
    int64_t own = std::max<int64_t>(0, int64_t(extents.size()) - 2);
    for (auto [d, i] : llvm::enumerate(leading.take_back(std::min<int64_t>(own, leading.size())))) {
      Value index = single[d] ? e.i64(0) : e.select(e.equal(extents[d], e.i64(1)), e.i64(0), i);
      at = e.add(at, e.mul(index, strides[d]));
    }
    return at;
  }
};

Value chain(Emitter &e, const Buffer &a, Value aBegin, Value aStep, const Buffer &b, Value bBegin, Value bStep,
            Value length) {
  return e.fold(e.i64(0), length, ValueRange{e.number(computeType(a.element), 0)}, [&](Value k, ValueRange state) {
    Value x = e.load(a, e.add(aBegin, e.mul(k, aStep))), y = e.load(b, e.add(bBegin, e.mul(k, bStep)));
    return Values{multiplyAdd(e, x, y, state[0])};
  })[0];
}

void multiplyMatrices(OperatorContext &c, const Matrices &a, const Matrices &w, double alpha) {
  Emitter &e = c.e;
  size_t aRank = a.extents.size(), wRank = w.extents.size();
  int64_t batch = std::max<int64_t>(0, int64_t(std::max(aRank, wRank)) - 2);
  Value length = a.extents.back(), aStep = a.strides.back(), wStep = wRank > 1 ? w.strides[wRank - 2] : w.strides[0];
  e.fill(*c.output(0), [&](ValueRange index) {
    Value aBegin = a.begin(e, index.take_front(batch)), wBegin = w.begin(e, index.take_front(batch));
    if (aRank > 1)
      aBegin = e.add(aBegin, e.mul(index[batch], a.strides[aRank - 2]));
    if (wRank > 1)
      wBegin = e.add(wBegin, e.mul(index.back(), w.strides.back()));
    Value result = chain(e, a.buffer, aBegin, aStep, w.buffer, wBegin, wStep, length);
    return alpha == 1 ? result : multiply(e, result, e.real(result.getType(), alpha));
  });
}

LogicalResult lowerMatMul(OperatorContext &c) {
  multiplyMatrices(c, Matrices(c.e, *c.input(0)), Matrices(c.e, *c.input(1)), 1);
  return success();
}

/// transBatch: [n, batch..., k] counts as [batch..., n, k]; trans: the last two dimensions change places.
LogicalResult lowerFusedMatMul(OperatorContext &c) {
  Matrices operands[] = {{c.e, *c.input(0)}, {c.e, *c.input(1)}};
  const char *transposed[] = {"transA", "transB"}, *batched[] = {"transBatchA", "transBatchB"};
  for (int i = 0; i < 2; ++i) {
    SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, operands[i].buffer.rank()));
    if (c.integer(batched[i], 0))
      std::rotate(perm.begin(), perm.begin() + 1, perm.end() - 1);
    if (c.integer(transposed[i], 0))
      std::swap(perm.back(), perm[perm.size() - 2]);
    operands[i].permute(perm);
  }
  multiplyMatrices(c, operands[0], operands[1], c.real("alpha", 1));
  return success();
}

LogicalResult lowerGemm(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &a = *c.input(0), &w = *c.input(1);
  bool transA = c.integer("transA", 0), transB = c.integer("transB", 0);
  Value one = e.i64(1), length = transA ? a.extents[0] : a.extents[1];
  Value aRow = transA ? one : a.extents[1], aStep = transA ? a.extents[1] : one;
  Value wColumn = transB ? w.extents[1] : one, wStep = transB ? one : w.extents[1];
  double alpha = c.real("alpha", 1), beta = c.real("beta", 1);
  auto scaled = [&](Value value, double factor) {
    if (factor == 1)
      return value;
    Value by = e.number(value.getType(), factor);
    return product(e, value, by);
  };
  e.fill(*c.output(0), [&](ValueRange index) {
    Value result = scaled(chain(e, a, e.mul(index[0], aRow), aStep, w, e.mul(index[1], wColumn), wStep, length), alpha);
    if (const Buffer *bias = c.input(2))
      result = sum(e, result, scaled(e.loadBroadcast(*bias, index), beta));
    return result;
  });
  return success();
}

LogicalResult lowerEinsum(OperatorContext &c) {
  Emitter &e = c.e;
  SmallVector<size_t> ranks;
  for (const Buffer *input : c.inputs)
    ranks.push_back(input->rank());
  auto labels = onnx::einsumLabels(c.op, ranks);
  if (failed(labels))
    return failure();
  // The extent of a label is the largest it has: 1 broadcasts.
  std::map<std::string, Value> extents;
  for (auto [input, names] : llvm::zip(c.inputs, labels->inputs))
    for (auto [name, extent] : llvm::zip(names, input->extents)) {
      auto [entry, fresh] = extents.try_emplace(name, extent);
      if (!fresh)
        entry->second = e.select(e.equal(entry->second, e.i64(1)), extent, entry->second);
    }
  std::vector<std::string> folded;
  Values inner;
  for (const auto &[name, extent] : extents)
    if (!llvm::is_contained(labels->output, name)) {
      folded.push_back(name);
      inner.push_back(extent);
    }
  Value count = e.product(inner);
  e.fill(*c.output(0), [&](ValueRange index) {
    return e.fold(e.i64(0), count, ValueRange{e.number(computeType(c.output(0)->element), 0)},
                  [&](Value i, ValueRange s) {
                    std::map<std::string, Value> at;
                    for (auto [name, value] : llvm::zip(labels->output, index))
                      at[name] = value;
                    for (auto [name, value] : llvm::zip(folded, e.delinear(i, inner)))
                      at[name] = value;
                    Value term;
                    for (auto [input, names] : llvm::zip(c.inputs, labels->inputs)) {
                      Values position;
                      for (auto [name, extent] : llvm::zip(names, input->extents))
                        position.push_back(e.select(e.equal(extent, e.i64(1)), e.i64(0), at[name]));
                      Value factor = e.load(*input, e.linear(position, input->extents));
                      if (input == c.inputs.back() && term)
                        return Values{multiplyAdd(e, term, factor, s[0])};
                      term = term ? product(e, term, factor) : factor;
                    }
                    return Values{sum(e, s[0], term)};
                  })[0];
  });
  return success();
}

LogicalResult lowerConv(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &w = *c.input(1), &y = *c.output(0);
  int64_t spatial = x.rank() - 2;
  auto list = [&](StringRef name, int64_t count, int64_t otherwise) {
    auto given = c.op->getAttrOfType<DenseI64ArrayAttr>(name);
    return given ? SmallVector<int64_t>(given.asArrayRef()) : SmallVector<int64_t>(count, otherwise);
  };
  SmallVector<int64_t> strides = list("strides", spatial, 1), dilations = list("dilations", spatial, 1);
  StringRef automatic = c.text("auto_pad", "NOTSET");
  Values before;
  for (auto [d, pad] : llvm::enumerate(ArrayRef(list("pads", 2 * spatial, 0)).take_front(spatial))) {
    if (!automatic.starts_with("SAME")) {
      before.push_back(e.i64(automatic == "VALID" ? 0 : pad));
      continue;
    }
    // What is missing to ceil(extent / stride) outputs, shared out; the odd one behind (UPPER) or before (LOWER).
    Value reach = e.add(e.mul(e.sub(w.extents[d + 2], e.i64(1)), e.i64(dilations[d])), e.i64(1));
    Value needed = e.add(e.mul(e.sub(y.extents[d + 2], e.i64(1)), e.i64(strides[d])), reach);
    Value missing = e.max(e.sub(needed, x.extents[d + 2]), e.i64(0));
    before.push_back(e.divide(e.add(missing, e.i64(automatic == "SAME_LOWER" ? 1 : 0)), e.i64(2)));
  }
  Value channels = w.extents[1], perGroup = e.divide(w.extents[0], e.i64(c.integer("group", 1)));
  Values window(w.extents.begin() + 1, w.extents.end());
  Value count = e.product(window);
  e.fill(y, [&](ValueRange index) {
    Value initial = c.input(2) ? e.load(*c.input(2), index[1]) : e.number(computeType(x.element), 0);
    Value firstChannel = e.mul(e.divide(index[1], perGroup), channels);
    return e.fold(e.i64(0), count, ValueRange{initial}, [&](Value i, ValueRange s) {
      Values at = e.delinear(i, window), source{index[0], e.add(firstChannel, at[0])};
      Value inside = e.i1(true);
      for (int64_t d = 0; d < spatial; ++d) {
        Value position =
            e.sub(e.add(e.mul(index[d + 2], e.i64(strides[d])), e.mul(at[d + 1], e.i64(dilations[d]))), before[d]);
        inside = e.both(inside, e.both(e.less(e.i64(-1), position), e.less(position, x.extents[d + 2])));
        source.push_back(position);
      }
      Value next = e.branch(
          inside,
          [&] {
            return multiplyAdd(e, e.load(x, e.linear(source, x.extents)), e.load(w, e.add(e.mul(index[1], count), i)),
                               s[0]);
          },
          [&] { return s[0]; });
      return Values{next};
    })[0];
  });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findProduct(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("MatMul", lowerMatMul)
      .Case("FusedMatMul", lowerFusedMatMul)
      .Case("Gemm", lowerGemm)
      .Case("Einsum", lowerEinsum)
      .Case("Conv", lowerConv)
      .Default(nullptr);
}
