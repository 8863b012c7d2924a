// Shapes of matrix products, normalisations and fused language-model operators.
#include "dialects/onnx/IR/Infer.h"

using namespace mlir;

namespace janus::onnx {
namespace {
/// The product of two tensors of matrices; a vector counts as a row on the left and as a column on the right.
FailureOr<Dims> productDims(Operation *op, ShapeContext &c, Dims a, Dims b) {
  if (c.element(getInput(op, 0)) != c.element(getInput(op, 1)))
    return op->emitOpError() << "expects operands of one element type, found " << c.element(getInput(op, 0)) << " and "
                             << c.element(getInput(op, 1));
  if (a.empty() || b.empty())
    return op->emitOpError() << "expects operands of rank 1 or more";
  bool vectorA = a.size() == 1, vectorB = b.size() == 1;
  if (vectorA)
    a.insert(a.begin(), SymExpr(1));
  if (vectorB)
    b.push_back(SymExpr(1));
  if (failed(c.require(op, a.back(), b[b.size() - 2], "inner extents")))
    return failure();
  auto out = broadcastDims(op, c, ArrayRef<SymExpr>(a).drop_back(2), ArrayRef<SymExpr>(b).drop_back(2));
  if (failed(out))
    return failure();
  if (!vectorA)
    out->push_back(a[a.size() - 2]);
  if (!vectorB)
    out->push_back(b.back());
  return out;
}
} // namespace

LogicalResult inferMatMul(Operation *op, ShapeContext &c) {
  auto out = productDims(op, c, *c.dims(op->getOperand(0)), *c.dims(op->getOperand(1)));
  if (failed(out))
    return failure();
  c.set(op->getResult(0), c.element(op->getOperand(0)), *out);
  return success();
}

LogicalResult inferFusedMatMul(Operation *op, ShapeContext &c) {
  auto matmul = cast<FusedMatMulOp>(op);
  Dims a = *c.dims(matmul.getA()), b = *c.dims(matmul.getB());
  for (auto [dims, transposed, batch] : {std::tuple(&a, matmul.getTransA(), matmul.getTransBatchA()),
                                         std::tuple(&b, matmul.getTransB(), matmul.getTransBatchB())}) {
    if (dims->size() < 2 && (transposed || batch))
      return op->emitOpError() << "expects matrices, found rank " << dims->size();
    if (batch) // [n, batch..., k] -> [batch..., n, k]
      std::rotate(dims->begin(), dims->begin() + 1, dims->end() - 1);
    if (transposed)
      std::swap(dims->back(), dims->end()[-2]);
  }
  auto out = productDims(op, c, a, b);
  if (failed(out))
    return failure();
  c.set(matmul.getY(), c.element(matmul.getA()), *out);
  return success();
}

LogicalResult inferGemm(Operation *op, ShapeContext &c) {
  auto gemm = cast<GemmOp>(op);
  if (failed(expectRank(op, c, gemm.getA(), 2, "A")) || failed(expectRank(op, c, gemm.getB(), 2, "B")))
    return failure();
  Dims a = *c.dims(gemm.getA()), b = *c.dims(gemm.getB());
  if (gemm.getTransA())
    std::swap(a[0], a[1]);
  if (gemm.getTransB())
    std::swap(b[0], b[1]);
  if (failed(c.require(op, a[1], b[0], "inner extents")))
    return failure();
  c.set(gemm.getY(), c.element(gemm.getA()), {a[0], b[1]});
  return success();
}

LogicalResult inferNorm(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0), scale = getInput(op, 1);
  Dims dims = *c.dims(x);
  auto axis = normalizeAxis(op, op->getAttrOfType<IntegerAttr>("axis").getInt(), dims.size());
  if (failed(axis))
    return failure();
  for (Value vector : {scale, getInput(op, 2)})
    if (vector) {
      auto joined = broadcastDims(op, c, dims, *c.dims(vector));
      if (failed(joined))
        return failure();
      if (joined->size() != dims.size())
        return op->emitOpError() << "expects scale and bias of at most rank " << dims.size();
    }
  c.set(getOutput(op, 0), c.element(x), dims);
  for (size_t i = *axis; i < dims.size(); ++i)
    dims[i] = SymExpr(1);
  for (unsigned position : {1, 2})
    c.set(getOutput(op, position), Float32Type::get(op->getContext()), dims);
  return success();
}

LogicalResult inferSkipNorm(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0), skip = getInput(op, 1), gamma = getInput(op, 2);
  Dims dims = *c.dims(x);
  if (dims.empty())
    return op->emitOpError() << "expects an input of rank 1 or more";
  auto sum = broadcastDims(op, c, dims, *c.dims(skip));
  if (failed(sum))
    return failure();
  for (unsigned position : {2u, 3u, 4u}) // gamma, beta and bias, or gamma and bias
    if (Value vector = getInput(op, position))
      if (failed(expectRank(op, c, vector, 1, vector == gamma ? "gamma" : "beta and bias")) ||
          failed(c.require(op, dims.back(), (*c.dims(vector))[0],
                           vector == gamma ? "columns of the input and gamma" : "columns of the input and a vector")))
        return failure();
  c.set(getOutput(op, 0), c.element(x), *sum);
  c.set(getOutput(op, 3), c.element(x), *sum);
  sum->back() = SymExpr(1);
  c.set(getOutput(op, 1), Float32Type::get(op->getContext()), *sum);
  c.set(getOutput(op, 2), Float32Type::get(op->getContext()), *sum);
  return success();
}

