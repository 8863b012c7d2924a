// Attention as one operator.
#include "lib/Recover/Attention/AttentionCore.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

namespace {

Parts outputParts(int64_t rank, int64_t heads, int64_t valueDim) {
  if (rank == 3)
    return {{Part{Part::kBatch}}, {Part{Part::kToken}}, {Part{Part::kColumns, heads * valueDim}}};
  return {{Part{Part::kBatch}}, {Part{Part::kColumns, heads}}, {Part{Part::kToken}}, {Part{Part::kColumns, valueDim}}};
}

bool isUsed(Value value) { return value && !value.use_empty(); }

} // namespace

bool AttentionMatcher::headColumns(Value value, int64_t heads, int64_t repeat, int64_t &width,
                                   std::vector<Column> &columns) {
  const ColumnView *view = views_.view(value);
  if (!view) {
    (void)fail(views_.culprit, views_.reason);
    return false;
  }
  int64_t total = view->columns.size();
  // [B, S, heads * d] and [B, heads, S, d] both count heads, then columns.
  if (heads < 1 || total % heads ||
      (view->dims.size() == 4 && strideOf(view->dims, 1).count != heads && strideOf(view->dims, 2).count != heads)) {
    (void)fail(value.getDefiningOp(), Twine(total) + " columns do not fit " + Twine(heads) + " heads");
    return false;
  }
  width = total / heads;
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t r = 0; r < repeat; ++r)
      columns.insert(columns.end(), view->columns.begin() + h * width, view->columns.begin() + (h + 1) * width);
  return true;
}

bool AttentionMatcher::setOperands(AttentionCore &core, Value q, Value k, Value v, int64_t heads, int64_t kvHeads) {
  if (heads < 1 || kvHeads < 1 || heads % kvHeads) {
    (void)fail(core.root, Twine(heads) + " heads and " + Twine(kvHeads) + " key heads");
    return false;
  }
  int64_t keyDim = 0;
  core.heads = heads;
  if (!headColumns(q, heads, 1, core.headDim, core.q) || !headColumns(k, kvHeads, heads / kvHeads, keyDim, core.k) ||
      !headColumns(v, kvHeads, heads / kvHeads, core.valueDim, core.v))
    return false;
  if (keyDim == core.headDim)
    return true;
  (void)fail(core.root, "query heads of " + Twine(core.headDim) + " columns and key heads of " + Twine(keyDim));
  return false;
}

bool AttentionMatcher::setOutput(AttentionCore &core, Value output) {
  core.output = output;
  auto dims = onnx::getDims(output.getType());
  auto parts = outputParts(cast<RankedTensorType>(output.getType()).getRank(), core.heads, core.valueDim);
  auto fitted = dims ? regroup(parts, *dims, interface_) : std::nullopt;
  if (!fitted) {
    (void)fail(core.root, "its result has unexpected extents");
    return false;
  }
  core.outputDims = *fitted;
  return true;
}

bool AttentionMatcher::operandMask(AttentionCore &core, Value mask) {
  if (!mask)
    return true;
  const Known *known = known_.find(mask);
  if (!known || known->dims.size() > 4) {
    (void)fail(core.root, "its mask depends on the tokens");
    return false;
  }
  SmallVector<SymExpr> index;
  unsigned rank = known->dims.size();
  if (rank && !known->dims.back().isConstant(1) && known->dims.back() != interface_.sequence &&
      known->dims.back() != interface_.slots) {
    (void)fail(core.root, "its mask is for " + known->dims.back().str() + " keys");
    return false;
  }
  for (unsigned d = 0; d < rank; ++d)
    index.push_back(known->dims[d].isConstant(1) ? SymExpr(0)
                    : d + 2 == rank              ? SymExpr::symbol(kQuerySymbol)
                    : d + 1 == rank              ? SymExpr::symbol(kKeySymbol)
                                                 : indexSymbol(d));
  ElementPool &pool = known_.pool();
  pool.setExtents(known->dims);
  pool.setExtent(kQuerySymbol, interface_.sequence);
  pool.setExtent(kKeySymbol, interface_.sequence);
  std::string why = "it is not known";
  ElementRef element = known_.at(*known, index);
  auto shape = element ? readMask(element, pool, numbers_, why) : std::nullopt;
  auto both = shape ? MaskShape::intersect(core.mask, *shape) : std::nullopt;
  if (!both) {
    (void)fail(core.root, "its mask is none of a causal model: " + (shape ? std::string("two kinds of chunks") : why));
    return false;
  }
  core.mask = *both;
  return true;
}

