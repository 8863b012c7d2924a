//===- ModelInterface.h - what the inputs of the candidate are --*- C++ -*-===//
//
// The language-model contract: all tokens are valid, so that the mask is all ones; a token's position is the number of
// tokens before it; past keys and values are those of exactly these tokens. `janus-bind-interface` writes the
// attributes that this reads.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_MODELINTERFACE_H
#define JANUS_RECOVER_MODELINTERFACE_H

#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace janus::recover {

/// On an argument of @step: "tokens", "positions", "mask", "past", "state"; "written", the number of past tokens, or
/// "valid", that of all tokens, where the caches have a fixed size.
inline constexpr llvm::StringLiteral kInputAttr = "moe.input";
/// On @step, while its graph has caches: the number of tokens in them, a symbol.
inline constexpr llvm::StringLiteral kPastAttr = "moe.past";

/// On @step: the slots of caches of fixed size, an expression. Key j lies in slot j; what lies behind is not defined.
inline constexpr llvm::StringLiteral kSlotsAttr = "moe.slots";

struct ModelInterface {
  onnx::SymExpr batch, sequence;      // the token ids' extents; batch is 1 where the ids have one dimension
  onnx::SymExpr past;                 // 0 where the graph has no caches
  std::optional<onnx::SymExpr> slots; // of caches of fixed size
  onnx::SymExpr keys() const { return past + sequence; }

  /// Nothing when the function carries no such attributes.
  static std::optional<ModelInterface> read(mlir::func::FuncOp step);
};

llvm::StringRef inputRole(mlir::BlockArgument argument);

/// The number of positions that a configuration beside the model's file states: context_length of a genai_config.json,
/// else max_position_embeddings of a config.json; nothing where neither does.
std::optional<int64_t> configuredContext(mlir::ModuleOp module);

/// Gives the extents of all values of the graph, arguments behind the step's own included, other expressions.
void replaceExtents(mlir::func::FuncOp step, llvm::function_ref<onnx::SymExpr(const onnx::SymExpr &)> replace);

} // namespace janus::recover

#endif // JANUS_RECOVER_MODELINTERFACE_H
