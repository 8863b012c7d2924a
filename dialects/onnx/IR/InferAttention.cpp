// Shapes of attention, rotary embedding and the operators that carry a state.
#include "dialects/onnx/IR/Infer.h"

using namespace mlir;

namespace janus::onnx {
namespace {
/// States that two values have equal dimensions; `what` names them.
LogicalResult requireEqual(Operation *op, ShapeContext &c, ArrayRef<SymExpr> a, ArrayRef<SymExpr> b, StringRef what) {
  if (a.size() != b.size())
    return op->emitOpError() << "expects equal ranks of " << what << ", found " << a.size() << " and " << b.size();
  for (auto [x, y] : llvm::zip(a, b))
    if (failed(c.require(op, x, y, what)))
      return failure();
  return success();
}

FailureOr<SymExpr> headSize(Operation *op, const SymExpr &columns, int64_t heads, StringRef what) {
  if (heads < 1)
    return op->emitOpError() << "expects at least one head, found " << heads;
  auto size = SymExpr::divideExactly(columns, SymExpr(heads));
  if (!size)
    return op->emitOpError() << "expects " << what << " columns to be a multiple of " << heads << " heads, found "
                             << columns.str();
  return *size;
}
} // namespace

LogicalResult inferRotary(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0);
  bool microsoft = isa<MicrosoftRotaryEmbeddingOp>(op);
  Value cos = getInput(op, microsoft ? 2 : 1), sin = getInput(op, microsoft ? 3 : 2);
  Dims dims = *c.dims(x);
  if (dims.size() != 3 && dims.size() != 4)
    return op->emitOpError() << "expects an input of rank 3 or 4, found rank " << dims.size();
  if (failed(requireEqual(op, c, *c.dims(cos), *c.dims(sin), "extents of the cos and sin caches")))
    return failure();
  bool positions = getInput(op, microsoft ? 1 : 3) != nullptr;
  if (failed(expectRank(op, c, cos, positions ? 2 : 3,
                        positions ? "caches [positions, angles]" : "caches [B, S, angles]")))
    return failure();
  int64_t heads = op->getAttrOfType<IntegerAttr>("num_heads").getInt();
  if (dims.size() == 3 && heads > 0 && failed(headSize(op, dims[2], heads, "input")))
    return failure();
  c.set(op->getResult(0), c.element(x), dims);
  return success();
}

