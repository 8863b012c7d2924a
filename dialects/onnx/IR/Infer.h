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
Result inferReduce(Operation *op, ShapeContext &c);
Result inferConstant(Operation *op, ShapeContext &c);
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
Result inferGather(Operation *op, ShapeContext &c);
Result inferGatherElements(Operation *op, ShapeContext &c);
Result inferTopK(Operation *op, ShapeContext &c);
Result inferNonZero(Operation *op, ShapeContext &c);
// InferModel.cpp
Result inferMatMul(Operation *op, ShapeContext &c);
Result inferGemm(Operation *op, ShapeContext &c);
Result inferNorm(Operation *op, ShapeContext &c);
Result inferSkipNorm(Operation *op, ShapeContext &c);
Result inferGroupQueryAttention(Operation *op, ShapeContext &c);
Result inferMoE(Operation *op, ShapeContext &c);

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

// Helpers.
/// `axis` counted from the front; fails with an error when it is outside [-rank, rank).
llvm::FailureOr<int64_t> normalizeAxis(Operation *op, int64_t axis, int64_t rank);
/// The broadcast of two dimensions; fails with an error on `op` when they contradict each other.
llvm::FailureOr<SymExpr> broadcastDim(Operation *op, ShapeContext &c, const SymExpr &a, const SymExpr &b);
llvm::FailureOr<Dims> broadcastDims(Operation *op, ShapeContext &c, llvm::ArrayRef<SymExpr> a,
                                    llvm::ArrayRef<SymExpr> b);
SymExpr product(llvm::ArrayRef<SymExpr> dims);

// OnnxAssembly.cpp: `(%a, none, %b) {attributes} : (types) -> types`, `none` for an absent optional.
} // namespace janus::onnx

namespace janus::onnx {
mlir::ParseResult parseOperator(mlir::OpAsmParser &parser, mlir::OperationState &state, llvm::StringRef inputs,
                                llvm::StringRef outputs);
void printOperator(mlir::OpAsmPrinter &printer, Operation *op, llvm::StringRef inputs, llvm::StringRef outputs);
} // namespace janus::onnx
