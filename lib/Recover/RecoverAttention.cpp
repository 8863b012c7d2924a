#include "janus/Recover/Passes.h"
#include "lib/Recover/RowAnalysis.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/StoredWeight.h"
#include "lib/Recover/UniformValues.h"

#include <cmath>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERATTENTIONPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::notRecovered;
using recover::RowForm;
using recover::StoredWeight;

/// Rotary tables as weights in the module.
struct Rotary {
  StoredWeight cos, sin;
  int64_t dim;
};

std::optional<Rotary> traceRotary(Value cos, Value sin) {
  auto c = StoredWeight::trace(cos), s = StoredWeight::trace(sin);
  if (!c || !s || c->shape().size() != 2 || c->shape() != s->shape())
    return std::nullopt;
  return Rotary{*c, *s, 2 * c->shape()[1]};
}

Value rotate(OpBuilder &builder, const RowForm &form, Location loc, Value x, const Rotary &rotary, int64_t headDim,
             bool interleaved) {
  Value cos = rotary.cos.materialise(builder, form.step()), sin = rotary.sin.materialise(builder, form.step());
  return moe::RotaryOp::create(builder, loc, x.getType(), x, form.argument(recover::kPositions), cos, sin,
                               builder.getI64IntegerAttr(headDim), builder.getI64IntegerAttr(rotary.dim),
                               builder.getBoolAttr(interleaved));
}

int64_t columnsOf(Value rows) { return cast<RankedTensorType>(rows.getType()).getShape()[1]; }

Value columns(OpBuilder &builder, const RowForm &form, Location loc, Value x, int64_t offset, int64_t count) {
  return moe::ColumnsOp::create(builder, loc, form.rowsType(count), x, builder.getI64IntegerAttr(offset));
}

/// The argument that states each new token's position, [batch, sequence] like the tokens.
bool isPositions(const RowForm &form, Value value) {
  BlockArgument argument = recover::traceArgument(value);
  auto tokens = form.step()->getAttrOfType<IntegerAttr>(recover::kTokensAttr).getInt();
  return argument && argument.getArgNumber() != tokens &&
         onnx::getDims(argument.getType()) == onnx::getDims(form.step().getArgument(tokens).getType());
}

