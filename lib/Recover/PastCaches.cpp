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

namespace {

/// The use of an argument as a past; nothing when it is none.
std::optional<PastCache> pastUse(BlockArgument argument, OpOperand &use) {
  Operation *user = use.getOwner();
  int64_t rank = cast<RankedTensorType>(argument.getType()).getRank();
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
    return PastCache{argument, user, operand, 2,
                     onnx::getOutput(user, key ? places->presentKey : places->presentValue)};
  }
  return std::nullopt;
}

} // namespace

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
