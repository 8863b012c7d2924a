// com.microsoft.MoE and QMoE over whole tensors: the router's choice per row, then one loop over (row, rank, inner) and
// one over (row, column). Ties go to the lower expert.
#include "lib/Lowering/Tensor/Formulas.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "lib/Lowering/Tensor/Quantised.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace janus::lowering;
using janus::onnx::SymExpr;
using Values = Emitter::Values;

namespace {

/// One matrix [rows, columns] and bias [rows] of each expert.
struct Layer {
  Blocks blocks; // of the matrices of all experts, one below the other
  const Buffer *bias = nullptr;
  int64_t rows = 0, columns = 0;

  /// Row `row` of expert `expert` times x, plus the bias.
  Value times(Emitter &e, Value expert, Value row, const Buffer &x, Value begin) const {
    Value line = e.add(e.mul(expert, e.i64(rows)), row);
    Value result = blocks.dotRow(e, line, x, begin);
    return bias ? sum(e, result, e.load(*bias, line)) : result;
  }
};

Value activate(Emitter &e, StringRef kind, Value x) {
  if (kind == "relu")
    return arith::MaximumFOp::create(e.b, e.loc(), x, e.real(x.getType(), 0));
  if (kind == "silu")
    return swish(e, x, 1);
  return kind == "gelu" ? geluTanh(e, x) : x; // as the operator defines gelu; identity
}

/// min(g, limit) * sigmoid(alpha * min(g, limit)) * (clamp(u, -limit, limit) + beta)
Value swiglu(OperatorContext &c, Value g, Value u) {
  Emitter &e = c.e;
  Type type = g.getType();
  if (c.op->hasAttr("swiglu_limit")) {
    Value limit = e.real(type, c.real("swiglu_limit", 0)), negative = e.real(type, -c.real("swiglu_limit", 0));
    g = arith::MinimumFOp::create(e.b, e.loc(), g, limit);
    u = arith::MaximumFOp::create(e.b, e.loc(), arith::MinimumFOp::create(e.b, e.loc(), u, limit), negative);
  }
  Value gate = sigmoid(e, multiply(e, g, e.real(type, c.real("activation_alpha", 1))));
  Value shifted = arith::AddFOp::create(e.b, e.loc(), u, e.real(type, c.real("activation_beta", 0)));
  return multiply(e, multiply(e, g, gate), shifted);
}

/// The best expert of a row behind the one before in the order (score descending, index ascending).
Values nextBest(Emitter &e, Value experts, Value lastScore, Value lastIndex, llvm::function_ref<Value(Value)> score) {
  auto &b = e.b;
  Value none = e.i64(-1), start = e.equal(lastIndex, none);
  Value lowestScore = e.real(lastScore.getType(), -std::numeric_limits<double>::infinity());
  return e.fold(e.i64(0), experts, ValueRange{lowestScore, none}, [&](Value i, ValueRange s) {
    Value here = score(i);
    Value below = arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OLT, here, lastScore);
    Value same = arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OEQ, here, lastScore);
    Value behind = e.either(start, e.either(below, e.both(same, e.less(lastIndex, i))));
    Value better =
        e.either(e.equal(s[1], none), arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OGT, here, s[0]));
    Value take = e.both(behind, better);
    return Values{e.select(take, here, s[0]), e.select(take, i, s[1])};
  });
}

struct Route {
  const Buffer &logits; // [.., E]
  const Buffer *given;  // router_weights [T, E]: weights of what the logits select
  const Buffer &ids, &weights;
  Value rows, experts;
  int64_t k;
};

