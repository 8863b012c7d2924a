#include "lib/Lowering/Tensor/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace janus::lowering;

// com.microsoft.MoE over whole tensors: the router's choice per row, then one loop over (row, rank, intermediate) and
// one over (row, column). Ties go to the lower expert.

namespace janus::lowering {
LogicalResult lowerMoE(OperatorContext &c);
} // namespace janus::lowering

namespace {

Value activate(OperatorContext &c, StringRef kind, Value x) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  Type f32 = x.getType();
  if (kind == "relu")
    return arith::MaximumFOp::create(b, loc, x, c.e.real(f32, 0));
  if (kind == "silu")
    return arith::MulFOp::create(b, loc, x, sigmoid(c.e, x));
  if (kind == "gelu") { // the tanh form, as the operator defines it
    Value cube = arith::MulFOp::create(b, loc, x, arith::MulFOp::create(b, loc, x, x));
    Value inner = arith::AddFOp::create(b, loc, x, arith::MulFOp::create(b, loc, cube, c.e.real(f32, 0.044715)));
    Value tanh = math::TanhOp::create(b, loc, arith::MulFOp::create(b, loc, inner, c.e.real(f32, 0.7978845608028654)));
    return arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, x, c.e.real(f32, 0.5)),
                                 arith::AddFOp::create(b, loc, tanh, c.e.real(f32, 1)));
  }
  return x; // identity
}

/// min(g, limit) * sigmoid(alpha * min(g, limit)) * (clamp(u, -limit, limit) + beta)
Value swiglu(OperatorContext &c, Value g, Value u) {
  auto &b = c.e.b;
  Location loc = c.e.loc();
  Type f32 = g.getType();
  if (c.op->hasAttr("swiglu_limit")) {
    Value limit = c.e.real(f32, c.real("swiglu_limit", 0)), negative = c.e.real(f32, -c.real("swiglu_limit", 0));
    g = arith::MinimumFOp::create(b, loc, g, limit);
    u = arith::MaximumFOp::create(b, loc, arith::MinimumFOp::create(b, loc, u, limit), negative);
  }
  Value gate = sigmoid(c.e, arith::MulFOp::create(b, loc, g, c.e.real(f32, c.real("activation_alpha", 1))));
  Value shifted = arith::AddFOp::create(b, loc, u, c.e.real(f32, c.real("activation_beta", 0)));
  return arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, g, gate), shifted);
}

/// ids[t, j] and weights[t, j] of the k largest of softmax(logits[t]).
void route(OperatorContext &c, const Buffer &logits, const Buffer &ids, const Buffer &weights, int64_t k) {
  auto &b = c.e.b;
  Type f32 = logits.element;
  bool renormalise = c.integer("normalize_routing_weights", 0);
  c.e.parallel(logits.extents[0], [&](Value row) {
    Location loc = c.e.loc();
    Value experts = logits.extents[1], begin = c.e.mul(row, experts), slots = c.e.mul(row, c.e.i64(k));
    Value lowest = c.e.real(f32, -std::numeric_limits<float>::infinity());
    auto logit = [&](Value i) { return c.e.load(logits, c.e.add(begin, i)); };
    Value largest = c.e.fold(c.e.i64(0), experts, ValueRange{lowest}, [&](Value i, ValueRange s) {
      return Emitter::Values{arith::MaximumFOp::create(b, loc, s[0], logit(i))};
    })[0];
    auto exponential = [&](Value i) -> Value {
      return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, logit(i), largest));
    };
    Value sum = c.e.fold(c.e.i64(0), experts, ValueRange{c.e.real(f32, 0)}, [&](Value i, ValueRange s) {
      return Emitter::Values{arith::AddFOp::create(b, loc, s[0], exponential(i))};
    })[0];
    Value chosen = c.e.fold(c.e.i64(0), c.e.i64(k), ValueRange{c.e.real(f32, 0)}, [&](Value round, ValueRange total) {
      Emitter::Values best =
          c.e.fold(c.e.i64(0), experts, ValueRange{lowest, c.e.i64(-1)}, [&](Value i, ValueRange state) {
            Value none = arith::ConstantIntOp::create(b, loc, b.getI1Type(), 0);
            Value taken = c.e.fold(c.e.i64(0), round, ValueRange{none}, [&](Value r, ValueRange any) {
              Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, c.e.load(ids, c.e.add(slots, r)), i);
              return Emitter::Values{arith::OrIOp::create(b, loc, any[0], same)};
            })[0];
            Value better = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, logit(i), state[0]);
            Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, state[1], c.e.i64(-1));
            Value free = arith::XOrIOp::create(b, loc, taken, arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1));
            Value take = arith::AndIOp::create(b, loc, free, arith::OrIOp::create(b, loc, better, first));
            return Emitter::Values{c.e.select(take, logit(i), state[0]), c.e.select(take, i, state[1])};
          });
      Value weight = arith::DivFOp::create(b, loc, exponential(best[1]), sum), at = c.e.add(slots, round);
      c.e.store(ids, at, best[1]);
      c.e.store(weights, at, weight);
      return Emitter::Values{arith::AddFOp::create(b, loc, total[0], weight)};
    })[0];
    if (renormalise)
      c.e.serial(c.e.i64(0), c.e.i64(k), [&](Value round) {
        Value at = c.e.add(slots, round);
        c.e.store(weights, at, arith::DivFOp::create(b, loc, c.e.load(weights, at), chosen));
      });
  });
}

} // namespace

