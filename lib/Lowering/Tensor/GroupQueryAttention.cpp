// com.microsoft.GroupQueryAttention over whole tensors. The keys that a step can see lie in one buffer: those resident
// in the past, then the new rows. With a full cache that buffer is `present`; with a windowed one
// (sliding_window_cache) it is built apart, and `present` keeps its newest rows.
#include "lib/Lowering/Tensor/AttentionCode.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace janus::lowering;
using janus::onnx::SymExpr;
using Values = Emitter::Values;

namespace {

/// Where things lie, per batch entry. T = seqlens_k + 1 positions in all, P = T - S of them past, R of those resident.
struct Cache {
  Emitter &e;
  const Buffer &lengths;
  Value rows, capacity, total; // S; extents of the past and of the buffer of visible keys
  int64_t window;              // of a windowed cache, else 0

  Value past(Value batch) const { // a wrong length cannot reach outside of a full cache
    Value valid = e.max(e.sub(e.add(e.loadIndex(lengths, batch), e.i64(1)), rows), e.i64(0));
    return window ? valid : e.min(valid, e.min(capacity, e.sub(total, rows)));
  }
  /// How many of n positions a windowed cache of C rows holds: n up to C, then n - G ceil((n - C) / G), G = C - W + 1.
  Value resident(Value n) const {
    if (!window)
      return n;
    Value gap = e.add(e.sub(capacity, e.i64(window)), e.i64(1)), over = e.sub(n, capacity);
    Value steps = e.divide(e.add(e.max(over, e.i64(0)), e.sub(gap, e.i64(1))), e.max(gap, e.i64(1)));
    return e.sub(n, e.mul(gap, steps));
  }
  /// Absolute position of row 0 of the buffer of visible keys.
  Value first(Value batch) const {
    Value before = past(batch);
    return e.sub(before, resident(before));
  }
};

/// Each head of x [B, S, (first + heads) * d] over its root mean square, times weight [d]: [B, S, heads * d].
Buffer normalised(OperatorContext &c, const HeadView &view, const Buffer &weight, const SymExpr &size) {
  Emitter &e = c.e;
  Type type = computeType(view.buffer.element);
  ArrayRef shape(view.buffer.shape);
  Buffer out = c.scratch(type, {shape[0], shape[1], SymExpr(view.heads) * size});
  Values lines = {view.buffer.extents[0], view.buffer.extents[1], e.i64(view.heads)};
  e.parallel(
      e.product(lines),
      [&](Value line) {
        Values index = e.delinear(line, lines);
        Value begin = view.begin(e, index[0], index[2], index[1]), zero = e.real(type, 0);
        auto at = [&](Value i) { return e.load(view.buffer, e.add(begin, i)); };
        Value squares = e.fold(e.i64(0), view.headSize, ValueRange{zero}, [&](Value i, ValueRange s) {
          return Values{sum(e, s[0], multiply(e, at(i), at(i)))};
        })[0];
        Value count = arith::SIToFPOp::create(e.b, e.loc(), type, view.headSize);
        Value mean = arith::DivFOp::create(e.b, e.loc(), squares, count);
        Value root = math::SqrtOp::create(e.b, e.loc(), sum(e, mean, e.real(type, c.real("qk_norm_epsilon", 1e-6))));
        e.serial(e.i64(0), view.headSize, [&](Value i) {
          Value normal = arith::DivFOp::create(e.b, e.loc(), at(i), root);
          e.store(out, e.add(e.mul(line, view.headSize), i), multiply(e, normal, e.load(weight, i)));
        });
      },
      1);
  return out;
}

void checkPositions(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &positions = *c.input(9);
  Value good = e.fold(e.i64(0), e.product(positions.extents), ValueRange{e.i1(true)}, [&](Value i, ValueRange state) {
    Value at = e.loadIndex(positions, i);
    return Values{e.both(state[0], e.both(e.less(e.i64(-1), at), e.less(at, c.input(7)->extents[0])))};
  })[0];
  c.check(good, "has a position outside of its cos and sin caches");
}

} // namespace