std::optional<AttentionCore> AttentionMatcher::matchGroupQuery(onnx::GroupQueryAttentionOp op) {
  if (isUsed(op.getOutputQk()))
    return fail(op, "its scores are used by other operators");
  if (op.getKScale() || op.getVScale() || op.getKQuantType() != "NONE" || op.getVQuantType() != "NONE" ||
      op.getKvCacheBitWidth())
    return fail(op, "a quantised cache (JNS-ONNX-030)");
  if (op.getQNormWeight() || op.getKNormWeight())
    return fail(op, "query and key norms inside the operator (JNS-ONNX-030)");
  if (op.getPastKey() || op.getPastValue())
    return fail(op, "its past is no input of its own");
  for (Value present : {op.getPresentKey(), op.getPresentValue()})
    if (isUsed(present))
      return fail(op, "its present is used by other operators");
  for (auto [value, less] : {std::pair(op.getSeqlensK(), 1), std::pair(op.getTotalSequenceLength(), 0)}) {
    const Known *known = known_.find(value);
    ElementRef length = known ? known->element : nullptr;
    if (!length || length->kind != Element::Kind::kInteger || length->value + SymExpr(less) != interface_.sequence)
      return fail(op, Twine(less ? "seqlens_k" : "total_sequence_length") + " is " + describe(length) +
                          " when all tokens are valid, expected " + (interface_.sequence - SymExpr(less)).str());
  }
  int64_t heads = op.getNumHeads(), kvHeads = op.getKvNumHeads();
  AttentionCore core;
  core.root = op;
  if (op.getKey() && op.getValue()) {
    if (!setOperands(core, op.getQuery(), op.getKey(), op.getValue(), heads, kvHeads))
      return std::nullopt;
  } else if (!op.getKey() && !op.getValue()) {
    std::vector<Column> packed;
    if (heads < 1 || kvHeads < 1 || heads % kvHeads)
      return fail(op, Twine(heads) + " heads and " + Twine(kvHeads) + " key heads");
    if (!headColumns(op.getQuery(), heads + 2 * kvHeads, 1, core.headDim, packed))
      return std::nullopt;
    core.heads = heads, core.valueDim = core.headDim;
    for (int64_t h = 0; h < heads; ++h) {
      auto take = [&](std::vector<Column> &to, int64_t head) {
        to.insert(to.end(), packed.begin() + head * core.headDim, packed.begin() + (head + 1) * core.headDim);
      };
      take(core.q, h);
      take(core.k, heads + h / (heads / kvHeads));
      take(core.v, heads + kvHeads + h / (heads / kvHeads));
    }
  } else {
    return fail(op, "a key without a value, or a value without a key");
  }
  if (op.getDoRotary()) {
    ElementPool &pool = known_.pool();
    SmallVector<std::vector<ElementRef>, 2> tables;
    for (Value cache : {op.getCosCache(), op.getSinCache()}) {
      const Known *known = cache ? known_.find(cache) : nullptr;
      std::optional<Known> rows;
      if (known && op.getPositionIds())
        rows = known_.rowsOf(cache, op.getPositionIds());
      else if (known && known->dims.size() == 2)
        rows = *known;
      auto half = rows ? rows->dims.back().constant() : std::nullopt;
      if (!half || *half < 1 || 2 * *half > core.headDim)
        return fail(op, "cos and sin are no known tables [positions, rotary / 2], alike");
      Parts parts = {{Part{Part::kBatch}}, {Part{Part::kToken}}, {Part{Part::kColumns, *half}}};
      tables.emplace_back();
      for (int64_t i = 0; i < *half; ++i) {
        // Without positions the operator counts tokens itself.
        ElementRef factor = nullptr;
        pool.setExtents({});
        if (op.getPositionIds())
          factor = views_.factor(*rows, parts, i);
        else
          factor = known_.at(*rows, {SymExpr::symbol(kQuerySymbol), SymExpr(i)});
        if (!factor)
          return fail(op, "the rows of cos and sin are not those of the tokens' positions");
        tables.back().push_back(factor);
      }
    }
    if (tables[0].size() != tables[1].size())
      return fail(op, "cos and sin are no known tables [positions, rotary / 2], alike");
    for (std::vector<Column> *columns : {&core.q, &core.k}) {
      for (const Column &column : *columns)
        if (column.size() != 1 || column[0].factor)
          return fail(op, "turns columns that are turned already");
      for (int64_t h = 0; h < heads; ++h)
        rotateColumns(*columns, h * core.headDim, tables[0], tables[1], op.getRotaryInterleaved() != 0);
    }
  }
  float scale = op.getScale().convertToFloat();
  core.scale = scale == 0 ? 1.0f / std::sqrt(static_cast<float>(core.headDim)) : scale;
  core.softcap = op.getSoftcap().convertToDouble();
  if (op.getCausal())
    core.mask = MaskShape::causal();
  if (int64_t window = op.getLocalWindowSize(); window > 0) {
    IntervalSet near(IntervalSet::kMin, window - 1);
    core.mask = *MaskShape::intersect(core.mask, {near, near});
  }
  if (!operandMask(core, op.getAttentionBias()))
    return std::nullopt;
  if (op.getHeadSink()) {
    const Known *sinks = known_.find(op.getHeadSink());
    for (int64_t h = 0; h < heads; ++h) {
      known_.pool().setExtents({});
      ElementRef sink = sinks && sinks->dims.size() == 1 && sinks->dims[0].isConstant(heads)
                            ? known_.at(*sinks, {SymExpr(h)})
                            : nullptr;
      if (!sink || !sink->symbols.empty())
        return fail(op, "the head sink is no constant, one number a head");
      core.sinks.push_back(sink);
    }
  }
  core.smooth = op.getSmoothSoftmax() == 1 && !op.getHeadSink();
  return setOutput(core, op.getOutput()) ? std::optional(core) : std::nullopt;
}