struct RecoverAttention : impl::RecoverAttentionPassBase<RecoverAttention> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    int64_t cache = 0;
    for (Operation &op : llvm::make_early_inc_range(step.front())) {
      if (auto rotary = dyn_cast<onnx::RotaryEmbeddingOp>(op))
        (void)rewriteRotary(form, rotary);
      else if (auto attention = dyn_cast<onnx::GroupQueryAttentionOp>(op))
        if (succeeded(rewriteAttention(form, attention, cache)))
          ++cache;
    }
  }

  LogicalResult rewriteRotary(const RowForm &form, onnx::RotaryEmbeddingOp op) {
    Type type = op.getX().getType();
    auto rotary = traceRotary(op.getCosCache(), op.getSinCache());
    if (!rotary)
      return notRecovered(op, "cos and sin are no constant tables [positions, rotary / 2], alike");
    if (!op.getPositionIds() || !isPositions(form, op.getPositionIds()))
      return notRecovered(op, "its positions are no argument of the model, one for each token");
    auto width = form.columns(type);
    int64_t last = cast<RankedTensorType>(type).getShape().back();
    int64_t heads = op.getNumHeads() ? static_cast<int64_t>(op.getNumHeads()) : 0;
    if (!width || (form.isWhole(type) && !heads && op.getRotaryEmbeddingDim()))
      return notRecovered(op, "expects num_heads for a partial rotation");
    int64_t headDim = !form.isWhole(type) ? last : heads ? *width / heads : rotary->dim;
    if (op.getRotaryEmbeddingDim() && static_cast<int64_t>(op.getRotaryEmbeddingDim()) != rotary->dim)
      return notRecovered(op, "rotary_embedding_dim differs from the tables' width");
    if (*width % headDim || rotary->dim > headDim)
      return notRecovered(op, "heads of " + Twine(headDim) + " columns do not fit " + Twine(*width) + " columns");
    OpBuilder builder(op);
    Value rows = form.toRows(builder, op.getX());
    if (!rows)
      return notRecovered(op, "its input is not f32 by row");
    Value y = rotate(builder, form, op.getLoc(), rows, *rotary, headDim, op.getInterleaved() != 0);
    op.getY().replaceAllUsesWith(form.fromRows(builder, y, type));
    op.erase();
    return success();
  }

  /// What the operator may not ask for.
  LogicalResult checkSupported(onnx::GroupQueryAttentionOp op) {
    if (op.getCausal() != 1)
      return notRecovered(op, "causal = 0");
    if (op.getAttentionBias())
      return notRecovered(op, "an attention bias");
    if (op.getQkOutput() || (op.getOutputQk() && !op.getOutputQk().use_empty()))
      return notRecovered(op, "qk_output");
    if (op.getKScale() || op.getVScale() || op.getKQuantType() != "NONE" || op.getVQuantType() != "NONE" ||
        op.getKvCacheBitWidth())
      return notRecovered(op, "a quantised cache (JNS-ONNX-030)");
    if (op.getQNormWeight() || op.getKNormWeight())
      return notRecovered(op, "query and key norms inside the operator (JNS-ONNX-030)");
    if (op.getSlidingWindowCache())
      return notRecovered(op, "sliding_window_cache (JNS-ONNX-030)");
    for (Value past : {op.getPastKey(), op.getPastValue()})
      if (past && (!isa<BlockArgument>(past) || !past.hasOneUse()))
        return notRecovered(op, "its past is no argument of its own");
    for (Value present : {op.getPresentKey(), op.getPresentValue()})
      if (present && !present.use_empty())
        return notRecovered(op, "its present is used by other operators");
    return success();
  }

  /// Are the lengths those of all past and all new tokens?
  LogicalResult checkLengths(const RowForm &form, onnx::GroupQueryAttentionOp op) {
    auto last = recover::evaluateUniform(op.getSeqlensK());
    auto total = recover::evaluateUniform(op.getTotalSequenceLength());
    if (!last || !last->mask)
      return notRecovered(op, "seqlens_k is not computed from the attention mask in a known way");
    auto dims = onnx::getDims(last->mask.getType());
    auto tokens = form.step()->getAttrOfType<IntegerAttr>(recover::kTokensAttr).getInt();
    if (last->mask.getArgNumber() == tokens || !dims || last->value + onnx::SymExpr(1) != (*dims)[1])
      return notRecovered(op, "seqlens_k is " + last->value.str() +
                                  " when all tokens are valid, expected the mask's length less 1");
    if (!total || total->value != (*dims)[1])
      return notRecovered(op, "total_sequence_length is not the length of the attention mask");
    return success();
  }

  Value sinks(OpBuilder &builder, const RowForm &form, onnx::GroupQueryAttentionOp op) {
    int64_t heads = op.getNumHeads();
    if (!op.getHeadSink()) { // smooth softmax adds exp(0)
      auto type = RankedTensorType::get({heads}, builder.getF32Type());
      OpBuilder::InsertPoint here = builder.saveInsertionPoint();
      builder.setInsertionPoint(form.step());
      auto zeros = moe::WeightOp::create(builder, op.getLoc(), builder.getStringAttr("moe:sinks"), TypeAttr::get(type),
                                         ArrayAttr(), DenseElementsAttr::get(type, 0.0f));
      StringAttr symbol = SymbolTable(getOperation()).insert(zeros);
      builder.restoreInsertionPoint(here);
      return moe::GetWeightOp::create(builder, op.getLoc(), type, FlatSymbolRefAttr::get(symbol));
    }
    auto weight = StoredWeight::trace(op.getHeadSink());
    return weight && weight->shape() == ArrayRef(heads) ? weight->materialise(builder, form.step()) : Value();
  }

  LogicalResult rewriteAttention(const RowForm &form, onnx::GroupQueryAttentionOp op, int64_t cache) {
    if (failed(checkSupported(op)) || failed(checkLengths(form, op)))
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    int64_t heads = op.getNumHeads(), kvHeads = op.getKvNumHeads();
    if (heads <= 0 || kvHeads <= 0 || heads % kvHeads || !op.getKey() != !op.getValue())
      return notRecovered(op, Twine(heads) + " heads and " + Twine(kvHeads) + " key heads, or a key without a value");
    Value q = form.toRows(builder, op.getQuery());
    Value k = op.getKey() ? form.toRows(builder, op.getKey()) : Value();
    Value v = op.getValue() ? form.toRows(builder, op.getValue()) : Value();
    if (!q || (op.getKey() && (!k || !v)))
      return notRecovered(op, "query, key or value is not f32 by row");
    int64_t parts = op.getKey() ? heads : heads + 2 * kvHeads, headDim = columnsOf(q) / parts;
    if (columnsOf(q) % parts || (k && (columnsOf(k) != kvHeads * headDim || columnsOf(v) % kvHeads)))
      return notRecovered(op, "query, key and value columns do not fit the numbers of heads");

    std::optional<Rotary> rotary;
    if (op.getDoRotary()) {
      if (!op.getCosCache() || !op.getSinCache() || !(rotary = traceRotary(op.getCosCache(), op.getSinCache())) ||
          rotary->dim > headDim)
        return notRecovered(op, "cos and sin are no constant tables [positions, rotary / 2], alike");
      if (op.getPositionIds() && !isPositions(form, op.getPositionIds()))
        return notRecovered(op, "its positions are no argument of the model, one for each token");
    }
    bool smooth = op.getSmoothSoftmax() == 1;
    Value sink = op.getHeadSink() || smooth ? sinks(builder, form, op) : Value();
    if (op.getHeadSink() && !sink)
      return notRecovered(op, "the head sink is no constant, one number a head");

    if (!k) {
      Value qkv = q;
      q = columns(builder, form, loc, qkv, 0, heads * headDim);
      k = columns(builder, form, loc, qkv, heads * headDim, kvHeads * headDim);
      v = columns(builder, form, loc, qkv, (heads + kvHeads) * headDim, kvHeads * headDim);
    }
    if (rotary) {
      bool interleaved = op.getRotaryInterleaved() != 0;
      q = rotate(builder, form, loc, q, *rotary, headDim, interleaved);
      k = rotate(builder, form, loc, k, *rotary, headDim, interleaved);
    }
    int64_t valueDim = columnsOf(v) / kvHeads, window = op.getLocalWindowSize();
    float scale = op.getScale().convertToFloat();
    if (scale == 0.0f)
      scale = 1.0f / std::sqrt(static_cast<float>(headDim));
    Value y = moe::AttentionOp::create(
        builder, loc, form.rowsType(heads * valueDim), q, k, v, form.argument(recover::kPositions), sink,
        builder.getI64IntegerAttr(cache), builder.getI64IntegerAttr(heads), builder.getI64IntegerAttr(kvHeads),
        builder.getI64IntegerAttr(headDim), builder.getI64IntegerAttr(valueDim), builder.getF32FloatAttr(scale),
        builder.getI64IntegerAttr(window > 0 ? window : 0), op.getSoftcapAttr());
    op.getOutput().replaceAllUsesWith(form.fromRows(builder, y, op.getOutput().getType()));
    op.erase();
    return success();
  }
};
} // namespace
} // namespace janus
