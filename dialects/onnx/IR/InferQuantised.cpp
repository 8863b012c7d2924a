// Shapes of operators over integers with scales.
#include "dialects/onnx/IR/Infer.h"

using namespace mlir;

namespace janus::onnx {
namespace {
LogicalResult expectBits(Operation *op, int64_t bits) {
  if (bits == 2 || bits == 4 || bits == 8)
    return success();
  return op->emitOpError() << "expects weights of 2, 4 or 8 bits, found " << bits;
}
LogicalResult expectBytes(Operation *op, ShapeContext &c, Value value, StringRef what) {
  if (c.element(value).isUnsignedInteger(8) || c.element(value).isSignlessInteger(8))
    return success();
  return op->emitOpError() << "expects " << what << " of bytes, found " << c.element(value);
}
} // namespace

LogicalResult inferMatMulNBits(Operation *op, ShapeContext &c) {
  auto matmul = cast<MatMulNBitsOp>(op);
  int64_t k = matmul.getK(), n = matmul.getN(), bits = matmul.getBits(), block = matmul.getBlockSize();
  if (failed(expectBits(op, bits)) || failed(expectBytes(op, c, matmul.getB(), "b")))
    return failure();
  if (k < 1 || n < 1 || block < 16 || (block & (block - 1)) || k > (int64_t{1} << 40) || n > (int64_t{1} << 40))
    return op->emitOpError()
           << "expects positive K and N and a block_size that is a power of two of at least 16, found " << k << ", "
           << n << " and " << block;
  int64_t blocks = (k + block - 1) / block;
  Dims a = *c.dims(matmul.getA()), b = *c.dims(matmul.getB());
  if (a.empty() || failed(c.require(op, a.back(), SymExpr(k), "columns of a and K")))
    return a.empty() ? op->emitOpError() << "expects an input of rank 1 or more" : failure();
  if (failed(c.require(op, product(b), SymExpr(n * blocks * (block * bits / 8)),
                       "bytes of b [N, blocks, bytes of a block]")) ||
      failed(c.require(op, product(*c.dims(matmul.getScales())), SymExpr(n * blocks), "numbers of scales and blocks")))
    return failure();
  if (Value zero = matmul.getZeroPoints()) {
    bool packed = c.element(zero).isUnsignedInteger(8);
    int64_t want = packed ? n * ((blocks * bits + 7) / 8) : n * blocks;
    if (failed(c.require(op, product(*c.dims(zero)), SymExpr(want), "numbers of zero points and blocks")))
      return failure();
  }
  if (Value bias = matmul.getBias())
    if (failed(c.require(op, product(*c.dims(bias)), SymExpr(n), "extents of the bias and N")))
      return failure();
  a.back() = SymExpr(n);
  c.set(matmul.getY(), c.element(matmul.getA()), a);
  return success();
}

LogicalResult inferGatherBlockQuantized(Operation *op, ShapeContext &c) {
  auto gather = cast<GatherBlockQuantizedOp>(op);
  Dims data = *c.dims(gather.getData()), indices = *c.dims(gather.getIndices()), scales = *c.dims(gather.getScales());
  int64_t rank = data.size(), bits = gather.getBits(), block = gather.getBlockSize();
  auto axis = normalizeAxis(op, gather.getGatherAxis(), rank),
       blocked = normalizeAxis(op, gather.getQuantizeAxis(), rank);
  if (failed(axis) || failed(blocked))
    return failure();
  bool bytes = c.element(gather.getData()).isUnsignedInteger(8);
  if (!bytes && c.element(gather.getData()).getIntOrFloatBitWidth() != 4)
    return op->emitOpError() << "expects data of 4-bit integers or bytes, found " << c.element(gather.getData());
  if (bytes && failed(expectBits(op, bits)))
    return failure();
  if (!bytes && bits != 4)
    return op->emitOpError() << "expects bits = 4 with data of 4-bit integers, found " << bits;
  if (*axis == *blocked || block < 16 || (block & (block - 1)))
    return op->emitOpError()
           << "expects gather_axis other than quantize_axis and a block_size that is a power of two of "
              "at least 16, found "
           << *axis << ", " << *blocked << " and " << block;
  if (bytes) { // 8 / bits numbers a byte
    if (*blocked != rank - 1 && bits != 8)
      return op->emitOpError() << "expects packed data to be quantised along its last dimension";
    data.back() = data.back() * SymExpr(8 / bits);
  }
  if (failed(expectRank(op, c, gather.getScales(), rank, "scales")))
    return failure();
  for (int64_t i = 0; i < rank; ++i)
    if (failed(c.require(op, scales[i], i == *blocked ? SymExpr::ceildiv(data[i], SymExpr(block)) : data[i],
                         "extents of scales and blocks of data")))
      return failure();
  if (Value zero = gather.getZeroPoints()) { // packed as data is
    if (c.element(zero) != c.element(gather.getData()))
      return op->emitOpError() << "expects zero_points of the type of data, found " << c.element(zero) << " and "
                               << c.element(gather.getData());
    if (failed(expectRank(op, c, zero, rank, "zero_points")))
      return failure();
    Dims points = *c.dims(zero);
    for (int64_t i = 0; i < rank; ++i)
      if (failed(c.require(op, points[i],
                           bytes && i == rank - 1 ? SymExpr::ceildiv(scales[i], SymExpr(8 / bits)) : scales[i],
                           "extents of zero_points and scales")))
        return failure();
  }
  Dims out(data.begin(), data.begin() + *axis);
  out.append(indices);
  out.append(data.begin() + *axis + 1, data.end());
  c.set(gather.getY(), c.element(gather.getScales()), out);
  return success();
}

LogicalResult inferDequantizeLinear(Operation *op, ShapeContext &c) {
  auto linear = cast<DequantizeLinearOp>(op);
  Dims x = *c.dims(linear.getX()), scale = *c.dims(linear.getXScale());
  int64_t rank = x.size(), block = linear.getBlockSize(), to = linear.getOutputDtype();
  Type element = to ? getElementType(op->getContext(), to) : c.element(linear.getXScale());
  if (!element || !(element.isF32() || element.isF16() || element.isBF16()))
    return op->emitOpError() << "expects scales and output_dtype of float, float16 or bfloat16, found "
                             << c.element(linear.getXScale()) << " and " << to;
  auto isSingle = [](const Dims &dims) { return dims.empty() || (dims.size() == 1 && dims[0].isConstant(1)); };
  bool single = !block && isSingle(scale);
  if (block < 0 || block > (int64_t{1} << 40))
    return op->emitOpError() << "expects a block_size of at least 0, found " << block;
  if (!single) {
    auto axis = normalizeAxis(op, linear.getAxis(), rank);
    if (failed(axis) || failed(expectRank(op, c, linear.getXScale(), block ? rank : 1, "x_scale")))
      return failure();
    for (int64_t i = block ? 0 : *axis; i < (block ? rank : *axis + 1); ++i)
      if (failed(c.require(op, scale[block ? i : 0],
                           block && i == *axis ? SymExpr::ceildiv(x[i], SymExpr(block)) : x[i],
                           "extents of x_scale and x")))
        return failure();
  }
  if (Value zero = linear.getXZeroPoint(); zero && !(single && isSingle(*c.dims(zero)))) {
    if (failed(expectRank(op, c, zero, scale.size(), "x_zero_point")))
      return failure();
    for (auto [point, factor] : llvm::zip(*c.dims(zero), scale))
      if (failed(c.require(op, point, factor, "extents of x_zero_point and x_scale")))
        return failure();
  }
  c.set(linear.getY(), element, x);
  return success();
}

LogicalResult inferQMoE(Operation *op, ShapeContext &c) {
  auto moe = cast<QMoEOp>(op);
  Dims x = *c.dims(moe.getInput()), router = *c.dims(moe.getRouterProbs());
  int64_t bits = moe.getExpertWeightBits(), block = moe.getBlockSize(), k = moe.getK();
  if (failed(expectBits(op, bits)))
    return failure();
  if (x.size() != 2 && x.size() != 3)
    return op->emitOpError() << "expects an input of rank 2 or 3, found rank " << x.size();
  if (router.empty() || (block != 0 && (block < 16 || (block & (block - 1)))))
    return op->emitOpError()
           << "expects router_probs of rank 2 or 3 and a block_size of 0 or a power of two of at least "
              "16, found rank "
           << router.size() << " and " << block;
  const SymExpr experts = router.back(), hidden = x.back();
  if (k < 1 || (experts.constant() && k > *experts.constant()))
    return op->emitOpError() << "expects k in [1, " << experts.str() << "], found " << k;
  if (failed(c.require(op, product(ArrayRef<SymExpr>(x).drop_back()), product(ArrayRef<SymExpr>(router).drop_back()),
                       "tokens of input and router_probs")))
    return failure();
  bool fused = moe.getActivationType() == "swiglu" && !moe.getFc3ExpertsWeights();
  auto inner = SymExpr::divideExactly(
      (*c.dims(moe.getFc1Scales())).size() > 1 ? (*c.dims(moe.getFc1Scales()))[1] : SymExpr(0), SymExpr(fused ? 2 : 1));
  if (!inner)
    return op->emitOpError() << "expects fc1_scales [experts, rows, ...] with gate and up rows, found "
                             << moe.getFc1Scales().getType();
  struct Layer {
    Value weights, scales, bias, zeros;
    SymExpr rows, columns;
    StringRef name;
  };
  SymExpr factor(fused ? 2 : 1), pack(8 / bits);
  for (const Layer &layer : {Layer{moe.getFc1ExpertsWeights(), moe.getFc1Scales(), moe.getFc1ExpertsBias(),
                                   moe.getFc1ZeroPoints(), *inner * factor, hidden, "fc1"},
                             Layer{moe.getFc2ExpertsWeights(), moe.getFc2Scales(), moe.getFc2ExpertsBias(),
                                   moe.getFc2ZeroPoints(), hidden, *inner, "fc2"},
                             Layer{moe.getFc3ExpertsWeights(), moe.getFc3Scales(), moe.getFc3ExpertsBias(),
                                   moe.getFc3ZeroPoints(), *inner, hidden, "fc3"}}) {
    if (!layer.weights)
      continue;
    if (!layer.scales)
      return op->emitOpError() << "expects " << layer.name << "_scales beside its weights";
    if (failed(expectBytes(op, c, layer.weights, "weights")) || failed(expectRank(op, c, layer.weights, 3, "weights")))
      return failure();
    Dims w = *c.dims(layer.weights), s = *c.dims(layer.scales);
    std::string shape = (layer.name + " [experts, rows, columns * bits / 8]").str();
    if (failed(c.require(op, w[0], experts, "experts of router_probs and " + layer.name.str())) ||
        failed(c.require(op, w[1], layer.rows, "rows of " + shape)) ||
        failed(c.require(op, w[2] * pack, layer.columns, "columns of " + shape)))
      return failure();
    SymExpr blocks = block ? SymExpr::ceildiv(layer.columns, SymExpr(block)) : SymExpr(1);
    if (failed(c.require(op, product(s), experts * layer.rows * blocks,
                         "numbers of scales and blocks of " + layer.name.str())))
      return failure();
    if (layer.zeros && failed(expectBytes(op, c, layer.zeros, "zero points")))
      return failure();
    if (layer.zeros &&
        failed(c.require(op, product(*c.dims(layer.zeros)), experts * layer.rows * SymExpr::ceildiv(blocks, pack),
                         "bytes of zero points and blocks of " + layer.name.str())))
      return failure();
    if (layer.bias && failed(c.require(op, product(*c.dims(layer.bias)), experts * layer.rows,
                                       "extents of the bias and rows of " + layer.name.str())))
      return failure();
  }
  if (Value weights = moe.getRouterWeights())
    if (failed(c.require(op, product(*c.dims(weights)), product(router), "extents of router_weights and router_probs")))
      return failure();
  c.set(moe.getOutput(), c.element(moe.getInput()), x);
  return success();
}
} // namespace janus::onnx