std::optional<AttentionCore> AttentionMatcher::matchMultiHead(onnx::MultiHeadAttentionOp op) {
  if (op.getPastKey() || op.getPastValue())
    return fail(op, "its past is no input of its own");
  if (op.getPastSequenceLength() || op.getCacheIndirection())
    return fail(op, "a shared cache with beams");
  for (unsigned i = 1; i < 4; ++i)
    if (isUsed(onnx::getOutput(op, i)))
      return fail(op, "its present or its scores are used by other operators");
  if (Value bias = op.getBias(); bias && known_.constant(bias) != 0.0)
    return fail(op, "a bias inside the operator of operands that are packed, or projected already");
  if (Value padding = op.getKeyPaddingMask()) {
    const Known *known = known_.find(padding);
    bool all = known && known->dims.size() >= 2 && known->element && known->element->constant() == 1.0;
    if (known && known->dims.size() == 1 && known->dims[0] == interface_.batch) { // how many keys are valid
      ElementRef count = known->element ? known->element : known->items.size() == 1 ? known->items[0] : nullptr;
      all = count && count->kind == Element::Kind::kInteger && count->value == interface_.sequence;
    }
    if (!all)
      return fail(op, "a key_padding_mask that is not all ones when all tokens are valid");
  }
  AttentionCore core;
  core.root = op;
  int64_t heads = op.getNumHeads();
  int64_t rank = cast<RankedTensorType>(op.getQuery().getType()).getRank();
  if (rank == 5 || (op.getKey() && !op.getValue())) {
    // Packed [B, S, heads, 3, d], or key and value [B, S, heads, 2, d].
    int64_t parts = rank == 5 ? 3 : 2, width = 0;
    std::vector<Column> packed;
    if (!headColumns(rank == 5 ? op.getQuery() : op.getKey(), heads * parts, 1, width, packed))
      return std::nullopt;
    core.heads = heads, core.headDim = core.valueDim = width;
    if (rank != 5 && !headColumns(op.getQuery(), heads, 1, core.headDim, core.q))
      return std::nullopt;
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t p = 0; p < parts; ++p) {
        std::vector<Column> &to = p + 3 - parts == 0 ? core.q : p + 3 - parts == 1 ? core.k : core.v;
        auto first = packed.begin() + (h * parts + p) * width;
        to.insert(to.end(), first, first + width);
      }
    if (core.headDim != width)
      return fail(op, "query heads of " + Twine(core.headDim) + " columns and key heads of " + Twine(width));
  } else if (!op.getKey() || !op.getValue()) {
    return fail(op, "a query without key and value");
  } else if (!setOperands(core, op.getQuery(), op.getKey(), op.getValue(), heads, heads)) {
    return std::nullopt;
  }
  float scale = op.getScale().convertToFloat();
  core.scale = scale == 0 ? 1.0f / std::sqrt(static_cast<float>(core.headDim)) : scale;
  if (op.getUnidirectional())
    core.mask = MaskShape::causal();
  if (!operandMask(core, op.getAttentionBias()))
    return std::nullopt;
  return setOutput(core, op.getOutput()) ? std::optional(core) : std::nullopt;
}

