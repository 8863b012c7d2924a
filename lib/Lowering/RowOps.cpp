#include "lib/Lowering/Emission.h"
#include "lib/Lowering/Polynomials.h"

#include "dialects/moe/IR/Formula.h"
#include "dialects/moe/IR/MoEOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus::lowering {
namespace {

/// y[c] = f(inputs[0][c], inputs[1][c], ...) for a row.
void emitLanes(Frame &frame, ArrayRef<Value> inputs, Value y, int64_t columns,
               llvm::function_ref<Value(ArrayRef<Value>)> f) {
  CodeBuilder &code = frame.code;
  code.forLanes(columns, [&](Value c, Value mask) {
    SmallVector<Value> loaded;
    for (Value input : inputs)
      loaded.push_back(code.loadLanes(input, c, mask));
    code.storeLanes(f(loaded), y, c, mask);
  });
}

void emitCopyRow(Frame &frame, Value from, Value to, int64_t columns) {
  emitLanes(frame, from, to, columns, [](ArrayRef<Value> x) { return x[0]; });
}

/// The i32 at position `row` of a value, as i64.
Value loadIndex(Frame &frame, Value indices, Value row) {
  CodeBuilder &code = frame.code;
  Value index = code.load(code.at(frame.base(indices), code.i32, row), code.i32, 4);
  return arith::ExtSIOp::create(code.b, code.loc, code.i64, index);
}

void emitEmbedding(Frame &frame, moe::EmbeddingOp op, Value row) {
  CodeBuilder &code = frame.code;
  int64_t columns = columnsOf(op.getTable().getType());
  Value from = code.at(frame.rowsWeight(op.getTable()), code.f32,
                       code.mul(loadIndex(frame, op.getIds(), row), code.index(columns)));
  emitCopyRow(frame, from, frame.row(op.getResult(), row), columns);
}

void emitArrange(Frame &frame, moe::ArrangeOp op, Value row) {
  CodeBuilder &code = frame.code;
  Value y = frame.row(op.getResult(), row);
  int64_t at = 0;
  for (ArrayRef<int64_t> runs = op.getRuns(); !runs.empty(); runs = runs.drop_front(3)) {
    Value x = frame.row(op.getInputs()[runs[0]], row);
    emitCopyRow(frame, code.at(x, code.f32, runs[1]), code.at(y, code.f32, at), runs[2]);
    at += runs[2];
  }
}

void emitSelect(Frame &frame, moe::SelectOp op, Value row) {
  emitCopyRow(frame, frame.row(op.getX(), loadIndex(frame, op.getWanted(), row)), frame.row(op.getResult(), row),
              columnsOf(op.getType()));
}

/// One segment: RMS: x / sqrt(mean(x^2) + eps) * scale; layer: (x - mean) / sqrt(mean((x - mean)^2) + eps) * scale +
/// bias.
void emitNormSegment(Frame &frame, moe::NormOp op, Value x, Value y, int64_t columns) {
  CodeBuilder &code = frame.code;
  Value count = code.real(static_cast<float>(columns));
  bool layer = op.getKind() == moe::NormKind::layer;
  Value mean;
  if (layer)
    mean = code.splat(code.divf(
        code.combineLanes(code.sumLanes(
            columns, [&](Value c, Value mask, Value sum) { return code.addf(sum, code.loadLanes(x, c, mask)); })),
        count));
  auto centered = [&](Value c, Value mask) {
    Value value = code.loadLanes(x, c, mask);
    return layer ? code.subf(value, mean) : value;
  };
  Value squares = code.combineLanes(code.sumLanes(columns, [&](Value c, Value mask, Value sum) {
    Value value = code.keep(centered(c, mask), layer ? mask : Value());
    return code.fma(value, value, sum);
  }));
  Value variance = code.addf(code.divf(squares, count), code.real(op.getEpsilon().convertToFloat()));
  Value inverse = code.splat(code.divf(code.real(1.0f), code.sqrt(variance)));
  Value scale = frame.rowsWeight(op.getScale());
  code.forLanes(columns, [&](Value c, Value mask) {
    Value value = code.mulf(code.mulf(centered(c, mask), inverse), code.loadLanes(scale, c, mask));
    if (op.getBias())
      value = code.addf(value, code.loadLanes(frame.rowsWeight(op.getBias()), c, mask));
    code.storeLanes(value, y, c, mask);
  });
}

/// Calls `body` with the address of each segment of `columns` columns of two rows.
void forSegments(CodeBuilder &code, int64_t segments, int64_t columns, Value x, Value y,
                 llvm::function_ref<void(Value, Value)> body) {
  if (segments == 1)
    return body(x, y);
  code.loop(code.index(0), code.index(segments), 1, [&](Value segment) {
    Value offset = code.mul(segment, code.index(columns));
    body(code.at(x, code.f32, offset), code.at(y, code.f32, offset));
  });
}

void emitNorm(Frame &frame, moe::NormOp op, Value row) {
  int64_t columns = columnsOf(op.getType());
  int64_t group = op.getGroup() ? op.getGroup() : columns;
  forSegments(frame.code, columns / group, group, frame.row(op.getX(), row), frame.row(op.getResult(), row),
              [&](Value x, Value y) { emitNormSegment(frame, op, x, y, group); });
}

/// Pairs (a, b) = (x[i], x[i + half]), interleaved (x[2i], x[2i + 1]), become (a cos - b sin, b cos + a sin).
void emitRotary(Frame &frame, moe::RotaryOp op, Value row) {
  CodeBuilder &code = frame.code;
  int64_t head = op.getHeadDim(), rotary = op.getRotaryDim(), half = rotary / 2, before = op.getOffset();
  Value offset = code.mul(loadIndex(frame, op.getPositions(), row), code.index(half));
  Value cos = code.at(frame.rowsWeight(op.getCos()), code.f32, offset);
  Value sin = code.at(frame.rowsWeight(op.getSin()), code.f32, offset);
  auto first = [&](Value a, Value b, Value c, Value s) { return code.subf(code.mulf(a, c), code.mulf(b, s)); };
  auto second = [&](Value a, Value b, Value c, Value s) { return code.addf(code.mulf(b, c), code.mulf(a, s)); };
  forSegments(code, columnsOf(op.getType()) / head, head, frame.row(op.getX(), row), frame.row(op.getResult(), row),
              [&](Value headX, Value headY) {
                Value x = before ? code.at(headX, code.f32, before) : headX;
                Value y = before ? code.at(headY, code.f32, before) : headY;
                if (before)
                  emitCopyRow(frame, headX, headY, before);
                if (op.getInterleaved()) {
                  code.loop(code.index(0), code.index(half), 1, [&](Value i) {
                    Value at = code.mul(i, code.index(2));
                    auto load = [&](Value from, Value index) {
                      return code.load(code.at(from, code.f32, index), code.f32, 4);
                    };
                    Value a = load(x, at), b = load(x, code.add(at, code.index(1))), c = load(cos, i), s = load(sin, i);
                    code.store(first(a, b, c, s), code.at(y, code.f32, at), 4);
                    code.store(second(a, b, c, s), code.at(y, code.f32, code.add(at, code.index(1))), 4);
                  });
                } else {
                  Value high = code.at(x, code.f32, half), highOut = code.at(y, code.f32, half);
                  code.forLanes(half, [&](Value i, Value mask) {
                    Value a = code.loadLanes(x, i, mask), b = code.loadLanes(high, i, mask);
                    Value c = code.loadLanes(cos, i, mask), s = code.loadLanes(sin, i, mask);
                    code.storeLanes(first(a, b, c, s), y, i, mask);
                    code.storeLanes(second(a, b, c, s), highOut, i, mask);
                  });
                }
                if (int64_t behind = head - before - rotary)
                  emitCopyRow(frame, code.at(x, code.f32, rotary), code.at(y, code.f32, rotary), behind);
              });
}

/// ((y[0] + y[1]) + ...) + shared + residual.
void emitCombine(Frame &frame, moe::CombineOp op, Value row) {
  CodeBuilder &code = frame.code;
  int64_t columns = columnsOf(op.getType());
  int64_t ranks = columnsOf(op.getY().getType()) / columns;
  SmallVector<Value> inputs;
  Value y = frame.row(op.getY(), row);
  for (int64_t rank = 0; rank < ranks; ++rank)
    inputs.push_back(code.at(y, code.f32, rank * columns));
  for (Value more : {op.getShared(), op.getResidual()})
    if (more)
      inputs.push_back(frame.row(more, row));
  emitLanes(frame, inputs, frame.row(op.getResult(), row), columns, [&](ArrayRef<Value> values) {
    Value sum = values[0];
    for (Value value : values.drop_front())
      sum = code.addf(sum, value);
    return sum;
  });
}

void emitActivate(Frame &frame, moe::ActivateOp op, Value row) {
  SmallVector<Value> inputs = {frame.row(op.getGate(), row)};
  if (op.getUp())
    inputs.push_back(frame.row(op.getUp(), row));
  emitLanes(frame, inputs, frame.row(op.getResult(), row), columnsOf(op.getType()), [&](ArrayRef<Value> values) {
    return emitActivation(frame.code, op.getActivation(), values[0], op.getUp() ? values[1] : Value());
  });
}

void emitGate(Frame &frame, moe::GateOp op, Value row) {
  CodeBuilder &code = frame.code;
  Value gate = emitSigmoid(code, code.splat(code.load(frame.row(op.getGate(), row), code.f32, 4)));
  emitLanes(frame, {frame.row(op.getX(), row)}, frame.row(op.getResult(), row), columnsOf(op.getType()),
            [&](ArrayRef<Value> values) { return code.mulf(values[0], gate); });
}

Value emitFormulaFn(CodeBuilder &code, moe::FormulaFn fn, Value a, Value b) {
  using moe::FormulaFn;
  switch (fn) {
  case FormulaFn::add:
    return code.addf(a, b);
  case FormulaFn::sub:
    return code.subf(a, b);
  case FormulaFn::mul:
    return code.mulf(a, b);
  case FormulaFn::div:
    return code.divf(a, b);
  case FormulaFn::max:
    return arith::MaximumFOp::create(code.b, code.loc, a, b);
  case FormulaFn::min:
    return arith::MinimumFOp::create(code.b, code.loc, a, b);
  case FormulaFn::neg:
    return arith::NegFOp::create(code.b, code.loc, a);
  case FormulaFn::abs: // a or -a, whichever is larger
    return arith::MaximumFOp::create(code.b, code.loc, a, arith::NegFOp::create(code.b, code.loc, a));
  case FormulaFn::sqrt:
    return code.sqrt(a);
  case FormulaFn::exp:
    return emitExp(code, a);
  case FormulaFn::log:
    return emitLog(code, a);
  case FormulaFn::tanh:
    return emitTanh(code, a);
  case FormulaFn::erf:
    return emitErf(code, a);
  case FormulaFn::sigmoid:
    return emitSigmoid(code, a);
  }
  return a;
}

void emitMap(Frame &frame, moe::MapOp op, Value row) {
  CodeBuilder &code = frame.code;
  int64_t columns = columnsOf(op.getType());
  SmallVector<Value> inputs, single(op.getInputs().size()); // addresses of columns; numbers that count for all columns
  SmallVector<unsigned> at(op.getInputs().size());
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    if (type.getRank() == 2 && type.getShape()[1] == 1 && columns != 1) {
      single[i] = code.splat(code.load(frame.row(input, row), code.f32, 4));
      continue;
    }
    at[i] = inputs.size();
    inputs.push_back(type.getRank() == 1 ? frame.rowsWeight(input) : frame.row(input, row));
  }
  emitLanes(frame, inputs, frame.row(op.getResult(), row), columns, [&](ArrayRef<Value> values) {
    return moe::evaluateFormula<Value>(
        op.getFormula(), [&](unsigned i) { return single[i] ? single[i] : values[at[i]]; },
        [&](float number) { return code.splat(number); },
        [&](moe::FormulaFn fn, Value a, Value b) { return emitFormulaFn(code, fn, a, b); });
  });
}

} // namespace

