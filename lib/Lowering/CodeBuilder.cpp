#include "lib/Lowering/CodeBuilder.h"

using namespace mlir;

namespace janus::lowering {

CodeBuilder::CodeBuilder(OpBuilder &builder, Location loc, Type lanes)
    : b(builder), loc(loc), ptr(LLVM::LLVMPointerType::get(builder.getContext())), f32(builder.getF32Type()),
      i32(builder.getI32Type()), i64(builder.getI64Type()),
      lanes(lanes ? lanes : VectorType::get({kLanes}, builder.getF32Type())) {}

Value CodeBuilder::index(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }
Value CodeBuilder::real(float value) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value)); }
Value CodeBuilder::null() { return LLVM::ZeroOp::create(b, loc, ptr); }
Value CodeBuilder::add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
Value CodeBuilder::mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }

Value CodeBuilder::field(Value structure, int64_t bytes, Type type) {
  return load(at(structure, b.getI8Type(), bytes), type, type == f32 || type == i32 ? 4 : 8);
}
void CodeBuilder::setField(Value structure, int64_t bytes, Value value) {
  store(value, at(structure, b.getI8Type(), bytes), value.getType() == f32 || value.getType() == i32 ? 4 : 8);
}
Value CodeBuilder::at(Value base, Type element, Value offset) {
  return LLVM::GEPOp::create(b, loc, ptr, element, base, ArrayRef<LLVM::GEPArg>{offset});
}
Value CodeBuilder::at(Value base, Type element, int64_t offset) {
  if (offset == 0)
    return base;
  if (offset < INT32_MAX)
    return LLVM::GEPOp::create(b, loc, ptr, element, base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
  return at(base, element, index(offset));
}
Value CodeBuilder::load(Value pointer, Type type, unsigned alignment) {
  return LLVM::LoadOp::create(b, loc, type, pointer, alignment);
}
void CodeBuilder::store(Value value, Value pointer, unsigned alignment) {
  LLVM::StoreOp::create(b, loc, value, pointer, alignment);
}
Value CodeBuilder::frame(int64_t bytes) {
  Value size = LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(bytes));
  return LLVM::AllocaOp::create(b, loc, ptr, b.getI8Type(), size, /*alignment=*/8);
}

Value CodeBuilder::splat(Value scalar) {
  Value undefined = LLVM::UndefOp::create(b, loc, lanes);
  Value zero = LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(0));
  Value first = LLVM::InsertElementOp::create(b, loc, undefined, scalar, zero);
  return LLVM::ShuffleVectorOp::create(b, loc, first, first, SmallVector<int32_t>(kLanes, 0));
}
Value CodeBuilder::splat(float value) {
  auto vector = dyn_cast<VectorType>(lanes);
  return vector ? Value(arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, value))) : real(value);
}
Value CodeBuilder::addf(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
Value CodeBuilder::subf(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
Value CodeBuilder::mulf(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
Value CodeBuilder::divf(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
Value CodeBuilder::fma(Value x, Value y, Value z) { return LLVM::FMAOp::create(b, loc, x, y, z); }
Value CodeBuilder::sqrt(Value x) { return LLVM::SqrtOp::create(b, loc, x.getType(), x); }

void CodeBuilder::loop(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

static Value tailMask(CodeBuilder &c, int64_t count) {
  SmallVector<bool> bits(kLanes);
  std::fill_n(bits.begin(), count, true);
  auto type = VectorType::get({kLanes}, c.b.getI1Type());
  return arith::ConstantOp::create(c.b, c.loc, DenseElementsAttr::get(type, ArrayRef<bool>(bits)));
}

void CodeBuilder::forLanes(int64_t columns, llvm::function_ref<void(Value, Value)> body) {
  int64_t whole = columns / kLanes * kLanes;
  if (whole == kLanes)
    body(index(0), {});
  else if (whole > 0)
    loop(index(0), index(whole), kLanes, [&](Value c) { body(c, {}); });
  if (columns > whole)
    body(index(whole), tailMask(*this, columns - whole));
}

Value CodeBuilder::sumLanes(int64_t columns, llvm::function_ref<Value(Value, Value, Value)> body) {
  int64_t whole = columns / kLanes * kLanes;
  Value sum = splat(0.0f);
  if (whole == kLanes) {
    sum = body(index(0), {}, sum);
  } else if (whole > 0) {
    auto loop = scf::ForOp::create(b, loc, index(0), index(whole), index(kLanes), sum);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b, loc, body(loop.getInductionVar(), {}, loop.getRegionIterArg(0)));
    sum = loop.getResult(0);
  }
  return columns > whole ? body(index(whole), tailMask(*this, columns - whole), sum) : sum;
}

Value CodeBuilder::combineLanes(Value value) {
  for (int32_t half = kLanes / 2; half >= 1; half /= 2) {
    SmallVector<int32_t> low, high;
    for (int32_t lane = 0; lane < half; ++lane) {
      low.push_back(lane);
      high.push_back(half + lane);
    }
    value = addf(LLVM::ShuffleVectorOp::create(b, loc, value, value, low),
                 LLVM::ShuffleVectorOp::create(b, loc, value, value, high));
  }
  return LLVM::ExtractElementOp::create(b, loc, value, LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(0)));
}

Value CodeBuilder::loadLanes(Value row, Value c, Value mask) {
  Value pointer = at(row, f32, c);
  if (!mask)
    return load(pointer, lanes, 4);
  return LLVM::MaskedLoadOp::create(b, loc, lanes, pointer, mask, splat(0.0f), 4);
}

void CodeBuilder::storeLanes(Value value, Value row, Value c, Value mask) {
  Value pointer = at(row, f32, c);
  if (!mask)
    store(value, pointer, 4);
  else
    LLVM::MaskedStoreOp::create(b, loc, value, pointer, mask, 4);
}

Value CodeBuilder::keep(Value value, Value mask) {
  return mask ? arith::SelectOp::create(b, loc, mask, value, splat(0.0f)).getResult() : value;
}

Value CodeBuilder::callPointer(Value callee, Type result, ValueRange arguments) {
  auto type = LLVM::LLVMFunctionType::get(result ? result : LLVM::LLVMVoidType::get(b.getContext()),
                                          llvm::to_vector(arguments.getTypes()));
  SmallVector<Value> operands = {callee};
  operands.append(arguments.begin(), arguments.end());
  auto call = LLVM::CallOp::create(b, loc, type, operands);
  return result ? call.getResult() : Value();
}

} // namespace janus::lowering
