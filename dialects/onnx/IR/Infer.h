//===- Infer.h - the implementations of the shape interface ------*- C++ -*-===//
// Private to the dialect: one function a family of operators; OnnxOps.td names them. The files Infer*.cpp hold them.
#pragma once
#include "dialects/onnx/IR/OnnxOps.h"

namespace janus::onnx {
using Operation = mlir::Operation;
using Result = llvm::LogicalResult;

// InferBasic.cpp
Result inferSame(Operation *op, ShapeContext &c);
Result inferBroadcast(Operation *op, ShapeContext &c);
Result inferCompare(Operation *op, ShapeContext &c);
Result inferWhere(Operation *op, ShapeContext &c);
Result inferCast(Operation *op, ShapeContext &c);
Result inferCastLike(Operation *op, ShapeContext &c);
Result inferBitCast(Operation *op, ShapeContext &c);
Result inferPredicate(Operation *op, ShapeContext &c);
Result inferDropout(Operation *op, ShapeContext &c);
Result inferConstant(Operation *op, ShapeContext &c);
// InferReduce.cpp
Result inferReduce(Operation *op, ShapeContext &c);
Result inferArgReduce(Operation *op, ShapeContext &c);
Result inferTopK(Operation *op, ShapeContext &c);
Result inferEinsum(Operation *op, ShapeContext &c);
// InferLayout.cpp
Result inferReshape(Operation *op, ShapeContext &c);
Result inferTranspose(Operation *op, ShapeContext &c);
Result inferSqueeze(Operation *op, ShapeContext &c);
Result inferUnsqueeze(Operation *op, ShapeContext &c);
Result inferFlatten(Operation *op, ShapeContext &c);
Result inferExpand(Operation *op, ShapeContext &c);
Result inferTile(Operation *op, ShapeContext &c);
Result inferConcat(Operation *op, ShapeContext &c);
Result inferSplit(Operation *op, ShapeContext &c);
// InferIndexing.cpp
Result inferSlice(Operation *op, ShapeContext &c);
Result inferShapeOf(Operation *op, ShapeContext &c);
Result inferSize(Operation *op, ShapeContext &c);
Result inferConstantOfShape(Operation *op, ShapeContext &c);
Result inferRange(Operation *op, ShapeContext &c);
Result inferEyeLike(Operation *op, ShapeContext &c);
Result inferPad(Operation *op, ShapeContext &c);
// InferGather.cpp
Result inferGather(Operation *op, ShapeContext &c);
Result inferGatherElements(Operation *op, ShapeContext &c);
Result inferGatherND(Operation *op, ShapeContext &c);
Result inferScatterElements(Operation *op, ShapeContext &c);
Result inferScatterND(Operation *op, ShapeContext &c);
Result inferTensorScatter(Operation *op, ShapeContext &c);
Result inferOneHot(Operation *op, ShapeContext &c);
Result inferNonZero(Operation *op, ShapeContext &c);
Result inferCompress(Operation *op, ShapeContext &c);
// InferModel.cpp
Result inferMatMul(Operation *op, ShapeContext &c);
Result inferGemm(Operation *op, ShapeContext &c);
Result inferNorm(Operation *op, ShapeContext &c);
Result inferSkipNorm(Operation *op, ShapeContext &c);
Result inferMoE(Operation *op, ShapeContext &c);
Result inferFusedMatMul(Operation *op, ShapeContext &c);
Result inferConv(Operation *op, ShapeContext &c);
// InferAttention.cpp
Result inferRotary(Operation *op, ShapeContext &c);
Result inferAttention(Operation *op, ShapeContext &c);
Result inferGroupQueryAttention(Operation *op, ShapeContext &c);
Result inferMultiHeadAttention(Operation *op, ShapeContext &c);
Result inferLinearAttention(Operation *op, ShapeContext &c);
Result inferCausalConv(Operation *op, ShapeContext &c);
// InferQuantised.cpp
Result inferMatMulNBits(Operation *op, ShapeContext &c);
Result inferGatherBlockQuantized(Operation *op, ShapeContext &c);
Result inferDequantizeLinear(Operation *op, ShapeContext &c);
Result inferQMoE(Operation *op, ShapeContext &c);
// InferControl.cpp
Result inferIf(Operation *op, ShapeContext &c);
Result inferLoop(Operation *op, ShapeContext &c);

// RowEffect.cpp
using Groups = llvm::SmallVector<DimGroup>;
Groups rowsNone(Operation *op, unsigned operand, unsigned result);
Groups rowsElementwise(Operation *op, unsigned operand, unsigned result);
Groups rowsUnscaled(Operation *op, unsigned operand, unsigned result);
Groups rowsUnaryMixed(Operation *op, unsigned operand, unsigned result);
Groups rowsSoftmax(Operation *op, unsigned operand, unsigned result);
Groups rowsAxis(Operation *op, unsigned operand, unsigned result);
Groups rowsReduce(Operation *op, unsigned operand, unsigned result);
Groups rowsReshape(Operation *op, unsigned operand, unsigned result);
Groups rowsTranspose(Operation *op, unsigned operand, unsigned result);
Groups rowsGather(Operation *op, unsigned operand, unsigned result);
Groups rowsGatherElements(Operation *op, unsigned operand, unsigned result);
Groups rowsTopK(Operation *op, unsigned operand, unsigned result);
Groups rowsMatMul(Operation *op, unsigned operand, unsigned result);
Groups rowsGemm(Operation *op, unsigned operand, unsigned result);
Groups rowsNorm(Operation *op, unsigned operand, unsigned result);
Groups rowsSkipNorm(Operation *op, unsigned operand, unsigned result);
Groups rowsRotary(Operation *op, unsigned operand, unsigned result);
Groups rowsAttention(Operation *op, unsigned operand, unsigned result);
Groups rowsMoE(Operation *op, unsigned operand, unsigned result);
Groups rowsMatMulNBits(Operation *op, unsigned operand, unsigned result);
Groups rowsGatherBlockQuantized(Operation *op, unsigned operand, unsigned result);
Groups rowsConv(Operation *op, unsigned operand, unsigned result);
Groups rowsCausalConv(Operation *op, unsigned operand, unsigned result);
Groups rowsEinsum(Operation *op, unsigned operand, unsigned result);
Groups rowsCastLike(Operation *op, unsigned operand, unsigned result);
Groups rowsDropout(Operation *op, unsigned operand, unsigned result);
Groups rowsArgReduce(Operation *op, unsigned operand, unsigned result);
Groups rowsTrilu(Operation *op, unsigned operand, unsigned result);
Groups rowsGatherND(Operation *op, unsigned operand, unsigned result);
Groups rowsScatterElements(Operation *op, unsigned operand, unsigned result);
Groups rowsScatterND(Operation *op, unsigned operand, unsigned result);
Groups rowsTensorScatter(Operation *op, unsigned operand, unsigned result);
Groups rowsOneHot(Operation *op, unsigned operand, unsigned result);
Groups rowsCompress(Operation *op, unsigned operand, unsigned result);

// Helpers of row effects (RowEffect.cpp).
Dims dimsOf(mlir::Value value);
int64_t fromFront(int64_t axis, int64_t rank);
/// One group a dimension, aligned at the end as broadcasting does, where the extents are equal and `keep` holds for the
/// operand's dimension.
Groups between(Operation *op, unsigned operand, unsigned result, llvm::function_ref<bool(unsigned)> keep);

// Helpers.
/// `axis` counted from the front; fails with an error when it is outside [-rank, rank).
llvm::FailureOr<int64_t> normalizeAxis(Operation *op, int64_t axis, int64_t rank);
/// Whether the inputs have element types that the operator takes (ElementTypes.cpp); fails with an error otherwise.
Result checkElementTypes(Operation *op, ShapeContext &c);
/// The broadcast of two dimensions; fails with an error on `op` when they contradict each other.
llvm::FailureOr<SymExpr> broadcastDim(Operation *op, ShapeContext &c, const SymExpr &a, const SymExpr &b);
llvm::FailureOr<Dims> broadcastDims(Operation *op, ShapeContext &c, llvm::ArrayRef<SymExpr> a,
                                    llvm::ArrayRef<SymExpr> b);
SymExpr product(llvm::ArrayRef<SymExpr> dims);
/// Fails with an error unless the value has this rank.
Result expectRank(Operation *op, ShapeContext &c, mlir::Value value, size_t rank, llvm::StringRef what);
/// The extent of a list of integers (rank 1, known extent): the rank of a shape, the number of axes.
llvm::FailureOr<int64_t> listLength(Operation *op, ShapeContext &c, mlir::Value list, llvm::StringRef what);
/// Axes by value, counted from the front of `rank` dimensions, none twice; nothing when they are known only at run
/// time.
llvm::FailureOr<std::optional<llvm::SmallVector<int64_t>>> knownAxes(Operation *op, ShapeContext &c, mlir::Value axes,
                                                                     int64_t rank);
/// The result's dimensions where all of them are known only from data: `rank` new symbols.
Dims freshDims(ShapeContext &c, llvm::StringRef stem, int64_t rank, const std::optional<SymExpr> &bound = std::nullopt);

// OnnxAssembly.cpp: `(%a, none, %b) {attributes} : (types) -> types`, `none` for an absent optional.
} // namespace janus::onnx

namespace janus::onnx {
mlir::ParseResult parseOperator(mlir::OpAsmParser &parser, mlir::OperationState &state, llvm::StringRef inputs,
                                llvm::StringRef outputs);
void printOperator(mlir::OpAsmPrinter &printer, Operation *op, llvm::StringRef inputs, llvm::StringRef outputs);
} // namespace janus::onnx