std::optional<AttentionCore> AttentionMatcher::matchStandard(onnx::AttentionOp op) {
  if (op.getPastKey() || op.getPastValue())
    return fail(op, "its past is no input of its own");
  if (Value count = op.getNonpadKvSeqlen()) {
    const Known *known = known_.find(count);
    ElementRef valid = !known ? nullptr : known->element || known->items.size() != 1 ? known->element : known->items[0];
    if (!valid || valid->kind != Element::Kind::kInteger || valid->value != interface_.sequence)
      return fail(op, "nonpad_kv_seqlen is " + describe(valid) + " when all tokens are valid, expected " +
                          interface_.sequence.str());
  }
  for (unsigned i = 1; i < 4; ++i)
    if (isUsed(onnx::getOutput(op, i)))
      return fail(op, "its present or its scores are used by other operators");
  AttentionCore core;
  core.root = op;
  int64_t heads = 0, kvHeads = 0;
  if (cast<RankedTensorType>(op.getQ().getType()).getRank() == 4) {
    heads = cast<RankedTensorType>(op.getQ().getType()).getShape()[1];
    kvHeads = cast<RankedTensorType>(op.getK().getType()).getShape()[1];
  } else if (op.getQNumHeads() && op.getKvNumHeads()) {
    heads = *op.getQNumHeads(), kvHeads = *op.getKvNumHeads();
  }
  if (!setOperands(core, op.getQ(), op.getK(), op.getV(), heads, kvHeads))
    return std::nullopt;
  core.scale = op.getScale() ? op.getScale()->convertToFloat() : 1.0f / std::sqrt(static_cast<float>(core.headDim));
  core.softcap = op.getSoftcap().convertToDouble();
  if (op.getIsCausal())
    core.mask = MaskShape::causal();
  auto side = [](int64_t size) { return size < 0 ? IntervalSet::kMax : size; };
  int64_t left = side(op.getLeftWindowSize()), right = side(op.getRightWindowSize());
  IntervalSet near(right == IntervalSet::kMax ? IntervalSet::kMin : -right, left);
  core.mask = *MaskShape::intersect(core.mask, {near, near});
  if (!operandMask(core, op.getAttnMask()))
    return std::nullopt;
  return setOutput(core, op.getY()) ? std::optional(core) : std::nullopt;
}

} // namespace janus::recover
