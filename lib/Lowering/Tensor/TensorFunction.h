//===- TensorFunction.h - a function of onnx operators, as code -*- C++ -*-===//
//
// Walks a function of onnx operators in order, gives each value a buffer, and
// has each operator generate the code that fills it: @main of a tensor program,
// or what moe.sequence calls. LowerTensor.cpp: the function as a whole; LowerOperator.cpp: one operator;
// ValueMemory.cpp: where values lie; Control.cpp: operators with graphs inside.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LOWERING_TENSOR_TENSORFUNCTION_H
#define JANUS_LOWERING_TENSOR_TENSORFUNCTION_H

#include "lib/Lowering/Tensor/Operators.h"
#include "lib/Lowering/Tensor/TensorSection.h"

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringMap.h"

namespace janus::lowering {
using mlir::Operation;
using mlir::Type;
using mlir::Value;
using onnx::SymExpr;

/// Parts of the workspace: buffers of equal size share a part when their lives do not overlap.
class Workspace {
public:
  /// Offsets are computed where `emitter` stands now, which has to be behind the symbols of the inputs in the entry
  /// block.
  explicit Workspace(Emitter &emitter);

  /// A part that holds `bytes`, which the inputs decide.
  unsigned acquire(const SymExpr &bytes);
  void release(unsigned part) { free_[keys_[part]].push_back(part); }
  /// In bytes; valid everywhere in the function.
  Value offset(unsigned part) const { return offsets_[part]; }
  llvm::ArrayRef<SymExpr> sizes() const { return sizes_; }

private:
  Emitter &e;
  Operation *last_; // of those that compute offsets
  Value end_;
  llvm::SmallVector<Value> offsets_;
  llvm::SmallVector<SymExpr> sizes_;
  llvm::SmallVector<std::string> keys_;
  llvm::StringMap<llvm::SmallVector<unsigned>> free_;
};

/// [JNS-ONNX-007]: an operator, a type or a value that a tensor program cannot have.
mlir::InFlightDiagnostic refuse(Operation *op, llvm::StringRef what);

class TensorFunction {
public:
  /// The first `inputs` arguments are weights where their types are static (Call::weights, in their order); all others
  /// are operands of the call, before the results. `prefix`: of the names of what else the module gets.
  TensorFunction(mlir::func::FuncOp function, int64_t inputs, const std::string &prefix);
  /// Replaces the function by `llvm.func @NAME(call)` and `@NAME.workspace(symbols)`, when `describe` accepts what
  /// there is to say of it.
  llvm::LogicalResult run(llvm::function_ref<llvm::LogicalResult(const TensorSection &)> describe);

private:
  // --- LowerTensor.cpp
  /// A program whose compilation would take hours is refused.
  llvm::LogicalResult checkSize();
  /// Every value has an element type and dimensions that generated code knows.
  llvm::LogicalResult checkTypes();
  llvm::LogicalResult collectSymbols();
  /// Equalities that hold when the graph is right: the runtime checks those that the inputs decide once they have bound
  /// the symbols, generated code the others where it knows their symbols.
  llvm::LogicalResult collectRequirements();
  llvm::StringMap<Value> loadSymbols(Value table);
  llvm::LogicalResult lowerBody();
  /// Symbols that are numbers of an input (onnx.elements).
  llvm::LogicalResult defineElements();
  /// A result whose extents the inputs decide has memory; for any other, memory is taken here, and the values of its
  /// symbols go where the runtime reads them.
  void returnValue(Value value, Value operands, int64_t index);
  void emitWorkspaceFunction();

  // --- LowerOperator.cpp
  bool knows(const SymExpr &expression);
  void checkPending(Operation *op);
  /// Goes on behind a new block when the condition holds; reports an error about `op` and returns otherwise.
  void check(Operation *op, Value condition, const llvm::Twine &what);
  /// Symbols that are extents of the op's results get their values: the operator says how.
  llvm::LogicalResult defineExtents(Operation &op, OperatorContext &context);
  OperatorLowering find(llvm::StringRef name);
  llvm::LogicalResult lowerOp(Operation &op);
  /// By the operator's function: extents of results, their memory, their elements.
  llvm::LogicalResult generate(Operation &op);

  // --- Control.cpp
  llvm::LogicalResult lowerIf(onnx::IfOp choice);
  llvm::LogicalResult lowerLoop(onnx::LoopOp loop);
  /// All operators of a graph inside an operator but its onnx.Yield.
  llvm::LogicalResult lowerGraph(mlir::Block &graph);
  /// An empty block behind all there are.
  mlir::Block *newBlock();
  void copy(const Buffer &from, const Buffer &to);

  // --- ValueMemory.cpp
  Type pointerType();
  mlir::Location loc();
  Value at(Value base, int64_t bytes);
  Value field(Value base, int64_t bytes);
  Value slot(Value table, int64_t index, Type type);
  Value host(int64_t offset);
  Value context();
  /// Memory of the function's frame, made once at entry.
  Value frame(int64_t words);
  Value text(const std::string &value);
  llvm::FailureOr<Buffer> bufferOf(Type type, Value pointer, Operation *op);
  static SymExpr bytesOf(llvm::ArrayRef<SymExpr> shape, Type element);
  Value partPointer(unsigned part);
  /// Whether the inputs decide the extents: such values lie in the workspace, all others in memory taken when they are
  /// made.
  bool isBound(llvm::ArrayRef<SymExpr> dims);
  /// Memory from the host for these extents; the program ends when there is none.
  Value allocate(llvm::ArrayRef<Value> extents, Type element);
  void release(Value memory);
  /// Remembers behind which operator each value is not read any more.
  void findLastUses();
  /// The value whose memory this value lies in.
  Value root(Value value);
  llvm::LogicalResult bind(Value value, Value pointer, Operation *op);
  llvm::LogicalResult allocate(Value value, Value pointer, Operation *op);
  /// Makes memory free of values that nothing reads behind `op`.
  void giveBackOperands(Operation &op);
  void giveBack(Value value);
  Value constantPointer(mlir::ElementsAttr elements);

  mlir::func::FuncOp function_;
  std::string name_, prefix_;
  llvm::SmallVector<std::pair<bool, int64_t>> places_; // of arguments: whether it is a weight, number among these
  int64_t firstResult_ = 0;                            // in Call::operands
  mlir::ModuleOp module_;
  mlir::OpBuilder builder_;
  mlir::LLVM::LLVMFuncOp code_;
  Value call_;
  Emitter *e_ = nullptr;
  Workspace *workspace_ = nullptr;
  TensorSection section_;
  llvm::SmallVector<std::string> symbols_;
  llvm::SmallVector<std::pair<SymExpr, SymExpr>> pending_; // equalities over symbols that are not known yet
  llvm::DenseMap<Value, Buffer> buffers_;
  llvm::DenseMap<Value, Value> outputPointer_;        // of results that an operator writes itself
  llvm::DenseMap<Value, unsigned> parts_;             // of the workspace
  llvm::DenseMap<Value, Value> memory_;               // from the host
  llvm::DenseMap<Value, Operation *> lastUse_;        // in the value's block
  llvm::DenseSet<std::pair<Value, int64_t>> outputs_; // values that lie where the runtime reads the result
  llvm::DenseMap<mlir::Attribute, std::string> constants_;
  llvm::StringMap<std::string> texts_;
};

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_TENSORFUNCTION_H
