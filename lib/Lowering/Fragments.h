//===- Fragments.h - facts about outlined fragments -------------*- C++ -*-===//
//
// What the passes of the stage agree on: attribute names, the symbol that
// counts the rows of a value, and the weight table of a fragment function.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_LOWERING_FRAGMENTS_H
#define JANUS_LIB_LOWERING_FRAGMENTS_H

#include "janus/ABI/Program.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace janus::lowering {

inline constexpr const char *kRole = "janus.role";     // of a fragment function: "attention", "expert"
inline constexpr const char *kInputs = "janus.inputs"; // of a fragment function: leading arguments that are inputs
inline constexpr const char *kSequence =
    "janus.sequence";                                // unit: of a function of onnx operators that moe.sequence calls
inline constexpr const char *kRows = "janus.rows";   // of an argument: the symbol of its rows
inline constexpr const char *kLayer = "janus.layer"; // of a call, of a moe.sequence
inline constexpr const char *kCache = "janus.cache"; // of a call
inline constexpr const char *kPrograms = "janus.programs"; // of the module
inline constexpr const char *kWeights = "janus.weights";
inline constexpr const char *kModel = "janus.model";
inline constexpr const char *kTransfers = "janus.transfers";
inline constexpr const char *kTensor = "janus.tensor"; // of the module of a tensor program: the manifest's section

/// "rows", "step_rows", "pairs", "wanted".
llvm::StringRef symbolName(int64_t symbol);
/// The inverse; -1 for anything else.
int64_t symbolOf(llvm::StringRef name);

/// Elements of one row: the product of the dimensions after the first.
int64_t columnsOf(mlir::Type type);
bool isAssignment(mlir::Type type);

/// Which abi::Symbol counts the rows of each activation.
class RowSymbols {
public:
  void set(mlir::Value value, int64_t symbol) { symbols[value] = symbol; }
  bool has(mlir::Value value) const { return symbols.contains(value); }
  int64_t get(mlir::Value value) const { return symbols.lookup(value); }
  /// Sets the results of an operation of the model from its operands.
  void visit(mlir::Operation *op);

private:
  llvm::DenseMap<mlir::Value, int64_t> symbols;
};

/// How a weight is packed (docs/artifact.md).
enum class WeightLayout { kRows, kPanel, kExpertUp };
/// Its name for weights of this type: their numbers are f32 or, in panels, quantised.
std::string layoutName(WeightLayout layout, mlir::Type type);
/// How the numbers of a weight of this type are packed in panels.
abi::WeightFormat formatOf(mlir::Type type);

/// One entry of a fragment's weight table: the function arguments it is made of (gate and up are one), and how it is
/// packed.
struct WeightEntry {
  WeightLayout layout;
  bool perExpert;
  llvm::SmallVector<mlir::Value, 2> parts;
};

/// The weight table of a fragment, in order of first use.
struct WeightTable {
  llvm::SmallVector<WeightEntry> entries;
  /// Position of the entry with these parts and layout; makes it if there is none.
  unsigned add(WeightLayout layout, bool perExpert, llvm::ArrayRef<mlir::Value> parts);
};

/// Visits the operations of a fragment function (or block) in order and lists the weights they use.
WeightTable collectWeights(mlir::Block &block);

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_FRAGMENTS_H