/// ids[t, j] and weights[t, j] of the k largest of softmax(logits[t]), or of the given weights.
void route(OperatorContext &c, const Route &r) {
  Emitter &e = c.e;
  auto &b = e.b;
  Type type = computeType(r.weights.element);
  bool renormalise = c.integer("normalize_routing_weights", 0), sparse = c.integer("use_sparse_mixer", 0);
  e.parallel(
      r.rows,
      [&](Value row) {
        Location loc = e.loc();
        Value begin = e.mul(row, r.experts), slots = e.mul(row, e.i64(r.k)), zero = e.real(type, 0);
        auto logit = [&](Value i) { return e.load(r.logits, e.add(begin, i)); };
        Values top = nextBest(e, r.experts, zero, e.i64(-1), logit);
        Value shift = top[0];
        auto exponential = [&](Value i) -> Value {
          return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, logit(i), shift));
        };
        Value total = e.fold(e.i64(0), r.experts, ValueRange{zero}, [&](Value i, ValueRange s) {
          return Values{arith::AddFOp::create(b, loc, s[0], exponential(i))};
        })[0];
        /// SparseMixer: the softmax over experts that are not chosen yet and whose score is within 2 * 0.01 of the
        /// best.
        auto sparseWeight = [&](Value best, Value chosen) {
          Value most = logit(best);
          Value kept = e.fold(e.i64(0), r.experts, ValueRange{zero}, [&](Value i, ValueRange s) {
            Value here = logit(i);
            Value factor = arith::MaximumFOp::create(b, loc, math::AbsFOp::create(b, loc, here), most);
            Value distance = arith::DivFOp::create(b, loc, arith::SubFOp::create(b, loc, most, here), factor);
            Value drop =
                e.either(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, distance, e.real(type, 0.02)),
                         e.equal(i, chosen));
            Value term = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, here, most));
            return Values{e.select(drop, s[0], arith::AddFOp::create(b, loc, s[0], term))};
          })[0];
          return Value(arith::DivFOp::create(b, loc, e.real(type, 1), kept));
        };
        Value chosen = e.fold(e.i64(0), e.i64(r.k), ValueRange{zero, zero, e.i64(-1)}, [&](Value round, ValueRange s) {
          Values best = nextBest(e, r.experts, s[1], s[2], logit);
          Value id = e.max(best[1], e.i64(0)), at = e.add(slots, round); // numbers that are none select expert 0
          Value weight;
          if (r.given)
            weight = e.convert(e.load(*r.given, e.add(begin, id)), r.given->element, type);
          else if (sparse)
            weight = sparseWeight(id, s[2]);
          else
            weight = arith::DivFOp::create(b, loc, exponential(id), total);
          e.store(r.ids, at, id);
          e.store(r.weights, at, weight);
          return Values{arith::AddFOp::create(b, loc, s[0], weight), best[0], best[1]};
        })[0];
        if (renormalise && !sparse)
          e.serial(e.i64(0), e.i64(r.k), [&](Value round) {
            Value at = e.add(slots, round);
            e.store(r.weights, at, arith::DivFOp::create(b, loc, e.load(r.weights, at), chosen));
          });
      },
      1);
}

