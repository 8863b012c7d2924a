//===- StoredWeight.h - from initializers to moe.weight ---------*- C++ -*-===//
//
// A constant f32 tensor of the graph as a strided view of stored numbers. Transposing and slicing move strides; no
// number is read, except of the tiny tensors that the graph holds inline.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_STOREDWEIGHT_H
#define JANUS_RECOVER_STOREDWEIGHT_H

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"

#include <optional>
#include <string>

namespace janus::recover {

class StoredWeight {
public:
  /// The tensor behind transposes, reshapes and exact casts of an initializer or constant of the function's module;
  /// nothing when there is something else or the numbers are no floating-point ones.
  static std::optional<StoredWeight> trace(mlir::Value value) { return trace(value, nullptr); }
  /// The same where `find` knows the initializers: looking one up in a module takes as long as it has symbols.
  using Find = llvm::function_ref<onnx::InitializerOp(onnx::InitializerValueOp)>;
  static std::optional<StoredWeight> trace(mlir::Value value, Find find);

  llvm::ArrayRef<int64_t> shape() const { return shape_; }
  StoredWeight transpose(llvm::ArrayRef<int64_t> permutation) const;
  /// `count` indices of dimension `dim` from `begin` on, every `step`-th.
  StoredWeight slice(unsigned dim, int64_t begin, int64_t step, int64_t count) const;
  /// Dimension `dim` as two, the second of extent `minor`, which divides it.
  StoredWeight split(unsigned dim, int64_t minor) const;
  /// Without dimension `dim`, at `index` of it.
  StoredWeight drop(unsigned dim, int64_t index) const;
  /// The same numbers under another shape; nothing when strides cannot express it.
  std::optional<StoredWeight> reshape(llvm::ArrayRef<int64_t> shape) const;

  /// A moe.weight in the module of `function`, and its value at the builder's place.
  mlir::Value materialise(mlir::OpBuilder &builder, mlir::func::FuncOp function) const;
  /// The same of parts of one shape under a new first dimension; null when some lie in files and others do not. Parts
  /// that lie in one file at equal distances are one view.
  static mlir::Value stack(mlir::OpBuilder &builder, mlir::func::FuncOp function, llvm::ArrayRef<StoredWeight> parts);
  /// A weight of `size` equal numbers.
  static mlir::Value splat(mlir::OpBuilder &builder, mlir::func::FuncOp function, mlir::Location loc, int64_t size,
                           float number);
  bool isInline() const { return file_.empty(); }

private:
  StoredWeight(mlir::Location loc) : loc_(loc) {}
  /// Elements in row-major order; only of inline ones.
  void appendTo(llvm::SmallVectorImpl<float> &out) const;
  mlir::Attribute view(mlir::MLIRContext *context) const;
  std::string name_;
  mlir::Location loc_;
  std::string file_; // empty: inline
  mlir::Type storage_;
  int64_t offset_ = 0;             // bytes of the file, 0 for inline
  int64_t begin_ = 0;              // elements from there
  mlir::DenseElementsAttr values_; // inline
  llvm::SmallVector<int64_t> shape_, strides_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_STOREDWEIGHT_H