LogicalResult inferAttention(Operation *op, ShapeContext &c) {
  auto attention = cast<AttentionOp>(op);
  Value given[] = {attention.getQ(), attention.getK(), attention.getV()};
  bool flat = c.dims(given[0])->size() == 3;
  const auto queryCount = static_cast<int64_t>(attention.getQNumHeads().value_or(0));
  const auto kvCount = static_cast<int64_t>(attention.getKvNumHeads().value_or(0));
  const int64_t heads[] = {queryCount, kvCount, kvCount};
  Dims dims[3]; // [B, heads, S, d] each
  for (int i = 0; i < 3; ++i) {
    if (failed(expectRank(op, c, given[i], flat ? 3 : 4, "q, k and v")))
      return failure();
    if (c.element(given[i]) != c.element(given[0]) && i == 1)
      return op->emitOpError() << "expects q and k of one element type, found " << c.element(given[0]) << " and "
                               << c.element(given[1]);
    dims[i] = *c.dims(given[i]);
    if (!flat)
      continue;
    auto size = headSize(op, dims[i][2], heads[i], i ? "key and value" : "query");
    if (failed(size))
      return failure();
    dims[i] = {dims[i][0], SymExpr(heads[i]), dims[i][1], *size};
  }
  auto &[q, k, v] = dims;
  if (failed(c.require(op, q[0], k[0], "batch extents")) || failed(c.require(op, k[0], v[0], "batch extents")) ||
      failed(c.require(op, q[3], k[3], "head columns of q and k")) ||
      failed(c.require(op, k[1], v[1], "heads of k and v")) ||
      failed(c.require(op, k[2], v[2], "positions of k and v")))
    return failure();
  auto qHeads = q[1].constant(), kvHeads = k[1].constant();
  if (qHeads && kvHeads && (*kvHeads == 0 || *qHeads % *kvHeads))
    return op->emitOpError() << "expects the heads of q to be a multiple of those of k, found " << *qHeads << " and "
                             << *kvHeads;
  SymExpr total = k[2];
  Value pastKey = attention.getPastKey(), pastValue = attention.getPastValue();
  if (!pastKey != !pastValue)
    return op->emitOpError() << "expects past_key and past_value both present or both absent";
  if (pastKey) {
    if (failed(expectRank(op, c, pastKey, 4, "past_key")) || failed(expectRank(op, c, pastValue, 4, "past_value")))
      return failure();
    Dims keys = *c.dims(pastKey), values = *c.dims(pastValue);
    if (failed(requireEqual(op, c, {keys[0], keys[1], keys[3]}, {k[0], k[1], k[3]}, "extents of k and past_key")) ||
        failed(requireEqual(op, c, {values[0], values[1], values[2], values[3]}, {v[0], v[1], keys[2], v[3]},
                            "extents of v and past_value")))
      return failure();
    total = total + keys[2];
  }
  if (Value lengths = attention.getNonpadKvSeqlen())
    if (failed(expectRank(op, c, lengths, 1, "nonpad_kv_seqlen")) ||
        failed(c.require(op, (*c.dims(lengths))[0], q[0], "extents of nonpad_kv_seqlen and the batch")))
      return failure();
  if (Value mask = attention.getAttnMask()) { // the last dimension may be shorter than T
    Dims shape = *c.dims(mask), scores{q[0], q[1], q[2]};
    if (shape.empty() || shape.size() > 4)
      return op->emitOpError() << "expects attn_mask of rank 1 to 4, found rank " << shape.size();
    shape.pop_back();
    if (failed(broadcastDims(op, c, scores, shape)))
      return failure();
  }
  Type element = c.element(given[0]);
  c.set(attention.getY(), element, flat ? Dims{q[0], q[2], SymExpr(heads[0]) * v[3]} : Dims{q[0], q[1], q[2], v[3]});
  c.set(attention.getPresentKey(), c.element(given[1]), {k[0], k[1], total, k[3]});
  c.set(attention.getPresentValue(), c.element(given[2]), {v[0], v[1], total, v[3]});
  c.set(attention.getQkMatmulOutput(), element, {q[0], q[1], q[2], total});
  return success();
}

LogicalResult inferGroupQueryAttention(Operation *op, ShapeContext &c) {
  auto gqa = cast<GroupQueryAttentionOp>(op);
  if (failed(expectRank(op, c, gqa.getQuery(), 3, "query")))
    return failure();
  int64_t heads = gqa.getNumHeads(), kvHeads = gqa.getKvNumHeads();
  if (heads <= 0 || kvHeads <= 0 || heads % kvHeads)
    return op->emitOpError() << "expects num_heads to be a multiple of kv_num_heads, found " << heads << " and "
                             << kvHeads;
  Dims q = *c.dims(gqa.getQuery());
  bool packed = !gqa.getKey();
  if (packed == !!gqa.getValue())
    return op->emitOpError() << "expects key and value both present, or both absent for a packed query";
  auto head = SymExpr::divideExactly(q[2], SymExpr(packed ? heads + 2 * kvHeads : heads));
  if (!head)
    return op->emitOpError() << "expects query columns to be a multiple of " << (packed ? heads + 2 * kvHeads : heads)
                             << " heads, found " << q[2].str();
  for (Value kv : {gqa.getKey(), gqa.getValue()}) {
    if (!kv)
      continue;
    if (failed(expectRank(op, c, kv, 3, "key and value")))
      return failure();
    Dims dims = *c.dims(kv);
    if (failed(c.require(op, dims[0], q[0], "batch extents")) ||
        failed(c.require(op, dims[1], q[1], "sequence extents")) ||
        failed(c.require(op, dims[2], *head * SymExpr(kvHeads), "key or value columns")))
      return failure();
  }
  // The cache grows to the total length; with a buffer shared by past and present it keeps its own, larger, extent.
  auto total = c.values(gqa.getTotalSequenceLength());
  SymExpr length = total && total->size() == 1 ? (*total)[0] : SymExpr(0);
  for (Value past : {gqa.getPastKey(), gqa.getPastValue()}) {
    if (!past)
      continue;
    if (failed(expectRank(op, c, past, 4, "past")))
      return failure();
    Dims dims = *c.dims(past);
    if (failed(c.require(op, dims[0], q[0], "batch extents")) ||
        failed(c.require(op, dims[1], SymExpr(kvHeads), "key/value heads")) ||
        failed(c.require(op, dims[3], *head, "head columns")))
      return failure();
    if (gqa.getSlidingWindowCache()) // a windowed cache keeps its capacity
      length = dims[2];
    else if (length.isConstant(0))
      length = dims[2] + q[1];
  }
  if (length.isConstant(0))
    length = q[1];
  c.set(gqa.getOutput(), c.element(gqa.getQuery()), {q[0], q[1], *head * SymExpr(heads)});
  for (Value present : {gqa.getPresentKey(), gqa.getPresentValue()})
    c.set(present, c.element(gqa.getQuery()), {q[0], SymExpr(kvHeads), length, *head});
  c.set(gqa.getOutputQk(), c.element(gqa.getQuery()), {q[0], SymExpr(heads), q[1], length});
  return success();
}

