// Which dimensions pass through an operator unmixed (DimGroup).
#include "dialects/onnx/IR/Infer.h"

using namespace mlir;

namespace janus::onnx {
Dims dimsOf(Value value) { return value ? getDims(value.getType()).value_or(Dims()) : Dims(); }
int64_t fromFront(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

namespace {
/// One group a dimension, aligned at the end as broadcasting does, where the extents are equal and `keep` holds for
/// the operand's dimension.
Groups aligned(const Dims &in, const Dims &out, function_ref<bool(unsigned)> keep) {
  Groups groups;
  for (unsigned i = 0; i < in.size(); ++i) {
    int64_t j = static_cast<int64_t>(i + out.size()) - static_cast<int64_t>(in.size());
    if (j >= 0 && in[i] == out[j] && keep(i))
      groups.push_back({i, i + 1, static_cast<unsigned>(j), static_cast<unsigned>(j) + 1});
  }
  return groups;
}

/// Blocks of dimensions with equal products, in row-major order: what a reshape keeps.
Groups blocks(ArrayRef<SymExpr> in, ArrayRef<SymExpr> out) {
  Groups groups;
  unsigned i = 0, j = 0;
  while (i < in.size() && j < out.size()) {
    // The smallest end of the operand's block, then of the result's, whose products agree.
    bool found = false;
    SymExpr left(1);
    for (unsigned e = i + 1; e <= in.size() && !found; ++e) {
      left = left * in[e - 1];
      SymExpr right(1);
      for (unsigned f = j + 1; f <= out.size(); ++f) {
        right = right * out[f - 1];
        if (left == right) {
          groups.push_back({i, e, j, f});
          i = e, j = f, found = true;
          break;
        }
      }
    }
    if (!found)
      break;
  }
  // Extents of 1 that are left over belong to the last block.
  while (!groups.empty() && i < in.size() && in[i].isConstant(1))
    groups.back().operandEnd = ++i;
  while (!groups.empty() && j < out.size() && out[j].isConstant(1))
    groups.back().resultEnd = ++j;
  return groups;
}
} // namespace

Groups between(Operation *op, unsigned operand, unsigned result, function_ref<bool(unsigned)> keep) {
  return aligned(dimsOf(getInput(op, operand)), dimsOf(getOutput(op, result)), keep);
}

std::optional<unsigned> carryRows(ArrayRef<DimGroup> groups, unsigned t) {
  unsigned in = 0, out = 0;
  for (const DimGroup &group : groups) {
    if (in == t)
      break;
    if (group.operandBegin != in || group.resultBegin != out || group.operandEnd > t)
      return std::nullopt;
    in = group.operandEnd, out = group.resultEnd;
  }
  return in == t ? std::optional(out) : std::nullopt;
}

Groups rowsNone(Operation *, unsigned, unsigned) { return {}; }

Groups rowsElementwise(Operation *op, unsigned operand, unsigned result) {
  if (isa<ExpandOp>(op) && operand) // the shape is no row of anything
    return {};
  return between(op, operand, result, [](unsigned) { return true; });
}

// Dimensions that keep their extent are not touched (Slice with the whole range, Tile with 1 repeat).
Groups rowsUnscaled(Operation *op, unsigned operand, unsigned result) {
  if (operand)
    return {};
  if (isa<PadOp>(op)) { // a pad of 1 and one of -1 shift a dimension that keeps its extent
    auto pads = getInput(op, 1).getDefiningOp<ConstantValueOp>();
    auto values = pads ? dyn_cast<DenseIntElementsAttr>(pads.getValue()) : nullptr;
    if (!values || llvm::any_of(values.getValues<APInt>(), [](const APInt &pad) { return pad.isNegative(); }))
      return {};
  }
  auto slice = dyn_cast<SliceOp>(op);
  // A slice may reverse a dimension that keeps its extent.
  return between(op, operand, result, [&](unsigned) { return !slice || !slice.getSteps(); });
}

// Along which axis is known only from an operand.
Groups rowsUnaryMixed(Operation *op, unsigned operand, unsigned result) {
  auto axis = getInput(op, 1) ? getInput(op, 1).getDefiningOp<ConstantValueOp>() : nullptr;
  auto value = axis ? dyn_cast<DenseElementsAttr>(axis.getValue()) : nullptr;
  if (operand || !value || value.getNumElements() != 1 || !isa<IntegerType>(value.getElementType()))
    return {};
  int64_t rank = dimsOf(getInput(op, 0)).size(),
          mixed = fromFront((*value.getValues<APInt>().begin()).getSExtValue(), rank);
  return between(op, operand, result, [&](unsigned i) { return i != mixed; });
}

Groups rowsSoftmax(Operation *op, unsigned operand, unsigned result) {
  int64_t rank = dimsOf(getInput(op, 0)).size(),
          mixed = fromFront(op->getAttrOfType<IntegerAttr>("axis").getInt(), rank);
  return between(op, operand, result, [&](unsigned i) { return i != mixed; });
}

Groups rowsAxis(Operation *op, unsigned operand, unsigned result) {
  if (isa<SplitOp>(op) && operand)
    return {};
  int64_t rank = dimsOf(getInput(op, operand)).size(),
          axis = fromFront(op->getAttrOfType<IntegerAttr>("axis").getInt(), rank);
  return between(op, operand, result, [&](unsigned i) { return i != axis; });
}

Groups rowsReduce(Operation *op, unsigned operand, unsigned result) {
  if (operand)
    return {};
  Dims in = dimsOf(getInput(op, 0)), out = dimsOf(getOutput(op, 0));
  SmallVector<bool> reduced(in.size(), !getInput(op, 1) && !op->getAttr("axes"));
  auto mark = [&](int64_t axis) {
    axis = fromFront(axis, in.size());
    if (axis >= 0 && axis < static_cast<int64_t>(in.size()))
      reduced[axis] = true;
  };
  if (auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes"))
    llvm::for_each(axes.asArrayRef(), mark);
  if (Value axes = getInput(op, 1)) {
    auto constant = axes.getDefiningOp<ConstantValueOp>();
    auto value = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
    if (!value || !isa<IntegerType>(value.getElementType()))
      return {};
    for (APInt axis : value.getValues<APInt>())
      mark(axis.getSExtValue());
  }
  bool keep = op->getAttrOfType<IntegerAttr>("keepdims").getInt();
  Groups groups;
  unsigned j = 0;
  for (unsigned i = 0; i < in.size(); ++i) {
    if (!reduced[i])
      groups.push_back({i, i + 1, j, j + 1});
    j += !reduced[i] || keep;
  }
  return j == out.size() ? groups : Groups();
}

Groups rowsReshape(Operation *op, unsigned operand, unsigned result) {
  return operand ? Groups() : blocks(dimsOf(getInput(op, 0)), dimsOf(getOutput(op, 0)));
}

Groups rowsTranspose(Operation *op, unsigned operand, unsigned result) {
  auto transpose = cast<TransposeOp>(op);
  unsigned rank = dimsOf(transpose.getX()).size();
  Groups groups(rank);
  for (unsigned j = 0; j < rank; ++j) {
    unsigned i = transpose.getPerm() ? (*transpose.getPerm())[j] : rank - 1 - j;
    groups[i] = {i, i + 1, j, j + 1};
  }
  return groups;
}

Groups rowsGather(Operation *op, unsigned operand, unsigned result) {
  auto gather = cast<GatherOp>(op);
  Dims data = dimsOf(gather.getData()), indices = dimsOf(gather.getIndices());
  unsigned axis = fromFront(gather.getAxis(), data.size());
  Groups groups;
  if (operand == 1) {
    for (unsigned i = 0; i < indices.size(); ++i)
      groups.push_back({i, i + 1, axis + i, axis + i + 1});
    return groups;
  }
  for (unsigned i = 0; i < data.size(); ++i) {
    unsigned j = i < axis ? i : i + indices.size() - 1;
    if (i != axis)
      groups.push_back({i, i + 1, j, j + 1});
  }
  return groups;
}

Groups rowsGatherElements(Operation *op, unsigned operand, unsigned result) {
  int64_t rank = dimsOf(getInput(op, 0)).size(), axis = fromFront(cast<GatherElementsOp>(op).getAxis(), rank);
  return between(op, operand, result, [&](unsigned i) { return operand == 1 || i != axis; });
}

Groups rowsTopK(Operation *op, unsigned operand, unsigned result) {
  int64_t rank = dimsOf(getInput(op, 0)).size(), axis = fromFront(cast<TopKOp>(op).getAxis(), rank);
  return operand ? Groups() : between(op, operand, result, [&](unsigned i) { return i != axis; });
}

Groups rowsMatMul(Operation *op, unsigned operand, unsigned result) {
  Dims in = dimsOf(getInput(op, operand)), other = dimsOf(getInput(op, 1 - operand)), out = dimsOf(getOutput(op, 0));
  if (in.size() < 2 || other.size() < 2)
    return {};
  unsigned contracted = operand == 0 ? in.size() - 1 : in.size() - 2;
  return aligned(in, out, [&](unsigned i) { return i != contracted; });
}

Groups rowsGemm(Operation *op, unsigned operand, unsigned result) {
  auto gemm = cast<GemmOp>(op);
  if (operand == 2)
    return rowsElementwise(op, operand, result);
  unsigned kept = operand == 0 ? (gemm.getTransA() ? 1 : 0) : (gemm.getTransB() ? 0 : 1), j = operand;
  return {{kept, kept + 1, j, j + 1}};
}

Groups rowsNorm(Operation *op, unsigned operand, unsigned result) {
  if (operand)
    return rowsElementwise(op, operand, result);
  int64_t rank = dimsOf(getInput(op, 0)).size(),
          axis = fromFront(op->getAttrOfType<IntegerAttr>("axis").getInt(), rank);
  return between(op, operand, result, [&](unsigned i) { return i < axis; });
}

Groups rowsSkipNorm(Operation *op, unsigned operand, unsigned result) {
  if (operand > 1 || result == 3)
    return rowsElementwise(op, operand, result);
  unsigned last = dimsOf(getInput(op, operand)).size() - 1;
  return between(op, operand, result, [&](unsigned i) { return i < last; });
}

Groups rowsRotary(Operation *op, unsigned operand, unsigned result) {
  if (operand == (isa<MicrosoftRotaryEmbeddingOp>(op) ? 1 : 3)) { // position_ids [B,S] select rows of the caches
    bool heads = dimsOf(getInput(op, 0)).size() == 4;
    unsigned s = heads ? 2 : 1;
    return dimsOf(getInput(op, operand)).size() == 2 ? Groups{{0, 1, 0, 1}, {1, 2, s, s + 1}} : Groups();
  }
  unsigned last = dimsOf(getInput(op, 0)).size() - 1;
  return operand ? Groups() : between(op, operand, result, [&](unsigned i) { return i < last; });
}

// Sequences of a batch are independent; positions attend to each other. What is kept also keeps the heads of the past.
Groups rowsAttention(Operation *op, unsigned operand, unsigned result) {
  Dims in = dimsOf(getInput(op, operand)), out = dimsOf(getOutput(op, result));
  bool gqa = isa<GroupQueryAttentionOp>(op);
  unsigned past = gqa || isa<LinearAttentionOp, MicrosoftLinearAttentionOp>(op) ? 3 : isa<AttentionOp>(op) ? 4 : 6;
  bool vectors = (gqa && operand > 5) || (isa<MultiHeadAttentionOp>(op) && operand == 3); // tables, a scalar, biases
  if (in.empty() || vectors || !(in[0] == out[0]))
    return {};
  bool mask = (isa<AttentionOp>(op) && operand == 3) || (isa<MultiHeadAttentionOp>(op) && operand == 5);
  if (mask && in.size() != 4) // it lacks the batch
    return {};
  Groups groups{{0, 1, 0, 1}};
  if (result > 0 && operand == past + result - 1)
    groups.push_back({1, 2, 1, 2});
  return groups;
}

// Tokens are independent; router_probs [T,E] lists them flattened.
Groups rowsMoE(Operation *op, unsigned operand, unsigned result) {
  unsigned tokens = dimsOf(getInput(op, 0)).size() - 1;
  if (operand == 1 || (isa<QMoEOp>(op) && operand == 14))
    return {{0, static_cast<unsigned>(dimsOf(getInput(op, operand)).size()) - 1, 0, tokens}};
  Groups groups;
  for (unsigned i = 0; operand == 0 && i < tokens; ++i)
    groups.push_back({i, i + 1, i, i + 1});
  return groups;
}
} // namespace janus::onnx
