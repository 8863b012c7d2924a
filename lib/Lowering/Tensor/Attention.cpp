#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace janus::lowering;

// com.microsoft.GroupQueryAttention over whole tensors: new keys and values are placed behind the P = seqlens_k + 1 - S
// valid positions of the past, then each (batch, head, row) attends to the positions up to its own.

namespace janus::lowering {
LogicalResult lowerGroupQueryAttention(OperatorContext &c);
} // namespace janus::lowering

namespace {

struct Sizes {
  int64_t heads, kvHeads, headDim, window;
  Value batch, rows, past, total; // B, S, extent of the past, extent of the present
};

class Attention {
public:
  Attention(OperatorContext &c, Sizes sizes) : c(c), e(c.e), b(c.e.b), z(sizes) {}

  /// P of a batch entry; clamped so that a wrong length cannot reach outside the past or the present.
  Value pastOf(Value batch) {
    Value length = arith::ExtSIOp::create(b, e.loc(), b.getI64Type(), e.load(*c.input(5), batch));
    Value past = e.sub(e.add(length, e.i64(1)), z.rows);
    return atLeast(atMost(past, atMost(z.past, e.sub(z.total, z.rows))), e.i64(0));
  }

  /// Element `column` of head `head` of new row `row`, rotated; `first` is the head's first column in x.
  Value rotated(const Buffer &x, Value batch, Value row, Value first, Value column, Value position) {
    Value begin = e.add(e.mul(e.add(e.mul(batch, z.rows), row), x.extents.back()), first);
    Value plain = e.load(x, e.add(begin, column));
    if (!c.integer("do_rotary", 0))
      return plain;
    const Buffer &cos = *c.input(7), &sin = *c.input(8);
    Value half = cos.extents[1], width = e.add(half, half), isRotated = e.less(column, width),
          safe = e.select(isRotated, column, e.i64(0));
    Value isFirst, angle, partner;
    if (c.integer("rotary_interleaved", 0)) {
      angle = arith::ShRUIOp::create(b, e.loc(), safe, e.i64(1));
      Value odd = arith::AndIOp::create(b, e.loc(), safe, e.i64(1));
      isFirst = arith::CmpIOp::create(b, e.loc(), arith::CmpIPredicate::eq, odd, e.i64(0));
      partner = e.select(isFirst, e.add(safe, e.i64(1)), e.sub(safe, e.i64(1)));
    } else {
      isFirst = e.less(safe, half);
      angle = e.select(isFirst, safe, e.sub(safe, half));
      partner = e.select(isFirst, e.add(safe, half), e.sub(safe, half));
    }
    Value tableRow = atMost(position, e.sub(cos.extents[0], e.i64(1)));
    Value entry = e.add(e.mul(tableRow, half), angle);
    Value other = arith::MulFOp::create(b, e.loc(), e.load(x, e.add(begin, partner)), e.load(sin, entry));
    Value own = arith::MulFOp::create(b, e.loc(), e.load(x, e.add(begin, safe)), e.load(cos, entry));
    Value turned =
        e.select(isFirst, arith::SubFOp::create(b, e.loc(), own, other), arith::AddFOp::create(b, e.loc(), own, other));
    return e.select(isRotated, turned, plain);
  }

