#include "lib/Recover/PastCaches.h"

#include "lib/Recover/ModelInterface.h"

using namespace mlir;

namespace janus::recover {

std::optional<PastOperands> pastOperands(Operation *op) {
  if (isa<onnx::GroupQueryAttentionOp>(op))
    return PastOperands{3, 4, 1, 2};
  if (isa<onnx::AttentionOp>(op))
    return PastOperands{4, 5, 1, 2};
  if (isa<onnx::MultiHeadAttentionOp>(op))
    return PastOperands{6, 7, 1, 2};
  return std::nullopt;
}

bool isCacheWrite(Operation *op) { return isa<onnx::TensorScatterOp, onnx::ScatterElementsOp, onnx::ScatterNDOp>(op); }

namespace {

SmallVector<int64_t> permutationOf(onnx::TransposeOp op) {
  int64_t rank = cast<RankedTensorType>(op.getX().getType()).getRank();
  SmallVector<int64_t> result;
  for (int64_t i = 0; i < rank; ++i)
    result.push_back(op.getPerm() ? (*op.getPerm())[i] : rank - 1 - i);
  return result;
}

/// The use of an argument, perhaps with its dimensions permuted, as the data of a scatter.
std::optional<PastCache> writtenCache(BlockArgument argument, OpOperand &use) {
  int64_t rank = cast<RankedTensorType>(argument.getType()).getRank();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(rank));
  OpOperand *at = &use;
  if (auto transpose = dyn_cast<onnx::TransposeOp>(use.getOwner()); transpose && transpose.getY().hasOneUse()) {
    order = permutationOf(transpose);
    at = &*transpose.getY().use_begin();
  }
  Operation *scatter = at->getOwner();
  if (!isCacheWrite(scatter) || at->getOperandNumber() != 0)
    return std::nullopt;
  int64_t slot = 0;
  if (auto axis = scatter->getAttrOfType<IntegerAttr>("axis"))
    slot = axis.getInt() < 0 ? axis.getInt() + rank : axis.getInt();
  if (auto nd = dyn_cast<onnx::ScatterNDOp>(scatter)) { // the last index of the tuple is that of the slot
    auto indices = onnx::getDims(nd.getIndices().getType());
    auto tuple = indices && !indices->empty() ? indices->back().constant() : std::nullopt;
    slot = tuple.value_or(0) - 1;
  }
  if (slot < 0 || slot >= rank || order[slot] == 0)
    return std::nullopt;
  Value present = scatter->getResult(0);
  for (Operation *user : scatter->getResult(0).getUsers())
    if (auto back = dyn_cast<onnx::TransposeOp>(user)) {
      SmallVector<int64_t> permutation = permutationOf(back);
      if (llvm::all_of(llvm::seq<int64_t>(rank), [&](int64_t d) { return order[permutation[d]] == d; }))
        present = back.getY();
    }
  return PastCache{
      argument, scatter, 0, static_cast<unsigned>(order[slot]), present, true, static_cast<unsigned>(slot)};
}

/// The use of an argument as a past; nothing when it is none.
std::optional<PastCache> pastUse(BlockArgument argument, OpOperand &use) {
  Operation *user = use.getOwner();
  int64_t rank = cast<RankedTensorType>(argument.getType()).getRank();
  if (auto written = writtenCache(argument, use))
    return written;
  if (auto concat = dyn_cast<onnx::ConcatOp>(user)) {
    int64_t axis = concat.getAxis();
    axis = axis < 0 ? axis + rank : axis;
    if (concat->getNumOperands() != 2 || use.getOperandNumber() != 0 || axis < 0 || axis >= rank)
      return std::nullopt;
    return PastCache{argument, user, 0, static_cast<unsigned>(axis), concat->getResult(0)};
  }
  if (auto places = pastOperands(user)) {
    bool key = onnx::getInput(user, places->pastKey) == argument;
    unsigned operand = key ? places->pastKey : places->pastValue;
    if (rank != 4 || onnx::getInput(user, operand) != argument)
      return std::nullopt;
    PastCache cache{argument, user, operand, 2, onnx::getOutput(user, key ? places->presentKey : places->presentValue)};
    // A buffer that past and present share has an extent of its own: seqlens_k says how much of it is valid.
    cache.fixed =
        isa<onnx::GroupQueryAttentionOp>(user) && (*onnx::getDims(argument.getType()))[2].constant().has_value();
    return cache;
  }
  return std::nullopt;
}

} // namespace

bool isWritten(BlockArgument argument, OpOperand &use) { return writtenCache(argument, use).has_value(); }

std::optional<SmallVector<PastCache>> findCaches(func::FuncOp step, PastProblem &problem) {
  SmallVector<PastCache> caches;
  for (BlockArgument argument : step.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || type.getRank() < 3 || inputRole(argument) == "state")
      continue;
    std::optional<PastCache> found;
    for (OpOperand &use : argument.getUses()) {
      if (isa<onnx::ShapeOp, onnx::SizeOp>(use.getOwner())) // sizes are those of the contract
        continue;
      auto cache = pastUse(argument, use);
      if (!cache || found) {
        problem = {use.getOwner(), "uses the input of " + std::to_string(type.getRank()) +
                                       " dimensions in another way than to put it before new keys or values" +
                                       (found ? ", a second time" : "")};
        return std::nullopt;
      }
      found = cache;
    }
    if (found)
      caches.push_back(*found);
  }
  return caches;
}

} // namespace janus::recover