LogicalResult inferMultiHeadAttention(Operation *op, ShapeContext &c) {
  auto attention = cast<MultiHeadAttentionOp>(op);
  Dims q = *c.dims(attention.getQuery());
  int64_t heads = attention.getNumHeads();
  Value key = attention.getKey(), value = attention.getValue();
  SymExpr head, valueHead, keys; // columns of a head of query and key, of value; positions of key and value
  if (q.size() == 5) {           // [B, S, heads, 3, d]
    if (key || value)
      return op->emitOpError() << "expects no key and value beside a packed query";
    if (failed(requireEqual(op, c, {q[2], q[3]}, {SymExpr(heads), SymExpr(3)}, "heads and 3 of a packed query")))
      return failure();
    head = valueHead = q[4], keys = q[1];
  } else {
    if (failed(expectRank(op, c, attention.getQuery(), 3, "query")))
      return failure();
    auto size = headSize(op, q[2], heads, "query");
    if (failed(size))
      return failure();
    if (!key)
      return op->emitOpError() << "expects a key beside a query that is not packed";
    head = *size;
    Dims k = *c.dims(key);
    if (failed(c.require(op, k[0], q[0], "batch extents")))
      return failure();
    if (k.size() == 5) { // [B, T', heads, 2, d]
      if (value || failed(requireEqual(op, c, {k[2], k[3], k[4]}, {SymExpr(heads), SymExpr(2), head},
                                       "heads, 2 and columns of a packed key")))
        return value ? op->emitOpError() << "expects no value beside a packed key" : failure();
      valueHead = head, keys = k[1];
    } else if (!value) {
      return op->emitOpError() << "expects a value beside the key";
    } else if (k.size() == 4) { // [B, heads, T', d]
      if (failed(expectRank(op, c, value, 4, "value")))
        return failure();
      Dims v = *c.dims(value);
      if (failed(requireEqual(op, c, {k[1], k[3]}, {SymExpr(heads), head}, "heads and columns of the key")) ||
          failed(requireEqual(op, c, {v[0], v[1], v[2]}, {k[0], k[1], k[2]}, "extents of key and value")))
        return failure();
      valueHead = v[3], keys = k[2];
    } else {
      if (failed(expectRank(op, c, key, 3, "key")) || failed(expectRank(op, c, value, 3, "value")))
        return failure();
      Dims v = *c.dims(value);
      auto size = headSize(op, v[2], heads, "value");
      if (failed(size) ||
          failed(requireEqual(op, c, {v[0], v[1], k[2]}, {k[0], k[1], q[2]}, "extents of query, key and value")))
        return failure();
      valueHead = *size, keys = k[1];
    }
  }
  SymExpr total = keys;
  if (!attention.getPastKey() != !attention.getPastValue())
    return op->emitOpError() << "expects past_key and past_value both present or both absent";
  for (auto [past, columns] :
       {std::pair(attention.getPastKey(), head), std::pair(attention.getPastValue(), valueHead)}) {
    if (!past)
      continue;
    if (failed(expectRank(op, c, past, 4, "past")))
      return failure();
    Dims dims = *c.dims(past);
    if (failed(requireEqual(op, c, {dims[0], dims[1], dims[3]}, {q[0], SymExpr(heads), columns}, "extents of past")))
      return failure();
    total = dims[2] + keys;
  }
  Type element = c.element(attention.getQuery());
  c.set(attention.getOutput(), element, {q[0], q[1], valueHead * SymExpr(heads)});
  c.set(attention.getPresentKey(), element, {q[0], SymExpr(heads), total, head});
  c.set(attention.getPresentValue(), element, {q[0], SymExpr(heads), total, valueHead});
  c.set(attention.getQk(), element, {q[0], SymExpr(heads), q[1], total});
  return success();
}