  /// present = past, then the new rows, then zeros; present and past [B, kv heads, positions, d].
  void append(const Buffer &present, const Buffer *past, const Buffer &x, int64_t firstHead, bool rotate) {
    e.fill(present, [&](ValueRange index) {
      Value begin = pastOf(index[0]), isOld = e.less(index[2], begin);
      Value row = e.sub(index[2], begin);
      Value isNew = arith::AndIOp::create(b, e.loc(), e.less(row, z.rows), notOf(isOld));
      Value safeRow = e.select(isNew, row, e.i64(0));
      Value first = e.mul(e.add(index[1], e.i64(firstHead)), e.i64(z.headDim));
      Value fresh = rotate ? rotated(x, index[0], safeRow, first, index[3], index[2])
                           : e.load(x, e.add(e.mul(e.add(e.mul(index[0], z.rows), safeRow), x.extents.back()),
                                             e.add(first, index[3])));
      Value old = e.real(present.element, 0);
      if (past) { // an empty past has no element to read
        auto branch = scf::IfOp::create(b, e.loc(), TypeRange{present.element}, isOld, true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        Value stored = e.load(*past, e.linear({index[0], index[1], index[2], index[3]}, past->extents));
        scf::YieldOp::create(b, e.loc(), stored);
        b.setInsertionPointToStart(branch.elseBlock());
        scf::YieldOp::create(b, e.loc(), e.real(present.element, 0));
        old = branch.getResult(0);
      }
      return e.select(isNew, fresh, old);
    });
  }

  void attend(const Buffer &q, const Buffer &keys, const Buffer &values, const Buffer &scores) {
    const Buffer &out = *c.output(0);
    Type f32 = out.element;
    float scale = c.real("scale", 0) != 0 ? c.real("scale", 0) : 1.0 / std::sqrt(double(z.headDim));
    float softcap = c.real("softcap", 0);
    Emitter::Values lines = {z.batch, e.i64(z.heads), z.rows};
    e.parallel(
        e.product(lines),
        [&](Value line) {
          Location loc = e.loc();
          Emitter::Values index = e.delinear(line, lines);
          Value batch = index[0], head = index[1], row = index[2], d = e.i64(z.headDim);
          Value last = e.add(pastOf(batch), row), end = atMost(e.add(last, e.i64(1)), z.total);
          Value begin = z.window > 0 ? atLeast(e.sub(end, e.i64(z.window)), e.i64(0)) : e.i64(0);
          Value kvHead = arith::DivUIOp::create(b, loc, head, e.i64(z.heads / z.kvHeads));
          Value kvBegin = e.mul(e.mul(e.add(e.mul(batch, e.i64(z.kvHeads)), kvHead), z.total), d);
          Value lineScores = e.mul(line, z.total), qBegin = e.mul(line, d);

          Value initial = e.real(f32, -std::numeric_limits<float>::infinity());
          if (c.input(11))
            initial = e.load(*c.input(11), head);
          else if (c.integer("smooth_softmax", 0))
            initial = e.real(f32, 0);
          bool sink = c.input(11) || c.integer("smooth_softmax", 0);
          Value largest = e.fold(begin, end, ValueRange{initial}, [&](Value j, ValueRange state) {
            Value s = dot(e, q, qBegin, keys, e.add(kvBegin, e.mul(j, d)), d);
            s = arith::MulFOp::create(b, loc, s, e.real(f32, scale));
            if (softcap != 0) {
              Value ratio = math::TanhOp::create(b, loc, arith::DivFOp::create(b, loc, s, e.real(f32, softcap)));
              s = arith::MulFOp::create(b, loc, ratio, e.real(f32, softcap));
            }
            e.store(scores, e.add(lineScores, j), s);
            return Emitter::Values{arith::MaximumFOp::create(b, loc, state[0], s)};
          })[0];
          Value start = e.real(f32, 0);
          if (sink)
            start = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, initial, largest));
          Value sum = e.fold(begin, end, ValueRange{start}, [&](Value j, ValueRange state) {
            Value at = e.add(lineScores, j);
            Value weight = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, e.load(scores, at), largest));
            e.store(scores, at, weight);
            return Emitter::Values{arith::AddFOp::create(b, loc, state[0], weight)};
          })[0];
          e.serial(e.i64(0), d, [&](Value column) {
            Value total = e.fold(begin, end, ValueRange{e.real(f32, 0)}, [&](Value j, ValueRange state) {
              Value v = e.load(values, e.add(e.add(kvBegin, e.mul(j, d)), column));
              return Emitter::Values{math::FmaOp::create(b, loc, e.load(scores, e.add(lineScores, j)), v, state[0])};
            })[0];
            Value position =
                e.add(e.mul(e.add(e.mul(e.add(e.mul(batch, z.rows), row), e.i64(z.heads)), head), d), column);
            e.store(out, position, arith::DivFOp::create(b, loc, total, sum));
          });
        },
        1);
  }