LogicalResult janus::lowering::lowerGroupQueryAttention(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &query = *c.input(0);
  int64_t heads = c.integer("num_heads", 0), kvHeads = c.integer("kv_num_heads", 0);
  int64_t window = c.integer("local_window_size", -1);
  bool packed = !c.input(1), rotary = c.integer("do_rotary", 0), interleaved = c.integer("rotary_interleaved", 0);
  bool windowed = c.integer("sliding_window_cache", 0), causal = c.integer("causal", 1);
  const Buffer *past = c.input(3), *sink = c.input(11), *positions = c.input(9), *bias = c.input(10);
  if (rotary && (!c.input(7) || !c.input(8)))
    return c.op->emitOpError("expects cos and sin caches with do_rotary");
  if (windowed && (!past || window <= 0))
    return c.op->emitOpError("expects a past and local_window_size > 0 with sliding_window_cache");
  if (!c.input(14) != !c.input(15))
    return c.op->emitOpError("expects q_norm_weight and k_norm_weight both present or both absent");
  auto size = SymExpr::divideExactly(query.shape[2], SymExpr(packed ? heads + 2 * kvHeads : heads));
  if (!size || !size->constant())
    return c.op->emitOpError("expects heads of a known size, found ") << query.shape[2].str() << " columns";
  SymExpr stored = c.output(1) ? c.output(1)->shape[2] : query.shape[1] + (past ? past->shape[2] : SymExpr(0));
  SymExpr visible = windowed ? past->shape[2] + query.shape[1] : stored;
  AttentionSpec s;
  s.batch = query.extents[0], s.heads = e.i64(heads), s.kvHeads = e.i64(kvHeads), s.rows = query.extents[1];
  s.total = e.expression(visible), s.keySize = s.valueSize = e.expression(*size);
  Cache cache{e, *c.input(5), s.rows, past ? past->extents[2] : e.i64(0), s.total, windowed ? window : 0};
  c.check(e.negated(e.less(s.total, s.rows)), "expects a cache of at least as many positions as it is given rows");
  if (windowed)
    c.check(e.negated(e.less(cache.capacity, e.i64(window))), "expects a cache of at least local_window_size rows");
  if (rotary && positions)
    checkPositions(c);

  HeadView views[] = {{query, heads, 0, 1, 0, s.keySize},
                      {packed ? query : *c.input(1), kvHeads, 0, 1, packed ? heads : 0, s.keySize},
                      {packed ? query : *c.input(2), kvHeads, 0, 1, packed ? heads + kvHeads : 0, s.keySize}};
  Buffer queries = query, newKeys = views[1].buffer;
  if (c.input(14)) {
    queries = normalised(c, views[0], *c.input(14), *size);
    newKeys = normalised(c, views[1], *c.input(15), *size);
  }
  HeadView own{queries, heads, 0, 1, 0, s.keySize};
  HeadView fresh{newKeys, kvHeads, 0, 1, c.input(14) ? 0 : views[1].first, s.keySize};
  /// Element `column` of a new row's head, rotated by its position.
  auto element = [&](const HeadView &view, bool turn, Value batch, Value head, Value row, Value column) {
    Value begin = view.begin(e, batch, head, row);
    if (!turn)
      return e.load(view.buffer, e.add(begin, column));
    const Buffer &cos = *c.input(7), &sin = *c.input(8);
    Value position =
        positions ? e.loadIndex(*positions, e.add(e.mul(batch, s.rows), row)) : e.add(cache.past(batch), row);
    Value line = e.mul(e.min(position, e.sub(cos.extents[0], e.i64(1))), cos.extents[1]);
    return rotated(e, view.buffer, begin, column, cos.extents[1], interleaved, cos, sin,
                   [&](Value angle) { return e.add(line, angle); });
  };
  // What is resident, then the new rows, then zeros.
  auto append = [&](const Buffer &out, const Buffer *old, const HeadView &view, bool turn) {
    e.fill(out, [&](ValueRange index) {
      Value begin = cache.resident(cache.past(index[0])), isOld = e.less(index[2], begin), row = e.sub(index[2], begin);
      Value isNew = e.both(e.less(row, s.rows), e.negated(isOld)), zero = e.real(computeType(out.element), 0);
      return e.branch(
          isNew, [&] { return element(view, turn, index[0], index[1], row, index[3]); },
          [&] {
            if (!old)
              return zero;
            return e.branch(isOld, [&] { return e.load(*old, e.linear(index, old->extents)); }, [&] { return zero; });
          });
    });
  };
  SmallVector<SymExpr> shape = {query.shape[0], kvHeads, visible, *size};
  Buffer keys = c.output(1) && !windowed ? *c.output(1) : c.scratch(query.element, shape);
  Buffer values = c.output(2) && !windowed ? *c.output(2) : c.scratch(query.element, shape);
  Buffer q = c.scratch(query.element, {query.shape[0], heads, query.shape[1], *size});
  append(keys, past, fresh, rotary);
  append(values, c.input(4), views[2], false);
  e.fill(q, [&](ValueRange index) { return element(own, rotary, index[0], index[1], index[2], index[3]); });
  for (auto [out, all] : {std::pair(c.output(1), &keys), std::pair(c.output(2), &values)})
    if (windowed && out)
      e.fill(*out, [&](ValueRange index) {
        Value n = e.add(cache.past(index[0]), s.rows), kept = cache.resident(n);
        // Row r holds position n - kept + r, which is that less the position of the first visible key.
        Value row = e.sub(e.add(e.sub(n, kept), index[2]), cache.first(index[0]));
        return e.branch(
            e.less(index[2], kept),
            [&] { return e.load(*all, e.linear({index[0], index[1], row, index[3]}, all->extents)); },
            [&] { return e.real(computeType(out->element), 0); });
      });

  s.q = &q, s.keys = &keys, s.values = &values;
  s.scale = attentionScale(c, *size), s.softcap = c.real("softcap", 0);
  s.range = [&](Value batch, Value row) {
    Value before = cache.resident(cache.past(batch)), position = e.add(before, row);
    Value valid = e.min(e.add(before, s.rows), s.total);
    Value end = causal ? e.min(e.add(position, e.i64(1)), valid) : valid;
    Value begin = window > 0 ? e.max(e.sub(e.add(position, e.i64(1)), e.i64(window)), e.i64(0)) : e.i64(0);
    return std::pair(begin, e.max(begin, end));
  };
  if (bias) { // its last dimension counts absolute positions
    Value length = bias->extents.back();
    s.bias = [&, length](Value b, Value h, Value i, Value j) {
      Value position = windowed ? e.add(j, cache.first(b)) : j;
      return e.branch(
          e.less(position, length), [&] { return e.loadBroadcast(*bias, {b, h, i, position}); },
          [&] { return e.real(computeType(bias->element), 0); });
    };
  }
  if (sink)
    s.sink = [&](Value head) { return e.convert(e.load(*sink, head), sink->element, computeType(query.element)); };
  else if (c.integer("smooth_softmax", 0))
    s.sink = [&](Value) { return e.real(computeType(query.element), 0); };
  s.out = c.output(0), s.rowMajor = true;
  s.scoresOut = windowed ? nullptr : c.output(3);
  s.scoresStage = c.integer("qk_output", 0) == 2 ? 3 : 2;
  emitAttention(c, s, c.scratch(computeType(query.element), {query.shape[0], heads, query.shape[1], visible}));
  return success();
}