LogicalResult emitRowOp(Frame &frame, Operation *op, Value row) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](moe::EmbeddingOp op) { return emitEmbedding(frame, op, row), success(); })
      .Case([&](moe::SelectOp op) { return emitSelect(frame, op, row), success(); })
      .Case([&](moe::NormOp op) { return emitNorm(frame, op, row), success(); })
      .Case([&](moe::RotaryOp op) { return emitRotary(frame, op, row), success(); })
      .Case([&](moe::ArrangeOp op) { return emitArrange(frame, op, row), success(); })
      .Case([&](moe::CombineOp op) { return emitCombine(frame, op, row), success(); })
      .Case([&](moe::ActivateOp op) { return emitActivate(frame, op, row), success(); })
      .Case([&](moe::GateOp op) { return emitGate(frame, op, row), success(); })
      .Case([&](moe::MapOp op) { return emitMap(frame, op, row), success(); })
      .Case([&](moe::AddOp op) {
        emitLanes(frame, {frame.row(op.getA(), row), frame.row(op.getB(), row)}, frame.row(op.getResult(), row),
                  columnsOf(op.getType()), [&](ArrayRef<Value> x) { return frame.code.addf(x[0], x[1]); });
        return success();
      })
      .Default([](Operation *op) { return op->emitOpError("has no lowering to rows"); });
}

void emitCopy(Frame &frame, const View &from, const View &to, Value row) {
  emitCopyRow(frame, frame.rowOf(from, row), frame.rowOf(to, row), to.columns);
}

} // namespace janus::lowering
