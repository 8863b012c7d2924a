//===- RegionFunction.h - from a region to moe.sequence ---------*- C++ -*-===//
#ifndef JANUS_RECOVER_REGIONS_REGIONFUNCTION_H
#define JANUS_RECOVER_REGIONS_REGIONFUNCTION_H

#include "lib/Recover/Regions/Region.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringMap.h"

namespace janus::recover {

/// Which extents the function has: S, and 1 for the batch.
inline constexpr const char *kSequenceSymbol = "S";

/// On a moe.sequence until recovery ends: what stopped matching, for the warning; absent where nothing is amiss.
inline constexpr llvm::StringLiteral kStoppedAttr = "moe.stopped";

/// Makes the function of a region, for one sequence: batch 1, S rows.
class RegionFunction {
public:
  /// `whole`: the function is given all rows of the sequence, so that row i stands at position i. Otherwise positions
  /// are operands.
  RegionFunction(RowForm &form, const ModelInterface &interface, const RegionFinder &finder, const Region &region,
                 bool whole);

  /// A private function of the module, one of `known` where that is the same, else added to them. `presents`: new
  /// values of region.states, in their order. Null when the region has no such function: `culprit` and `reason` say
  /// why.
  mlir::func::FuncOp build(llvm::ArrayRef<mlir::Value> presents, llvm::StringMap<mlir::func::FuncOp> &known);
  /// The call, its operands converted to rows; the region's outputs are replaced where others use them.
  moe::SequenceOp call(mlir::func::FuncOp function);

  mlir::Operation *culprit = nullptr;
  std::string reason;

private:
  mlir::Type insideType(mlir::Type type);
  mlir::Value inside(mlir::Value value, mlir::Operation *user);
  mlir::Value madeAgain(mlir::Value value, mlir::Operation *user);
  mlir::Value argumentByContract(mlir::BlockArgument argument, mlir::Operation *user);
  mlir::Value sizes(llvm::ArrayRef<onnx::SymExpr> values, mlir::Location loc);
  mlir::Value filled(mlir::RankedTensorType type, double number, mlir::Location loc);
  mlir::Value size(const onnx::SymExpr &value, mlir::Location loc);
  bool clone(mlir::Operation *op);
  mlir::Value addArgument(mlir::Type type, mlir::Location loc);
  mlir::Value reshaped(mlir::Value value, mlir::RankedTensorType type, mlir::Location loc);
  mlir::Value converted(mlir::Value value, mlir::RankedTensorType type, mlir::Location loc);
  mlir::Value constant(mlir::DenseElementsAttr value, mlir::Location loc);
  mlir::Operation *make(llvm::StringRef name, mlir::ValueRange operands, mlir::Type type, mlir::Location loc,
                        llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  std::nullptr_t fail(mlir::Operation *op, const llvm::Twine &why);

  RowForm &form_;
  ModelInterface interface_;
  const RegionFinder &finder_;
  const Region &region_;
  bool whole_;
  mlir::OpBuilder builder_, outer_;
  mlir::func::FuncOp function_;
  std::map<std::string, onnx::SymExpr> substitution_;
  mlir::IRMapping mapping_;
  llvm::SmallVector<mlir::Value> operands_; // of the call, in the order of the function's arguments
  mlir::Value length_;                      // S as tensor<1xi64>, once it is made
};

} // namespace janus::recover

#endif // JANUS_RECOVER_REGIONS_REGIONFUNCTION_H
