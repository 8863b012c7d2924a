// ONNX's Attention and com.microsoft's MultiHeadAttention; rotary embedding by itself.
#include "lib/Lowering/Tensor/AttentionCode.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using janus::onnx::SymExpr;
using Values = Emitter::Values;

namespace {

/// The past followed by what is new, [B, heads, P + S, d].
void concatenate(Emitter &e, const Buffer &out, const Buffer *past, const HeadView &fresh,
                 llvm::function_ref<Value(Value, Value)> adjust = nullptr) {
  Value length = past ? past->extents[2] : e.i64(0);
  e.fill(out, [&](ValueRange index) {
    auto newValue = [&] {
      Value at = e.add(fresh.begin(e, index[0], index[1], e.sub(index[2], length)), index[3]);
      Value value = e.load(fresh.buffer, at);
      return adjust ? adjust(value, e.add(e.mul(index[1], out.extents[3]), index[3])) : value;
    };
    if (!past)
      return newValue();
    return e.branch(e.less(index[2], length), [&] { return e.load(*past, e.linear(index, past->extents)); }, newValue);
  });
}

LogicalResult lowerAttention(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &q = *c.input(0), &k = *c.input(1), &v = *c.input(2), &y = *c.output(0);
  bool flat = q.rank() == 3;
  int64_t heads = flat ? c.integer("q_num_heads", 0) : q.shape[1].constant().value_or(0),
          kvHeads = flat ? c.integer("kv_num_heads", 0) : k.shape[1].constant().value_or(0);
  if (heads < 1 || kvHeads < 1 || heads % kvHeads)
    return c.op->emitOpError("expects a known number of heads, a multiple of that of key/value heads");
  SymExpr keySize = flat ? SymExpr::floordiv(q.shape[2], SymExpr(heads)) : q.shape[3],
          valueSize = flat ? SymExpr::floordiv(v.shape[2], SymExpr(kvHeads)) : v.shape[3];
  if (!keySize.constant())
    return c.op->emitOpError("expects heads of a known size, found ") << keySize.str() << " columns a head";
  SymExpr rows = flat ? q.shape[1] : q.shape[2], total = flat ? k.shape[1] : k.shape[2];
  if (c.input(4))
    total = total + c.input(4)->shape[2];
  AttentionSpec s;
  s.batch = q.extents[0], s.heads = e.i64(heads), s.kvHeads = e.i64(kvHeads), s.rows = e.expression(rows);
  s.total = e.expression(total), s.keySize = e.expression(keySize), s.valueSize = e.expression(valueSize);

  Buffer qBuffer = q;
  if (flat) {
    qBuffer = c.scratch(q.element, {q.shape[0], heads, rows, keySize});
    concatenate(e, qBuffer, nullptr, {q, heads, 0, 1, 0, s.keySize});
  }
  auto cache = [&](const Buffer &fresh, const Buffer *past, const Buffer *present, const SymExpr &size, Value columns) {
    if (!flat && !past && !present)
      return fresh;
    Buffer out = present ? *present : c.scratch(fresh.element, {q.shape[0], kvHeads, total, size});
    concatenate(e, out, past, {fresh, kvHeads, 0, 1, 0, columns});
    return out;
  };
  Buffer keys = cache(k, c.input(4), c.output(1), keySize, s.keySize),
         values = cache(v, c.input(5), c.output(2), valueSize, s.valueSize);
  s.q = &qBuffer, s.keys = &keys, s.values = &values;
  s.scale = attentionScale(c, keySize), s.softcap = c.real("softcap", 0);

  const Buffer *lengths = c.input(6), *mask = c.input(3);
  bool causal = c.integer("is_causal", 0);
  int64_t left = c.integer("left_window_size", -1), right = c.integer("right_window_size", -1);
  s.range = [&, lengths](Value batch, Value row) {
    Value valid = lengths ? e.min(e.loadIndex(*lengths, batch), s.total) : s.total;
    Value offset = c.input(4) ? c.input(4)->extents[2]
                   : lengths  ? e.sub(e.loadIndex(*lengths, batch), s.rows)
                              : e.i64(0);
    Value position = e.add(row, offset), begin = e.i64(0), end = valid;
    if (causal)
      end = e.min(end, e.add(position, e.i64(1)));
    if (right >= 0)
      end = e.min(end, e.add(position, e.i64(right + 1)));
    if (left >= 0)
      begin = e.max(begin, e.sub(position, e.i64(left)));
    return std::pair(begin, e.max(begin, end));
  };
  if (mask) {
    // A mask may be shorter than the keys: those behind its end do not count. One of extent 1 broadcasts.
    Value length = mask->extents.back();
    bool whole = mask->shape.back().isConstant(1) || mask->shape.back() == total;
    bool boolean = mask->element.isInteger(1);
    auto at = [&e, mask, length, whole](Values index, Value otherwise) {
      if (whole)
        return e.loadBroadcast(*mask, index);
      return e.branch(
          e.less(index[3], length), [&] { return e.loadBroadcast(*mask, index); }, [&] { return otherwise; });
    };
    if (boolean)
      s.counts = [&, at](Value b, Value h, Value i, Value j) { return at({b, h, i, j}, e.i1(false)); };
    else
      s.bias = [&, at](Value b, Value h, Value i, Value j) {
        return at({b, h, i, j}, e.real(computeType(mask->element), -std::numeric_limits<double>::infinity()));
      };
  }
  s.out = &y, s.rowMajor = flat;
  s.scoresOut = c.output(3), s.scoresStage = c.integer("qk_matmul_output_mode", 0);
  emitAttention(c, s, c.scratch(computeType(q.element), {q.shape[0], heads, rows, total}));
  return success();
}

LogicalResult lowerMultiHeadAttention(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &query = *c.input(0);
  const Buffer *key = c.input(1), *value = c.input(2), *bias = c.input(3), *padding = c.input(4),
               *scoreBias = c.input(5), *pastKey = c.input(6);
  int64_t heads = c.integer("num_heads", 0);
  bool packedQuery = query.rank() == 5, packedKey = key && key->rank() == 5;
  SymExpr size = packedQuery ? query.shape[4] : SymExpr::floordiv(query.shape[2], SymExpr(heads));
  SymExpr valueSize = packedQuery || packedKey ? size
                      : value->rank() == 4     ? value->shape[3]
                                               : SymExpr::floordiv(value->shape[2], SymExpr(heads));
  SymExpr fresh = packedQuery ? query.shape[1] : key->rank() == 4 ? key->shape[2] : key->shape[1];
  SymExpr total = pastKey ? fresh + pastKey->shape[2] : fresh;
  if (!size.constant())
    return c.op->emitOpError("expects heads of a known size, found ") << size.str() << " columns a head";
  AttentionSpec s;
  s.batch = query.extents[0], s.heads = s.kvHeads = e.i64(heads), s.rows = query.extents[1];
  s.total = e.expression(total), s.keySize = e.expression(size), s.valueSize = e.expression(valueSize);
  // The bias [2 * H * d + H * dv] is added to query, key and value.
  Value columns = e.mul(s.heads, s.keySize);
  auto biased = [&](int64_t which) {
    return [&, which](Value x, Value column) {
      return bias ? sum(e, x, e.load(*bias, e.add(e.mul(columns, e.i64(which)), column))) : x;
    };
  };
  HeadView views[] = {{query, heads, 0, packedQuery ? 3 : 1, 0, s.keySize},
                      {packedQuery ? query : *key, heads, packedQuery ? 1 : 0,
                       packedQuery ? 3
                       : packedKey ? 2
                                   : 1,
                       0, s.keySize},
                      {packedQuery ? query
                       : packedKey ? *key
                                   : *value,
                       heads,
                       packedQuery ? 2
                       : packedKey ? 1
                                   : 0,
                       packedQuery ? 3
                       : packedKey ? 2
                                   : 1,
                       0, s.valueSize}};
  Buffer q = c.scratch(query.element, {query.shape[0], heads, query.shape[1], size});
  Buffer keys = c.output(1) ? *c.output(1) : c.scratch(query.element, {query.shape[0], heads, total, size});
  Buffer values = c.output(2) ? *c.output(2) : c.scratch(query.element, {query.shape[0], heads, total, valueSize});
  concatenate(e, q, nullptr, views[0], biased(0));
  concatenate(e, keys, pastKey, views[1], biased(1));
  concatenate(e, values, c.input(7), views[2], biased(2));
  s.q = &q, s.keys = &keys, s.values = &values;
  s.scale = attentionScale(c, size);
  Value past = pastKey ? pastKey->extents[2] : e.i64(0);
  bool causal = c.integer("unidirectional", 0);
  s.range = [&](Value, Value row) {
    Value end = causal ? e.min(s.total, e.add(e.add(past, row), e.i64(1))) : s.total;
    return std::pair(e.i64(0), end);
  };
  Type type = computeType(query.element);
  double filter = c.real("mask_filter_value", -10000);
  // [B] valid lengths; [3B + 2] as well (the lengths come first); [B, T] and [B, S, T] keep where not 0.
  s.bias = [&, filter](Value b, Value h, Value i, Value j) {
    Value added = e.real(type, 0);
    if (scoreBias)
      added = e.convert(e.loadBroadcast(*scoreBias, {b, h, i, j}), scoreBias->element, type);
    if (padding) {
      Value kept;
      if (padding->rank() == 1)
        kept = e.less(j, e.loadIndex(*padding, b));
      else {
        Values index = padding->rank() == 2 ? Values{b, j} : Values{b, i, j};
        Value inside = e.less(j, padding->extents.back());
        kept = e.branch(
            inside,
            [&] {
              return e.convert(e.load(*padding, e.linear(index, padding->extents)), padding->element, e.b.getI1Type());
            },
            [&] { return e.i1(false); });
      }
      added = sum(e, added, e.select(kept, e.real(type, 0), e.real(type, filter)));
    }
    return added;
  };
  if (!scoreBias && !padding)
    s.bias = nullptr;
  s.out = c.output(0), s.rowMajor = true;
  s.scoresOut = c.output(3);
  emitAttention(c, s, c.scratch(type, {query.shape[0], heads, query.shape[1], total}));
  return success();
}

/// x [B, heads, S, d] or [B, S, heads * d]; caches [positions, angles] with position ids, else [B, S, angles].
LogicalResult lowerRotary(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0);
  bool microsoft = c.op->getName().stripDialect().starts_with("microsoft");
  const Buffer *positions = c.input(microsoft ? 1 : 3), &cos = *c.input(microsoft ? 2 : 1),
               &sin = *c.input(microsoft ? 3 : 2);
  if (c.integer("is_packed_batching", 0) || c.real("scale", 1) != 1)
    return c.op->emitOpError("expects is_packed_batching = 0 and scale = 1");
  int64_t heads = c.integer("num_heads", 0), part = c.integer("rotary_embedding_dim", 0);
  Value angles = cos.extents.back(), headSize = x.extents.back(), rows = x.extents[x.rank() == 4 ? 2 : 1];
  if (x.rank() == 3) {
    if (heads == 0 && microsoft) { // the caches tell the head size, when the whole head turns
      auto known = x.shape[2].constant(), half = cos.shape.back().constant();
      if (!known || !half || *half == 0 || part)
        return c.op->emitOpError("expects num_heads for a rotary embedding of part of a head");
      heads = *known / (2 * *half);
    }
    if (heads < 1)
      return c.op->emitOpError("expects num_heads for an input of rank 3");
    headSize = e.divide(x.extents[2], e.i64(heads));
  }
  if (part)
    c.check(e.negated(e.less(angles, e.i64(part / 2))), "expects caches with an angle for each rotated pair");
  Value turned = part ? e.i64(part / 2) : angles;
  c.check(e.negated(e.less(headSize, e.add(turned, turned))), "expects caches of at most half a head's columns");
  bool offset = positions && positions->rank() < 2; // one number for all
  if (positions) {
    Value last = offset ? e.sub(rows, e.i64(1)) : e.i64(0);
    Value good = e.fold(e.i64(0), e.product(positions->extents), ValueRange{e.i1(true)}, [&](Value i, ValueRange s) {
      Value at = e.loadIndex(*positions, i);
      return Values{e.both(s[0], e.both(e.less(e.i64(-1), at), e.less(e.add(at, last), cos.extents[0])))};
    })[0];
    c.check(good, "has a position outside of its cos and sin caches");
  }
  bool interleaved = c.integer("interleaved", 0);
  e.fillFlat(*c.output(0), [&](Value at) {
    Values index = e.delinear(at, x.extents);
    Value row = index[x.rank() == 4 ? 2 : 1], column = index.back();
    if (x.rank() == 3)
      column = e.sub(column, e.mul(e.divide(column, headSize), headSize));
    Value line = e.add(e.mul(index[0], rows), row);
    if (positions)
      line = offset ? e.add(e.loadIndex(*positions, e.i64(0)), row)
                    : e.loadIndex(*positions, e.broadcastPosition(*positions, {index[0], row}));
    Value first = e.mul(line, angles);
    return rotated(e, x, e.sub(at, column), column, turned, interleaved, cos, sin,
                   [&](Value angle) { return e.add(first, angle); });
  });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findAttention(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Case("Attention", lowerAttention)
      .Case("GroupQueryAttention", lowerGroupQueryAttention)
      .Case("MultiHeadAttention", lowerMultiHeadAttention)
      .Cases({"RotaryEmbedding", "microsoft.RotaryEmbedding"}, lowerRotary)
      .Default(nullptr);
}
