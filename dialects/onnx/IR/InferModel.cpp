// Shapes of matrix products, normalisations and fused language-model operators.
#include "dialects/onnx/IR/Infer.h"

using namespace mlir;

namespace janus::onnx {
namespace {
LogicalResult expectRank(Operation *op, ShapeContext &c, Value value, size_t rank, StringRef what) {
  size_t found = c.dims(value)->size();
  if (found == rank)
    return success();
  return op->emitOpError() << "expects " << what << " of rank " << rank << ", found rank " << found;
}
} // namespace

LogicalResult inferMatMul(Operation *op, ShapeContext &c) {
  auto matmul = cast<MatMulOp>(op);
  Dims a = *c.dims(matmul.getA()), b = *c.dims(matmul.getB());
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
  if (failed(axis) || failed(broadcastDims(op, c, dims, *c.dims(scale))))
    return failure();
  c.set(getOutput(op, 0), c.element(x), dims);
  for (size_t i = *axis; i < dims.size(); ++i)
    dims[i] = SymExpr(1);
  for (unsigned position : {1, 2})
    c.set(getOutput(op, position), Float32Type::get(op->getContext()), dims);
  return success();
}

LogicalResult inferSkipNorm(Operation *op, ShapeContext &c) {
  auto norm = cast<SkipSimplifiedLayerNormalizationOp>(op);
  Dims dims = *c.dims(norm.getX());
  if (dims.empty())
    return op->emitOpError() << "expects an input of rank 1 or more";
  auto sum = broadcastDims(op, c, dims, *c.dims(norm.getSkip()));
  if (failed(sum) || failed(expectRank(op, c, norm.getGamma(), 1, "gamma")) ||
      failed(c.require(op, dims.back(), (*c.dims(norm.getGamma()))[0], "columns of the input and gamma")))
    return failure();
  c.set(norm.getY(), c.element(norm.getX()), *sum);
  c.set(norm.getSum(), c.element(norm.getX()), *sum);
  sum->back() = SymExpr(1);
  c.set(norm.getMean(), Float32Type::get(op->getContext()), *sum);
  c.set(norm.getInvStd(), Float32Type::get(op->getContext()), *sum);
  return success();
}

LogicalResult inferGroupQueryAttention(Operation *op, ShapeContext &c) {
  auto gqa = cast<GroupQueryAttentionOp>(op);
  if (failed(expectRank(op, c, gqa.getQuery(), 3, "query")))
    return failure();
  int64_t heads = gqa.getNumHeads(), kvHeads = gqa.getKvNumHeads();
  if (heads <= 0 || kvHeads <= 0 || heads % kvHeads)
    return op->emitOpError() << "expects num_heads to be a multiple of kv_num_heads, found " << heads << " and "
                             << kvHeads;
  Dims q = *c.dims(gqa.getQuery());
  bool packed = !gqa.getKey();
  if (packed == !!gqa.getValue())
    return op->emitOpError() << "expects key and value both present, or both absent for a packed query";
  auto head = SymExpr::divideExactly(q[2], SymExpr(packed ? heads + 2 * kvHeads : heads));
  if (!head)
    return op->emitOpError() << "expects query columns to be a multiple of " << (packed ? heads + 2 * kvHeads : heads)
                             << " heads, found " << q[2].str();
  for (Value kv : {gqa.getKey(), gqa.getValue()}) {
    if (!kv)
      continue;
    if (failed(expectRank(op, c, kv, 3, "key and value")))
      return failure();
    Dims dims = *c.dims(kv);
    if (failed(c.require(op, dims[0], q[0], "batch extents")) ||
        failed(c.require(op, dims[1], q[1], "sequence extents")) ||
        failed(c.require(op, dims[2], *head * SymExpr(kvHeads), "key or value columns")))
      return failure();
  }
  // The cache grows to the total length; with a buffer shared by past and present it keeps its own, larger, extent.
  auto total = c.values(gqa.getTotalSequenceLength());
  SymExpr length = total && total->size() == 1 ? (*total)[0] : SymExpr(0);
  for (Value past : {gqa.getPastKey(), gqa.getPastValue()}) {
    if (!past)
      continue;
    if (failed(expectRank(op, c, past, 4, "past")))
      return failure();
    Dims dims = *c.dims(past);
    if (failed(c.require(op, dims[0], q[0], "batch extents")) ||
        failed(c.require(op, dims[1], SymExpr(kvHeads), "key/value heads")) ||
        failed(c.require(op, dims[3], *head, "head columns")))
      return failure();
    if (length.isConstant(0))
      length = dims[2] + q[1];
  }
  if (length.isConstant(0))
    length = q[1];
  c.set(gqa.getOutput(), c.element(gqa.getQuery()), {q[0], q[1], *head * SymExpr(heads)});
  for (Value present : {gqa.getPresentKey(), gqa.getPresentValue()})
    c.set(present, c.element(gqa.getQuery()), {q[0], SymExpr(kvHeads), length, *head});
  c.set(gqa.getOutputQk(), c.element(gqa.getQuery()), {q[0], SymExpr(heads), q[1], length});
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
  if (failed(c.require(op, product(ArrayRef<SymExpr>(x).drop_back()), router[0], "tokens of input and router_probs")) ||
      failed(c.require(op, router[1], w1[0], "experts of router_probs and fc1")) ||
      failed(c.require(op, w1[0], w2[0], "experts of fc1 and fc2")) ||
      failed(c.require(op, w1[2], x.back(), "columns of fc1 (laid out [experts, rows, hidden]) and input")) ||
      failed(c.require(op, w2[1], x.back(), "rows of fc2 (laid out [experts, hidden, inner]) and columns of input")))
    return failure();
  bool fused = moe.getActivationType() == "swiglu" && !moe.getFc3ExpertsWeights();
  if (failed(c.require(op, w1[1], w2[2] * SymExpr(fused ? 2 : 1), "rows of fc1 and (gate and up) columns of fc2")))
    return failure();
  c.set(moe.getOutput(), c.element(moe.getInput()), x);
  return success();
}
} // namespace janus::onnx
