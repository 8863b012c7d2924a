// Operators that carry a state from one call to the next.
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace janus::lowering;
using Values = Emitter::Values;

namespace {

/// The output at position t sums weight[j] * x[t - (k - 1) + j], positions before 0 from the state.
LogicalResult lowerCausalConv(OperatorContext &c) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &w = *c.input(1), &y = *c.output(0);
  const Buffer *bias = c.input(2), *past = c.input(3), *present = c.output(1);
  Value taps = w.extents[2], kept = e.sub(taps, e.i64(1)), zero = e.real(computeType(x.element), 0);
  bool silu = c.text("activation", "none") != "none";
  /// Element `position` of the sequence that starts with the state: [0, k - 1) is the state.
  auto at = [&](Value batch, Value channel, Value position) {
    return e.branch(
        e.less(position, kept),
        [&] { return past ? e.load(*past, e.linear({batch, channel, position}, past->extents)) : zero; },
        [&] { return e.load(x, e.linear({batch, channel, e.sub(position, kept)}, x.extents)); });
  };
  e.fill(y, [&](ValueRange index) {
    Value initial = bias ? e.load(*bias, index[1]) : zero;
    Value result = e.fold(e.i64(0), taps, ValueRange{initial}, [&](Value j, ValueRange s) {
      return Values{
          multiplyAdd(e, at(index[0], index[1], e.add(index[2], j)), e.load(w, e.add(e.mul(index[1], taps), j)), s[0])};
    })[0];
    return silu ? swish(e, result, 1) : result;
  });
  if (present)
    e.fill(*present, [&](ValueRange index) { return at(index[0], index[1], e.add(index[2], x.extents[2])); });
  return success();
}

/// Heads in parallel, tokens in order; the state is kept in the compute type and rounded once at the end.
LogicalResult lowerLinearAttention(OperatorContext &c) {
  Emitter &e = c.e;
  auto &b = e.b;
  const Buffer &q = *c.input(0), &k = *c.input(1), &v = *c.input(2), &y = *c.output(0);
  const Buffer *past = c.input(3), *decay = c.input(4), *beta = c.input(5);
  StringRef rule = c.text("update_rule", "gated_delta");
  bool gated = rule.starts_with("gated"), delta = rule.ends_with("delta");
  int64_t heads = c.integer("q_num_heads", 1), kvHeads = c.integer("kv_num_heads", 1);
  Value rows = q.extents[1], size = e.divide(k.extents[2], e.i64(kvHeads)),
        valueSize = e.divide(v.extents[2], e.i64(kvHeads));
  Type type = computeType(q.element);
  auto known = q.shape[2].constant();
  double scale = c.real("scale", 0);
  if (scale == 0 && !known)
    return c.op->emitOpError("expects heads of a known size, or a scale");
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<double>(*known / heads));
  using janus::onnx::SymExpr;
  SymExpr keyColumns = SymExpr::floordiv(k.shape[2], SymExpr(kvHeads)),
          valueColumns = SymExpr::floordiv(v.shape[2], SymExpr(kvHeads));
  Buffer state = c.scratch(type, {q.shape[0], kvHeads, keyColumns, valueColumns});
  Buffer correction = c.scratch(type, {q.shape[0], kvHeads, valueColumns});
  int64_t group = heads / kvHeads;
  Value lines = e.mul(q.extents[0], e.i64(kvHeads));
  e.parallel(
      lines,
      [&](Value line) {
        Location loc = e.loc();
        Value batch = e.divide(line, e.i64(kvHeads)), head = e.sub(line, e.mul(batch, e.i64(kvHeads)));
        Value cells = e.mul(size, valueSize), begin = e.mul(line, cells), row0 = e.mul(batch, rows),
              corrections = e.mul(line, valueSize);
        e.serial(e.i64(0), cells, [&](Value i) {
          Value at = e.add(begin, i);
          e.store(state, at, past ? e.convert(e.load(*past, at), past->element, type) : e.real(type, 0));
        });
        auto cell = [&](Value i, Value j) { return e.add(begin, e.add(e.mul(i, valueSize), j)); };
        e.serial(e.i64(0), rows, [&](Value t) {
          Value row = e.add(row0, t);
          auto column = [&](const Buffer &x, Value h, Value width, Value i) {
            return e.load(x, e.add(e.mul(row, x.extents[2]), e.add(e.mul(h, width), i)));
          };
          if (gated) {
            bool each = !(decay->shape[2] == SymExpr(kvHeads)); // a decay for each key column
            e.serial(e.i64(0), size, [&](Value i) {
              Value g = each ? column(*decay, head, size, i) : column(*decay, head, e.i64(1), e.i64(0));
              Value factor = math::ExpOp::create(b, loc, e.convert(g, computeType(decay->element), type));
              e.serial(e.i64(0), valueSize,
                       [&](Value j) { e.store(state, cell(i, j), multiply(e, e.load(state, cell(i, j)), factor)); });
            });
          }
          e.serial(e.i64(0), valueSize, [&](Value j) { // what is written: v, or beta * (v - S^T k)
            Value written = column(v, head, valueSize, j);
            if (delta) {
              Value read = e.fold(e.i64(0), size, ValueRange{e.real(type, 0)}, [&](Value i, ValueRange s) {
                return Values{math::FmaOp::create(b, loc, column(k, head, size, i), e.load(state, cell(i, j)), s[0])};
              })[0];
              bool one = beta->shape[2].isConstant(1);
              Value rate = column(*beta, one ? e.i64(0) : head, e.i64(1), e.i64(0));
              written = multiply(e, e.convert(rate, computeType(beta->element), type),
                                 arith::SubFOp::create(b, loc, written, read));
            }
            e.store(correction, e.add(corrections, j), written);
          });
          e.serial(e.i64(0), size, [&](Value i) {
            Value key = column(k, head, size, i);
            e.serial(e.i64(0), valueSize, [&](Value j) {
              Value written = e.load(correction, e.add(corrections, j));
              e.store(state, cell(i, j), math::FmaOp::create(b, loc, key, written, e.load(state, cell(i, j))));
            });
          });
          e.serial(e.i64(0), e.i64(group), [&](Value member) {
            Value own = e.add(e.mul(head, e.i64(group)), member);
            e.serial(e.i64(0), valueSize, [&](Value j) {
              Value total = e.fold(e.i64(0), size, ValueRange{e.real(type, 0)}, [&](Value i, ValueRange s) {
                return Values{math::FmaOp::create(b, loc, column(q, own, size, i), e.load(state, cell(i, j)), s[0])};
              })[0];
              Value at = e.add(e.mul(row, y.extents[2]), e.add(e.mul(own, valueSize), j));
              e.store(y, at, multiply(e, total, e.real(type, scale)));
            });
          });
        });
      },
      1);
  if (c.output(1))
    e.fillFlat(*c.output(1),
               [&](Value at) { return e.convert(e.load(state, at), type, computeType(c.output(1)->element)); });
  return success();
}

} // namespace

OperatorLowering janus::lowering::findState(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name)
      .Cases({"CausalConvWithState", "microsoft.CausalConvWithState"}, lowerCausalConv)
      .Cases({"LinearAttention", "microsoft.LinearAttention"}, lowerLinearAttention)
      .Default(nullptr);
}
