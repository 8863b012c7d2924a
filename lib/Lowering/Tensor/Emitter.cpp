#include "lib/Lowering/Tensor/Emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace janus::lowering;

bool janus::lowering::isStored(Type type) {
  if (type.isF32() || type.isF64() || type.isF16() || type.isBF16() || type.isSignlessInteger(1))
    return true;
  auto integer = dyn_cast<IntegerType>(type);
  return integer && !integer.isSigned() && llvm::is_contained({2u, 4u, 8u, 16u, 32u, 64u}, integer.getWidth());
}

bool janus::lowering::isBelowByte(Type type) {
  return isa<IntegerType>(type) && llvm::is_contained({2u, 4u}, type.getIntOrFloatBitWidth());
}

int64_t janus::lowering::elementBytes(Type type) { return std::max<int64_t>(1, type.getIntOrFloatBitWidth() / 8); }

Type janus::lowering::computeType(Type stored) {
  if (stored.isF16() || stored.isBF16())
    return Float32Type::get(stored.getContext());
  if (auto integer = dyn_cast<IntegerType>(stored))
    return IntegerType::get(stored.getContext(), integer.getWidth());
  return stored;
}

Value Emitter::i64(int64_t value) { return integer(b.getI64Type(), value); }
Value Emitter::i1(bool value) { return integer(b.getI1Type(), value); }
Value Emitter::integer(Type type, int64_t value) { return arith::ConstantIntOp::create(b, loc_, type, value); }
Value Emitter::real(Type type, double value) { return arith::ConstantOp::create(b, loc_, b.getFloatAttr(type, value)); }
Value Emitter::number(Type type, double value) {
  return isa<FloatType>(type) ? real(type, value) : integer(type, static_cast<int64_t>(value));
}
Value Emitter::add(Value x, Value y) { return b.createOrFold<arith::AddIOp>(loc_, x, y); }
Value Emitter::sub(Value x, Value y) { return b.createOrFold<arith::SubIOp>(loc_, x, y); }
Value Emitter::mul(Value x, Value y) { return b.createOrFold<arith::MulIOp>(loc_, x, y); }
Value Emitter::divide(Value x, Value y) { return b.createOrFold<arith::DivUIOp>(loc_, x, y); }
Value Emitter::min(Value x, Value y) { return b.createOrFold<arith::MinSIOp>(loc_, x, y); }
Value Emitter::max(Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(loc_, x, y); }
Value Emitter::less(Value x, Value y) { return b.createOrFold<arith::CmpIOp>(loc_, arith::CmpIPredicate::slt, x, y); }
Value Emitter::equal(Value x, Value y) { return b.createOrFold<arith::CmpIOp>(loc_, arith::CmpIPredicate::eq, x, y); }
Value Emitter::both(Value x, Value y) { return b.createOrFold<arith::AndIOp>(loc_, x, y); }
Value Emitter::either(Value x, Value y) { return b.createOrFold<arith::OrIOp>(loc_, x, y); }
Value Emitter::negated(Value x) { return b.createOrFold<arith::XOrIOp>(loc_, x, i1(true)); }
Value Emitter::select(Value condition, Value x, Value y) {
  return b.createOrFold<arith::SelectOp>(loc_, condition, x, y);
}
Value Emitter::fromFront(Value position, Value extent) {
  return select(less(position, i64(0)), add(position, extent), position);
}

Value Emitter::product(ValueRange extents) {
  Value result = i64(1);
  for (Value extent : extents)
    result = mul(result, extent);
  return result;
}

// SymExpr's canonical text: sums and products of integers, names, parentheses and function calls.
Value Emitter::primary(StringRef &text) {
  text = text.ltrim();
  if (text.consume_front("-"))
    return sub(i64(0), primary(text));
  if (text.consume_front("(")) {
    Value inner = parse(text, 0);
    text = text.ltrim();
    text.consume_front(")");
    return inner;
  }
  StringRef word = text.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
  text = text.drop_front(word.size());
  int64_t number;
  if (!word.getAsInteger(10, number))
    return i64(number);
  if (!text.consume_front("("))
    return symbols_.lookup(word);
  Value x = parse(text, 0);
  text = text.ltrim();
  text.consume_front(",");
  Value y = parse(text, 0);
  text = text.ltrim();
  text.consume_front(")");
  if (!x || !y)
    return {};
  if (word == "floordiv")
    return b.createOrFold<arith::FloorDivSIOp>(loc_, x, y);
  if (word == "ceildiv")
    return b.createOrFold<arith::CeilDivSIOp>(loc_, x, y);
  if (word == "mod")
    return sub(x, mul(b.createOrFold<arith::FloorDivSIOp>(loc_, x, y), y));
  return word == "min" ? b.createOrFold<arith::MinSIOp>(loc_, x, y) : b.createOrFold<arith::MaxSIOp>(loc_, x, y);
}

Value Emitter::parse(StringRef &text, int minimumPrecedence) {
  Value left = primary(text);
  while (left) {
    text = text.ltrim();
    char symbol = text.empty() ? 0 : text.front();
    int precedence = symbol == '*' ? 2 : symbol == '+' || symbol == '-' ? 1 : 0;
    if (precedence <= minimumPrecedence)
      break;
    text = text.drop_front();
    Value right = parse(text, precedence);
    if (!right)
      return {};
    left = symbol == '*' ? mul(left, right) : symbol == '+' ? add(left, right) : sub(left, right);
  }
  return left;
}

Value Emitter::expression(const onnx::SymExpr &expression) {
  std::string text = expression.str();
  StringRef rest = text;
  return parse(rest, 0);
}

