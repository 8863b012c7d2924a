#include "lib/Recover/InputUses.h"

#include "lib/Recover/RowAnalysis.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace janus::recover {

bool isIntegerTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isInteger() && !tensor.getElementType().isInteger(1);
}

namespace {

constexpr unsigned kMaxFollowed = 256; // values that are looked at behind an input

/// Operators that hand on what they are given, element by element or moved.
bool movesElements(Operation *op) {
  return isa<onnx::IdentityOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::ExpandOp,
             onnx::TransposeOp, onnx::SliceOp, onnx::ConcatOp, onnx::TileOp, onnx::DropoutOp>(op);
}

/// Does a gathered row become the residual stream: does a norm or a weight see it, through sums and casts alone?
bool becomesStream(Value gathered) {
  SmallVector<Value> stack = {gathered};
  llvm::DenseSet<Value> seen;
  while (!stack.empty() && seen.size() < kMaxFollowed) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isa<onnx::SimplifiedLayerNormalizationOp, onnx::RMSNormalizationOp, onnx::LayerNormalizationOp,
              onnx::SkipSimplifiedLayerNormalizationOp, onnx::SkipLayerNormalizationOp, onnx::ReduceMeanOp,
              onnx::GemmOp, onnx::MatMulNBitsOp>(user) ||
          (isa<onnx::MatMulOp>(user) && use.getOperandNumber() == 0))
        return use.getOperandNumber() == 0 || !isa<onnx::GemmOp, onnx::MatMulNBitsOp>(user);
      bool scaled =
          isa<onnx::MulOp, onnx::DivOp, onnx::PowOp>(user) &&
          !isa_and_nonnull<onnx::ShapeInterface>(user->getOperand(1 - use.getOperandNumber()).getDefiningOp());
      if (isa<onnx::CastOp, onnx::AddOp>(user) || movesElements(user) || scaled)
        stack.push_back(user->getResult(0));
    }
  }
  return false;
}

/// Is the value made of inputs, by more than their sizes?
bool dependsOnInputs(Value value) {
  SmallVector<Value> stack = {value};
  llvm::DenseSet<Value> seen;
  while (!stack.empty()) {
    Value next = stack.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || seen.size() == kMaxFollowed)
      return true;
    if (seen.insert(next).second && !isa<onnx::ShapeOp, onnx::SizeOp>(op))
      llvm::append_range(stack, op->getOperands());
  }
  return false;
}

} // namespace

InputUses examineUses(BlockArgument argument) {
  InputUses result;
  SmallVector<Value> stack = {argument};
  llvm::DenseSet<Value> seen;
  while (!stack.empty() && seen.size() < kMaxFollowed) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Type element = cast<RankedTensorType>(value.getType()).getElementType();
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      unsigned at = use.getOperandNumber();
      if (auto conversion = dyn_cast<onnx::CastOp>(user)) {
        if (cast<RankedTensorType>(conversion.getY().getType()).getElementType().isInteger(1))
          result.mask = true;
        else
          stack.push_back(conversion.getY());
      } else if (isa<onnx::TensorScatterOp>(user)) {
        result.written |= user->getOperand(at) == cast<onnx::TensorScatterOp>(user).getWriteIndices();
      } else if (isa<onnx::AttentionOp>(user) && value == cast<onnx::AttentionOp>(user).getNonpadKvSeqlen()) {
        result.valid = true;
      } else if (isa<onnx::GatherOp>(user) && at == 1) {
        result.positions |= isa<FloatType>(cast<RankedTensorType>(user->getOperand(0).getType()).getElementType());
      } else if (isa<onnx::RotaryEmbeddingOp, onnx::MicrosoftRotaryEmbeddingOp, onnx::GroupQueryAttentionOp>(user)) {
        result.positions = true;
      } else if (isa<onnx::MulOp, onnx::MatMulOp, onnx::EinsumOp>(user) && isa<FloatType>(element)) {
        // Positions times frequencies, or rows times a mask.
        bool rows = user->getNumOperands() == 2 && dependsOnInputs(user->getOperand(1 - at));
        (rows ? result.mask : result.positions) = true;
      } else if (isa<onnx::ReduceSumOp, onnx::CumSumOp, onnx::WhereOp, onnx::NotOp, onnx::EqualOp, onnx::GatherOp,
                     onnx::GatherNDOp, onnx::AttentionOp, onnx::MultiHeadAttentionOp>(user)) {
        result.mask = true;
      } else if (isa<onnx::SubOp>(user) && at == 1) { // 1 - mask
        result.mask = true;
      } else if (movesElements(user)) {
        stack.push_back(user->getResult(0));
      }
    }
  }
  return result;
}

BlockArgument findTokens(func::FuncOp step) {
  llvm::SetVector<Value> found, streams;
  step.walk([&](Operation *op) {
    if (!isa<onnx::GatherOp, onnx::GatherBlockQuantizedOp>(op))
      return;
    auto table = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    BlockArgument argument = traceArgument(op->getOperand(1));
    if (!argument || !table || table.getRank() != 2 || isIntegerTensor(op->getResult(0).getType()))
      return;
    found.insert(argument);
    if (becomesStream(op->getResult(0)))
      streams.insert(argument);
  });
  if (found.size() == 1)
    return cast<BlockArgument>(found.front());
  // Several: positions are gathered by, too, rows of rotary tables or embeddings of positions.
  llvm::SmallVector<BlockArgument> left;
  for (Value value : streams)
    if (auto argument = cast<BlockArgument>(value); !examineUses(argument).mask)
      left.push_back(argument);
  return left.size() == 1 ? left.front() : BlockArgument();
}

} // namespace janus::recover