LogicalResult janus::lowering::lowerMoE(OperatorContext &c) {
  const Buffer &x = *c.input(0), &logits = *c.input(1), &fc1 = *c.input(2), &fc2 = *c.input(4);
  const Buffer *bias1 = c.input(3), *bias2 = c.input(5), *fc3 = c.input(6), *bias3 = c.input(7);
  StringRef kind = c.text("activation_type", "relu");
  auto hidden = x.shape.back().constant(), experts = logits.shape.back().constant();
  int64_t k = c.integer("k", 1);
  if (c.integer("use_sparse_mixer", 0))
    return c.op->emitOpError("has use_sparse_mixer = 1, which is not supported");
  if (!hidden || !experts || k < 1 || k > *experts)
    return c.op->emitOpError("expects known hidden size and experts, and 1 <= k <= experts; found k = ") << k;
  auto inner = fc2.shape[2].constant();
  if (!inner || !fc1.shape[2].isConstant(*hidden) || !fc2.shape[1].isConstant(*hidden))
    return c.op->emitOpError("expects fc1 [E, f*I, H] and fc2 [E, H, I] with H = ") << *hidden;
  bool gated = kind == "swiglu", fused = gated && !fc3;
  int64_t width = *inner, f = fused ? 2 : 1;
  if (!fc1.shape[1].isConstant(f * width))
    return c.op->emitOpError("expects ") << f * width << " rows an expert in fc1, found " << fc1.shape[1].str();

  onnx::SymExpr rows = logits.shape[0];
  Type f32 = x.element, i64 = c.e.b.getI64Type();
  Buffer ids = c.scratch(i64, {rows, k}), weights = c.scratch(f32, {rows, k}), h = c.scratch(f32, {rows, k, width});
  route(c, logits, ids, weights, k);

  bool concatenated = c.integer("swiglu_fusion", 0) == 2;
  auto &b = c.e.b;
  c.e.fill(h, [&](ValueRange index) {
    Value expert = c.e.load(ids, c.e.add(c.e.mul(index[0], c.e.i64(k)), index[1])),
          xBegin = c.e.mul(index[0], c.e.i64(*hidden));
    auto row = [&](const Buffer &w, const Buffer *bias, Value r) {
      Value at = c.e.add(c.e.mul(expert, w.extents[1]), r);
      Value sum = dot(c.e, x, xBegin, w, c.e.mul(at, c.e.i64(*hidden)), c.e.i64(*hidden));
      return bias ? Value(arith::AddFOp::create(b, c.e.loc(), sum, c.e.load(*bias, at))) : sum;
    };
    if (fused) {
      Value first = concatenated ? index[2] : c.e.mul(index[2], c.e.i64(2));
      Value second = concatenated ? c.e.add(index[2], c.e.i64(width)) : c.e.add(first, c.e.i64(1));
      return swiglu(c, row(fc1, bias1, first), row(fc1, bias1, second));
    }
    Value g = row(fc1, bias1, index[2]);
    if (!fc3)
      return activate(c, kind, g);
    Value u = row(*fc3, bias3, index[2]);
    return gated ? swiglu(c, g, u) : Value(arith::MulFOp::create(b, c.e.loc(), activate(c, kind, g), u));
  });

  const Buffer &y = *c.output(0);
  c.e.parallel(c.e.product(y.extents), [&](Value position) {
    Location loc = c.e.loc();
    Value t = arith::DivUIOp::create(b, loc, position, c.e.i64(*hidden)),
          column = c.e.sub(position, c.e.mul(t, c.e.i64(*hidden)));
    Value sum = c.e.fold(c.e.i64(0), c.e.i64(k), ValueRange{c.e.real(f32, 0)}, [&](Value rank, ValueRange state) {
      Value pair = c.e.add(c.e.mul(t, c.e.i64(k)), rank),
            at = c.e.add(c.e.mul(c.e.load(ids, pair), c.e.i64(*hidden)), column);
      Value value = dot(c.e, h, c.e.mul(pair, c.e.i64(width)), fc2, c.e.mul(at, c.e.i64(width)), c.e.i64(width));
      if (bias2)
        value = arith::AddFOp::create(b, loc, value, c.e.load(*bias2, at));
      return Emitter::Values{
          arith::AddFOp::create(b, loc, state[0], arith::MulFOp::create(b, loc, c.e.load(weights, pair), value))};
    })[0];
    c.e.store(y, position, sum);
  });
  return success();
}