private:
  Value atLeast(Value x, Value bound) { return arith::MaxSIOp::create(b, e.loc(), x, bound); }
  Value atMost(Value x, Value bound) { return arith::MinSIOp::create(b, e.loc(), x, bound); }
  Value notOf(Value x) {
    return arith::XOrIOp::create(b, e.loc(), x, arith::ConstantIntOp::create(b, e.loc(), b.getI1Type(), 1));
  }

  OperatorContext &c;
  Emitter &e;
  OpBuilder &b;
  Sizes z;
};

} // namespace

LogicalResult janus::lowering::lowerGroupQueryAttention(OperatorContext &c) {
  for (unsigned unsupported : {10u, 12u, 13u, 14u, 15u})
    if (c.input(unsupported))
      return c.op->emitOpError("has input ")
             << unsupported << " (attention bias, cache scales or q/k norm weights), which is not supported";
  if (!c.integer("causal", 1) || c.integer("sliding_window_cache", 0) || c.integer("kv_cache_bit_width", 0) ||
      c.output(3))
    return c.op->emitOpError(
        "asks for a non-causal, circular or quantised cache or for its scores, which is not supported");
  const Buffer &query = *c.input(0);
  Sizes z;
  z.heads = c.integer("num_heads", 0), z.kvHeads = c.integer("kv_num_heads", 0),
  z.window = c.integer("local_window_size", -1);
  bool packed = !c.input(1);
  auto columns = query.shape.back().constant();
  int64_t queryHeads = packed ? z.heads + 2 * z.kvHeads : z.heads;
  if (z.heads <= 0 || z.kvHeads <= 0 || z.heads % z.kvHeads || !columns || *columns % queryHeads)
    return c.op->emitOpError("expects num_heads a multiple of kv_num_heads and query columns a multiple of the heads");
  z.headDim = *columns / queryHeads;
  auto lengths = c.input(5)->element;
  if (!lengths.isInteger(32) || (c.integer("do_rotary", 0) && (!c.input(7) || !c.input(8) || c.input(9))))
    return c.op->emitOpError("expects int32 seqlens_k and, with do_rotary, cos and sin caches without position ids");
  z.batch = query.extents[0], z.rows = query.extents[1];
  const Buffer *past = c.input(3);
  z.past = past ? past->extents[2] : c.e.i64(0);

  onnx::SymExpr totalShape =
      c.output(1) ? c.output(1)->shape[2] : query.shape[1] + (past ? past->shape[2] : onnx::SymExpr(0));
  z.total = c.e.expression(totalShape);
  SmallVector<onnx::SymExpr> cache = {query.shape[0], z.kvHeads, totalShape, z.headDim};
  Buffer keys = c.output(1) ? *c.output(1) : c.scratch(query.element, cache);
  Buffer values = c.output(2) ? *c.output(2) : c.scratch(query.element, cache);
  Buffer q = c.scratch(query.element, {query.shape[0], z.heads, query.shape[1], z.headDim});
  Buffer scores = c.scratch(query.element, {query.shape[0], z.heads, query.shape[1], totalShape});

  Attention attention(c, z);
  attention.append(keys, past, packed ? query : *c.input(1), packed ? z.heads : 0, true);
  attention.append(values, c.input(4), packed ? query : *c.input(2), packed ? z.heads + z.kvHeads : 0, false);
  c.e.fill(q, [&](ValueRange index) {
    Value position = c.e.add(attention.pastOf(index[0]), index[2]);
    return attention.rotated(query, index[0], index[2], c.e.mul(index[1], c.e.i64(z.headDim)), index[3], position);
  });
  attention.attend(q, keys, values, scores);
  return success();
}