LogicalResult inferConv(Operation *op, ShapeContext &c) {
  auto conv = cast<ConvOp>(op);
  Dims x = *c.dims(conv.getX()), w = *c.dims(conv.getW());
  if (x.size() < 3 || x.size() != w.size())
    return op->emitOpError() << "expects x and w of one rank of at least 3, found " << x.size() << " and " << w.size();
  size_t spatial = x.size() - 2;
  auto list = [&](std::optional<ArrayRef<int64_t>> given, size_t count, int64_t value) {
    return given ? SmallVector<int64_t>(*given) : SmallVector<int64_t>(count, value);
  };
  SmallVector<int64_t> strides = list(conv.getStrides(), spatial, 1), dilations = list(conv.getDilations(), spatial, 1),
                       pads = list(conv.getPads(), 2 * spatial, 0);
  auto tooSmall = [](int64_t n) { return n < 1 || n > (int64_t{1} << 31); };
  if (strides.size() != spatial || dilations.size() != spatial || pads.size() != 2 * spatial ||
      llvm::any_of(strides, tooSmall) || llvm::any_of(dilations, tooSmall) ||
      llvm::any_of(pads, [](int64_t n) { return n < 0 || n > (int64_t{1} << 31); }))
    return op->emitOpError() << "expects " << spatial << " positive strides and dilations and " << 2 * spatial
                             << " pads of at least 0";
  int64_t group = conv.getGroup();
  if (group < 1 || failed(c.require(op, x[1], w[1] * SymExpr(group), "channels of x and group times those of w")))
    return group < 1 ? op->emitOpError() << "expects a group of at least 1, found " << group : failure();
  if (conv.getB() &&
      (failed(expectRank(op, c, conv.getB(), 1, "b")) ||
       failed(c.require(op, (*c.dims(conv.getB()))[0], w[0], "extents of b and channels of the result"))))
    return failure();
  Dims out{x[0], w[0]};
  for (size_t i = 0; i < spatial; ++i) {
    SymExpr reach = (w[2 + i] - SymExpr(1)) * SymExpr(dilations[i]) + SymExpr(1), extent = x[2 + i];
    if (conv.getAutoPad() == "SAME_UPPER" || conv.getAutoPad() == "SAME_LOWER")
      out.push_back(SymExpr::ceildiv(extent, SymExpr(strides[i])));
    else
      out.push_back(SymExpr::floordiv(extent + SymExpr(pads[i] + pads[spatial + i]) - reach, SymExpr(strides[i])) +
                    SymExpr(1));
  }
  c.set(conv.getY(), c.element(conv.getX()), out);
  return success();
}

LogicalResult inferMoE(Operation *op, ShapeContext &c) {
  auto moe = cast<MoEOp>(op);
  Dims x = *c.dims(moe.getInput());
  if (x.size() != 2 && x.size() != 3)
    return op->emitOpError() << "expects an input of rank 2 or 3, found rank " << x.size();
  if (failed(expectRank(op, c, moe.getRouterProbs(), 2, "router_probs")) ||
      failed(expectRank(op, c, moe.getFc1ExpertsWeights(), 3, "fc1")) ||
      failed(expectRank(op, c, moe.getFc2ExpertsWeights(), 3, "fc2")))
    return failure();
  Dims router = *c.dims(moe.getRouterProbs()), w1 = *c.dims(moe.getFc1ExpertsWeights()),
       w2 = *c.dims(moe.getFc2ExpertsWeights());
  int64_t k = moe.getK();
  if (k < 1 || (router[1].constant() && k > *router[1].constant()))
    return op->emitOpError() << "expects k in [1, " << router[1].str() << "], found " << k;
  const SymExpr hidden = x.back(), fused(moe.getActivationType() == "swiglu" && !moe.getFc3ExpertsWeights() ? 2 : 1);
  // Weights were once described as [E, H, f I] and [E, I, H]. Files with such shapes hold either what these say, or
  // bytes of [E, f I, H] and [E, H, I], which is how ONNX Runtime reads them.
  if (w1[1] == hidden && w2[2] == hidden && w1[2] == w2[1] * fused && !(w1[2] == hidden && w2[1] == hidden))
    return op->emitError()
           << "[JNS-ONNX-012] 'onnx.MoE' op has weights of the shapes [E, H, f*I] and [E, I, H], which old files have, "
              "and not [E, f*I, H] and [E, H, I]; hint: --moe-weight-layout=rows reads their bytes as "
              "the latter, as ONNX Runtime does, --moe-weight-layout=columns as the former";
  if (failed(c.require(op, product(ArrayRef<SymExpr>(x).drop_back()), router[0], "tokens of input and router_probs")) ||
      failed(c.require(op, router[1], w1[0], "experts of router_probs and fc1")) ||
      failed(c.require(op, w1[0], w2[0], "experts of fc1 and fc2")) ||
      failed(c.require(op, w1[2], hidden, "columns of fc1 (laid out [experts, rows, hidden]) and input")) ||
      failed(c.require(op, w2[1], hidden, "rows of fc2 (laid out [experts, hidden, inner]) and columns of input")))
    return failure();
  if (failed(c.require(op, w1[1], w2[2] * fused, "rows of fc1 and (gate and up) columns of fc2")))
    return failure();
  c.set(moe.getOutput(), c.element(moe.getInput()), x);
  return success();
}
} // namespace janus::onnx