LogicalResult inferLinearAttention(Operation *op, ShapeContext &c) {
  int64_t heads = op->getAttrOfType<IntegerAttr>("q_num_heads").getInt(),
          kvHeads = op->getAttrOfType<IntegerAttr>("kv_num_heads").getInt();
  StringRef rule = op->getAttrOfType<StringAttr>("update_rule").getValue();
  for (unsigned i : {0u, 1u, 2u})
    if (failed(expectRank(op, c, getInput(op, i), 3, "query, key and value")))
      return failure();
  Dims q = *c.dims(getInput(op, 0)), k = *c.dims(getInput(op, 1)), v = *c.dims(getInput(op, 2));
  auto head = headSize(op, q[2], heads, "query"), keyHead = headSize(op, k[2], kvHeads, "key"),
       valueHead = headSize(op, v[2], kvHeads, "value");
  if (failed(head) || failed(keyHead) || failed(valueHead))
    return failure();
  if (heads % kvHeads)
    return op->emitOpError() << "expects q_num_heads to be a multiple of kv_num_heads, found " << heads << " and "
                             << kvHeads;
  if (!llvm::is_contained({"linear", "gated", "delta", "gated_delta"}, rule))
    return op->emitOpError() << "expects update_rule linear, gated, delta or gated_delta, found '" << rule << "'";
  bool gated = rule.starts_with("gated"), delta = rule.ends_with("delta");
  if ((gated && !getInput(op, 4)) || (delta && !getInput(op, 5)))
    return op->emitOpError() << "expects decay for a gated rule and beta for a delta rule";
  if (failed(requireEqual(op, c, {k[0], k[1], v[0], v[1]}, {q[0], q[1], q[0], q[1]}, "batch and sequence extents")) ||
      failed(c.require(op, *head, *keyHead, "head columns of query and key")))
    return failure();
  for (unsigned i : {4u, 5u})
    if (Value gate = getInput(op, i)) {
      if (failed(expectRank(op, c, gate, 3, "decay and beta")))
        return failure();
      Dims dims = *c.dims(gate);
      if (failed(requireEqual(op, c, {dims[0], dims[1]}, {q[0], q[1]}, "extents of decay and beta")))
        return failure();
      bool known = dims[2] == SymExpr(kvHeads) || dims[2] == (i == 4 ? k[2] : SymExpr(1));
      if (!known)
        return op->emitOpError() << "expects one decay or beta a head, a decay a key column, or one beta, found "
                                 << dims[2].str();
    }
  Dims state{q[0], SymExpr(kvHeads), *keyHead, *valueHead};
  if (Value past = getInput(op, 3))
    if (failed(requireEqual(op, c, *c.dims(past), state, "extents of past_state")))
      return failure();
  c.set(getOutput(op, 0), c.element(getInput(op, 0)), {q[0], q[1], *valueHead * SymExpr(heads)});
  c.set(getOutput(op, 1), c.element(getInput(op, getInput(op, 3) ? 3 : 0)), state);
  return success();
}

LogicalResult inferCausalConv(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0), weight = getInput(op, 1), bias = getInput(op, 2), past = getInput(op, 3);
  StringRef activation = op->getAttrOfType<StringAttr>("activation").getValue();
  if (!llvm::is_contained({"none", "silu", "swish"}, activation))
    return op->emitOpError() << "expects activation none, silu or swish, found '" << activation << "'";
  if (failed(expectRank(op, c, x, 3, "an input [B, channels, positions]")) ||
      failed(expectRank(op, c, weight, 3, "a weight [channels, 1, k]")))
    return failure();
  Dims dims = *c.dims(x), w = *c.dims(weight);
  if (failed(requireEqual(op, c, {w[0], w[1]}, {dims[1], SymExpr(1)}, "channels of the input and the weight")))
    return failure();
  if (bias && failed(requireEqual(op, c, *c.dims(bias), {dims[1]}, "channels of the input and the bias")))
    return failure();
  Dims state{dims[0], dims[1], w[2] - SymExpr(1)};
  if (past && failed(requireEqual(op, c, *c.dims(past), state, "extents of past_state")))
    return failure();
  c.set(getOutput(op, 0), c.element(x), dims);
  c.set(getOutput(op, 1), c.element(x), state);
  return success();
}
} // namespace janus::onnx