Value Emitter::address(const Buffer &buffer, Value linear) {
  Type stored = buffer.element.isInteger(1) || isBelowByte(buffer.element) ? b.getI8Type() : buffer.element;
  if (isa<IntegerType>(stored))
    stored = computeType(stored);
  return LLVM::GEPOp::create(b, loc_, LLVM::LLVMPointerType::get(b.getContext()), stored, buffer.pointer,
                             ValueRange{linear});
}

Value Emitter::load(const Buffer &buffer, Value linear) {
  Type compute = computeType(buffer.element);
  if (isBelowByte(buffer.element)) {
    int64_t fields = buffer.packed ? 8 / compute.getIntOrFloatBitWidth() : 1;
    Value place = fields > 1 ? divide(linear, i64(fields)) : linear;
    Value byte = LLVM::LoadOp::create(b, loc_, b.getI8Type(), address(buffer, place));
    if (fields > 1) {
      Value field = sub(linear, mul(place, i64(fields)));
      Value shift = arith::TruncIOp::create(b, loc_, b.getI8Type(), mul(field, i64(8 / fields)));
      byte = arith::ShRUIOp::create(b, loc_, byte, shift);
    }
    return arith::TruncIOp::create(b, loc_, compute, byte);
  }
  Value pointer = address(buffer, linear);
  if (compute.isInteger(1)) {
    Value byte = LLVM::LoadOp::create(b, loc_, b.getI8Type(), pointer);
    return arith::CmpIOp::create(b, loc_, arith::CmpIPredicate::ne, byte, integer(b.getI8Type(), 0));
  }
  if (buffer.element.isF16() || buffer.element.isBF16())
    return arith::ExtFOp::create(b, loc_, compute, Value(LLVM::LoadOp::create(b, loc_, buffer.element, pointer)));
  return LLVM::LoadOp::create(b, loc_, compute, pointer);
}

Value Emitter::loadIndex(const Buffer &buffer, Value linear) {
  return convert(load(buffer, linear), buffer.element, b.getI64Type());
}

void Emitter::store(const Buffer &buffer, Value linear, Value value) {
  Value pointer = address(buffer, linear);
  if (buffer.element.isInteger(1) || isBelowByte(buffer.element))
    value = arith::ExtUIOp::create(b, loc_, b.getI8Type(), value);
  else if (buffer.element.isF16() || buffer.element.isBF16())
    value = arith::TruncFOp::create(b, loc_, buffer.element, value);
  LLVM::StoreOp::create(b, loc_, value, pointer);
}

Value Emitter::linear(ValueRange index, ValueRange extents) {
  Value result = i64(0);
  for (auto [i, extent] : llvm::zip(index, extents))
    result = add(mul(result, extent), i);
  return result;
}

Emitter::Values Emitter::delinear(Value linear, ValueRange extents) {
  Values index(extents.size());
  for (size_t d = extents.size(); d-- > 1;) {
    Value quotient = arith::DivUIOp::create(b, loc_, linear, extents[d]);
    index[d] = sub(linear, mul(quotient, extents[d]));
    linear = quotient;
  }
  if (!index.empty())
    index[0] = linear;
  return index;
}

Value Emitter::broadcastPosition(const Buffer &buffer, ValueRange index) {
  Values own;
  ValueRange trailing = index.take_back(buffer.rank());
  for (auto [i, shape, extent] : llvm::zip(trailing, buffer.shape, buffer.extents)) {
    if (shape.isConstant(1))
      own.push_back(i64(0));
    else if (shape.constant())
      own.push_back(i);
    else // a symbolic extent may be 1 at run time
      own.push_back(select(equal(extent, i64(1)), i64(0), i));
  }
  return linear(own, buffer.extents);
}

Value Emitter::loadBroadcast(const Buffer &buffer, ValueRange index) {
  return load(buffer, broadcastPosition(buffer, index));
}

void Emitter::serial(Value begin, Value end, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc_, begin, end, i64(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void Emitter::parallel(Value count, llvm::function_ref<void(Value)> body, int64_t grain) {
  auto loop = scf::ForOp::create(b, loc_, i64(0), count, i64(1));
  loop->setAttr("janus.parallel", b.getI64IntegerAttr(grain));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

Emitter::Values Emitter::fold(Value begin, Value end, ValueRange initial,
                              llvm::function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc_, begin, end, i64(1), initial);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc_, next);
  return Values(loop.getResults());
}

Value Emitter::branch(Value condition, llvm::function_ref<Value()> yes, llvm::function_ref<Value()> no) {
  // The type is that of the values: made in a block that is moved into the op.
  Block first, second;
  auto make = [&](Block &block, llvm::function_ref<Value()> body) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&block);
    Value result = body();
    scf::YieldOp::create(b, loc_, result);
    return result.getType();
  };
  Type type = make(first, yes);
  make(second, no);
  auto op = scf::IfOp::create(b, loc_, TypeRange{type}, condition, true);
  op.thenBlock()->getOperations().splice(op.thenBlock()->begin(), first.getOperations());
  op.elseBlock()->getOperations().splice(op.elseBlock()->begin(), second.getOperations());
  return op.getResult(0);
}

void Emitter::when(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc_, condition, false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

void Emitter::fill(const Buffer &out, llvm::function_ref<Value(ValueRange)> element) {
  fillFlat(out, [&](Value position) { return element(delinear(position, out.extents)); });
}

void Emitter::fillFlat(const Buffer &out, llvm::function_ref<Value(Value)> element) {
  parallel(product(out.extents), [&](Value position) { store(out, position, element(position)); });
}
