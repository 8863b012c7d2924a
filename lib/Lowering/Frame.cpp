#include "lib/Lowering/Emission.h"

#include <cstddef>

using namespace mlir;

namespace janus::lowering {

Value Frame::rows(int64_t symbol) {
  Value symbols = code.field(call, offsetof(abi::Call, symbols), code.ptr);
  return code.field(symbols, symbol * 8, code.i64);
}

Value Frame::base(const View &view) {
  if (!view.workspace) {
    Value operands = code.field(call, offsetof(abi::Call, operands), code.ptr);
    return code.at(code.field(operands, view.index * 8, code.ptr), code.f32, view.offset);
  }
  Value workspace = code.field(call, offsetof(abi::Call, workspace), code.ptr);
  Value offset = code.index(view.offset);
  for (auto [symbol, columns] : llvm::enumerate(plan.prefix(view.index)))
    if (columns != 0)
      offset = code.add(offset, code.mul(rows(symbol), code.index(columns)));
  return code.at(workspace, code.f32, offset);
}

Value Frame::rowOf(const View &view, Value row) {
  return code.at(base(view), code.f32, code.mul(row, code.index(view.stride)));
}

Value Frame::weight(WeightLayout layout, ArrayRef<Value> parts, bool perExpert) {
  WeightTable known = plan.weights;
  unsigned index = known.add(layout, perExpert, parts);
  assert(index < plan.weights.entries.size() && "collectWeights lists every weight");
  Value table = code.field(call, offsetof(abi::Call, weights), code.ptr);
  return code.field(table, index * 8, code.ptr);
}

Value Frame::rowsWeight(Value value) { return value ? weight(WeightLayout::kRows, value) : code.null(); }

void emitParallel(Frame &frame, Value task, Value args, Value count, int64_t grain) {
  CodeBuilder &code = frame.code;
  Value host = code.field(frame.call, offsetof(abi::Call, host), code.ptr);
  Value context = code.field(frame.call, offsetof(abi::Call, context), code.ptr);
  Value parallel = code.field(host, offsetof(abi::Host, parallel), code.ptr);
  code.callPointer(parallel, {}, {context, task, args, count, code.index(grain)});
}

} // namespace janus::lowering