/// What MoE and QMoE have in common once their matrices can be read.
LogicalResult lowerExperts(OperatorContext &c, const Layer &fc1, const Layer &fc2, const Layer *fc3,
                           const Buffer *given) {
  Emitter &e = c.e;
  const Buffer &x = *c.input(0), &logits = *c.input(1), &y = *c.output(0);
  StringRef kind = c.text("activation_type", "relu");
  int64_t hidden = fc2.rows, inner = fc2.columns, k = c.integer("k", 1);
  auto experts = logits.shape.back().constant();
  if (!experts || k < 1 || k > *experts)
    return c.op->emitOpError("expects a known number of experts and 1 <= k <= experts; found k = ") << k;
  bool gated = kind == "swiglu", fused = gated && !fc3, concatenated = c.integer("swiglu_fusion", 0) == 2;
  int64_t rowsOfFc1 = fused ? 2 * inner : inner;
  if (fc1.rows != rowsOfFc1 || fc1.columns != hidden || !x.shape.back().isConstant(hidden))
    return c.op->emitOpError("expects fc1 [E, f*I, H] and fc2 [E, H, I] with H = ") << x.shape.back().str();
  SymExpr rows(1);
  for (const SymExpr &dim : ArrayRef(x.shape).drop_back())
    rows = rows * dim;
  Type type = computeType(x.element), i64 = e.b.getI64Type();
  Buffer ids = c.scratch(i64, {rows, k}), weights = c.scratch(type, {rows, k}), h = c.scratch(type, {rows, k, inner});
  route(c, {logits, given, ids, weights, e.expression(rows), e.i64(*experts), k});

  e.fill(h, [&](ValueRange index) {
    Value expert = e.load(ids, e.add(e.mul(index[0], e.i64(k)), index[1])), begin = e.mul(index[0], e.i64(hidden));
    auto row = [&](const Layer &layer, Value r) { return layer.times(e, expert, r, x, begin); };
    if (fused) {
      Value first = concatenated ? index[2] : e.mul(index[2], e.i64(2));
      Value second = concatenated ? e.add(index[2], e.i64(inner)) : e.add(first, e.i64(1));
      return swiglu(c, row(fc1, first), row(fc1, second));
    }
    Value g = row(fc1, index[2]);
    if (!fc3)
      return activate(e, kind, g);
    Value u = row(*fc3, index[2]);
    return gated ? swiglu(c, g, u) : multiply(e, activate(e, kind, g), u);
  });
  e.fillFlat(y, [&](Value position) {
    Value t = e.divide(position, e.i64(hidden)), column = e.sub(position, e.mul(t, e.i64(hidden)));
    return e.fold(e.i64(0), e.i64(k), ValueRange{e.real(type, 0)}, [&](Value rank, ValueRange state) {
      Value pair = e.add(e.mul(t, e.i64(k)), rank);
      Value value = fc2.times(e, e.load(ids, pair), column, h, e.mul(pair, e.i64(inner)));
      return Values{sum(e, state[0], multiply(e, e.load(weights, pair), value))};
    })[0];
  });
  return success();
}

FailureOr<Layer> layerOf(OperatorContext &c, const Buffer &weights, const Buffer *bias, int64_t pack) {
  auto rows = weights.shape[1].constant(), columns = weights.shape[2].constant();
  if (!rows || !columns)
    return c.op->emitOpError("expects weights of known extents [experts, rows, columns], found [")
           << weights.shape[0].str() << ", " << weights.shape[1].str() << ", " << weights.shape[2].str() << "]";
  return Layer{{}, bias, *rows, *columns * pack};
}

LogicalResult lowerMoE(OperatorContext &c) {
  Layer layers[3];
  const unsigned weights[] = {2, 4, 6};
  for (int i = 0; i < 3; ++i) {
    if (!c.input(weights[i]))
      continue;
    FailureOr<Layer> layer = layerOf(c, *c.input(weights[i]), c.input(weights[i] + 1), 1);
    if (failed(layer))
      return failure();
    layers[i] = *layer;
    layers[i].blocks = {c.input(weights[i]), nullptr, nullptr, layers[i].columns, 0, 0};
  }
  return lowerExperts(c, layers[0], layers[1], c.input(6) ? &layers[2] : nullptr, nullptr);
}

LogicalResult lowerQMoE(OperatorContext &c) {
  Layer layers[3];
  const unsigned weights[] = {2, 5, 8};
  int64_t bits = c.integer("expert_weight_bits", 4), block = c.integer("block_size", 0);
  for (int i = 0; i < 3; ++i) {
    if (!c.input(weights[i]))
      continue;
    FailureOr<Layer> layer = layerOf(c, *c.input(weights[i]), c.input(weights[i] + 2), 8 / bits);
    if (failed(layer))
      return failure();
    layers[i] = *layer;
    layers[i].blocks = {c.input(weights[i]),
                        c.input(weights[i] + 1),
                        c.input(11 + i),
                        layers[i].columns,
                        bits,
                        block ? block : layers[i].columns};
  }
  return lowerExperts(c, layers[0], layers[1], c.input(8) ? &layers[2] : nullptr, c.input(14));
}

} // namespace

OperatorLowering janus::lowering::findExperts(StringRef name) {
  return llvm::StringSwitch<OperatorLowering>(name).Case("MoE", lowerMoE).Case("QMoE", lowerQMoE).Default(nullptr);
}
