#include "lib/Lowering/Tensor/AttentionCode.h"
#include "lib/Lowering/Tensor/Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace janus::lowering {
using Values = Emitter::Values;

void emitAttention(OperatorContext &c, const AttentionSpec &s, const Buffer &scores) {
  Emitter &e = c.e;
  auto &b = e.b;
  Type type = scores.element;
  Values lines = {s.batch, s.heads, s.rows};
  Value group = e.divide(s.heads, s.kvHeads);
  auto stage = [&](int64_t which, Value line, Value key, Value value) {
    if (s.scoresOut && s.scoresStage == which)
      e.store(*s.scoresOut, e.add(e.mul(line, s.total), key), value);
  };
  double infinity = std::numeric_limits<double>::infinity();
  e.parallel(
      e.product(lines),
      [&](Value line) {
        Location loc = e.loc();
        Values index = e.delinear(line, lines);
        Value batch = index[0], head = index[1], row = index[2];
        Value kvHead = e.add(e.mul(batch, s.kvHeads), e.divide(head, group));
        Value keyBegin = e.mul(e.mul(kvHead, s.total), s.keySize),
              valueBegin = e.mul(e.mul(kvHead, s.total), s.valueSize);
        Value lineScores = e.mul(line, s.total), qBegin = e.mul(line, s.keySize);
        auto [begin, end] = s.range(batch, row);
        Value none = e.real(type, -infinity);
        if (s.scoresOut) // keys that do not count
          e.serial(e.i64(0), s.total, [&](Value key) {
            Value product = dot(e, *s.q, qBegin, *s.keys, e.add(keyBegin, e.mul(key, s.keySize)), s.keySize);
            product = multiply(e, product, e.real(type, s.scale));
            stage(0, line, key, product);
            if (s.softcap != 0)
              product = multiply(
                  e, math::TanhOp::create(b, loc, arith::DivFOp::create(b, loc, product, e.real(type, s.softcap))),
                  e.real(type, s.softcap));
            stage(1, line, key, product);
            if (s.bias)
              product = sum(e, product, s.bias(batch, head, row, key));
            Value counts = e.both(e.negated(e.less(key, begin)), e.less(key, end));
            if (s.counts)
              counts = e.both(counts, s.counts(batch, head, row, key));
            stage(2, line, key, e.select(counts, product, none));
            stage(3, line, key, e.real(type, 0));
          });
        Value start = s.sink ? s.sink(head) : none;
        Value most = e.fold(begin, end, ValueRange{start}, [&](Value key, ValueRange state) {
          Value score = dot(e, *s.q, qBegin, *s.keys, e.add(keyBegin, e.mul(key, s.keySize)), s.keySize);
          score = multiply(e, score, e.real(type, s.scale));
          if (s.softcap != 0) {
            Value ratio = math::TanhOp::create(b, loc, arith::DivFOp::create(b, loc, score, e.real(type, s.softcap)));
            score = multiply(e, ratio, e.real(type, s.softcap));
          }
          if (s.bias)
            score = sum(e, score, s.bias(batch, head, row, key));
          score = e.rounded(score, s.softmaxType);
          if (s.counts)
            score = e.select(s.counts(batch, head, row, key), score, none);
          e.store(scores, e.add(lineScores, key), score);
          return Values{arith::MaximumFOp::create(b, loc, state[0], score)};
        })[0];
        // Without a key that counts the largest score is -infinity, and every weight is made 0.
        Value empty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, most, none);
        Value shift = e.select(empty, e.real(type, 0), most);
        Value initial =
            s.sink ? Value(math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, start, shift))) : e.real(type, 0);
        Value total = e.fold(begin, end, ValueRange{initial}, [&](Value key, ValueRange state) {
          Value at = e.add(lineScores, key);
          Value weight = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, e.load(scores, at), shift));
          e.store(scores, at, weight);
          return Values{arith::AddFOp::create(b, loc, state[0], weight)};
        })[0];
        Value divisor = e.select(empty, e.real(type, 1), total);
        if (s.softmaxType || (s.scoresOut && s.scoresStage == 3))
          e.serial(begin, end, [&](Value key) {
            Value at = e.add(lineScores, key);
            Value weight = e.rounded(arith::DivFOp::create(b, loc, e.load(scores, at), divisor), s.softmaxType);
            if (s.softmaxType)
              e.store(scores, at, weight);
            stage(3, line, key, weight);
          });
        e.serial(e.i64(0), s.valueSize, [&](Value column) {
          Value y = e.fold(begin, end, ValueRange{e.real(type, 0)}, [&](Value key, ValueRange state) {
            Value v = e.load(*s.values, e.add(e.add(valueBegin, e.mul(key, s.valueSize)), column));
            return Values{math::FmaOp::create(b, loc, e.load(scores, e.add(lineScores, key)), v, state[0])};
          })[0];
          Value place = s.rowMajor ? e.add(e.mul(e.add(e.mul(batch, s.rows), row), s.heads), head) : line;
          if (!s.softmaxType)
            y = arith::DivFOp::create(b, loc, y, divisor);
          e.store(*s.out, e.add(e.mul(place, s.valueSize), column), y);
        });
      },
      1);
}

Value HeadView::begin(Emitter &e, Value batch, Value head, Value row) const {
  if (buffer.rank() == 4)
    return e.mul(e.linear({batch, head, row}, ArrayRef(buffer.extents).take_front(3)), headSize);
  Value rows = buffer.extents[1], line = e.add(e.mul(batch, rows), row);
  if (buffer.rank() == 5) // [B, S, heads, parts, d]
    return e.mul(e.add(e.mul(e.add(e.mul(line, e.i64(heads)), head), e.i64(parts)), e.i64(part)), headSize);
  return e.add(e.mul(line, buffer.extents[2]), e.mul(e.add(head, e.i64(first)), headSize));
}

double attentionScale(const OperatorContext &c, const onnx::SymExpr &headSize) {
  double scale = c.real("scale", 0);
  return scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(headSize.constant().value_or(1)));
}

Value rotated(Emitter &e, const Buffer &x, Value begin, Value column, Value angles, bool interleaved, const Buffer &cos,
              const Buffer &sin, llvm::function_ref<Value(Value)> entry) {
  Value width = e.add(angles, angles), isRotated = e.less(column, width), safe = e.select(isRotated, column, e.i64(0));
  return e.branch(
      isRotated,
      [&] {
        Value isFirst, angle, partner;
        if (interleaved) {
          angle = arith::ShRUIOp::create(e.b, e.loc(), safe, e.i64(1));
          Value odd = arith::AndIOp::create(e.b, e.loc(), safe, e.i64(1));
          isFirst = e.equal(odd, e.i64(0));
          partner = e.select(isFirst, e.add(safe, e.i64(1)), e.sub(safe, e.i64(1)));
        } else {
          isFirst = e.less(safe, angles);
          angle = e.select(isFirst, safe, e.sub(safe, angles));
          partner = e.select(isFirst, e.add(safe, angles), e.sub(safe, angles));
        }
        Value at = entry(angle);
        Value other = multiply(e, e.load(x, e.add(begin, partner)), e.load(sin, at));
        Value own = multiply(e, e.load(x, e.add(begin, safe)), e.load(cos, at));
        return e.select(isFirst, arith::SubFOp::create(e.b, e.loc(), own, other),
                        arith::AddFOp::create(e.b, e.loc(), own, other));
      },
      [&] { return e.load(x, e.add(begin, column)); });
}

} // namespace janus::lowering
