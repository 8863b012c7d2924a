// Where values lie, and what generated code reads of a call.
#include "lib/Lowering/Tensor/TensorFunction.h"

#include "absl/strings/str_cat.h"
#include "janus/ABI/Program.h"

using namespace mlir;

namespace janus::lowering {

Workspace::Workspace(Emitter &emitter) : e(emitter), last_(&e.b.getInsertionBlock()->back()) {}

unsigned Workspace::acquire(const SymExpr &bytes) {
  auto &free = free_[bytes.str()];
  if (!free.empty())
    return free.pop_back_val();
  // In the entry block: a part that one branch takes first serves others too.
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointAfter(last_);
  offsets_.push_back(end_ ? end_ : e.i64(0));
  sizes_.push_back(SymExpr::ceildiv(bytes, abi::kAlignment) * SymExpr(abi::kAlignment));
  end_ = e.add(offsets_.back(), e.expression(sizes_.back()));
  last_ = &*std::prev(e.b.getInsertionPoint());
  keys_.push_back(bytes.str());
  return offsets_.size() - 1;
}

Type TensorFunction::pointerType() { return LLVM::LLVMPointerType::get(builder_.getContext()); }

Location TensorFunction::loc() { return function_.getLoc(); }

Value TensorFunction::at(Value base, int64_t bytes) {
  return LLVM::GEPOp::create(builder_, loc(), pointerType(), builder_.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
}

Value TensorFunction::field(Value base, int64_t bytes) {
  return LLVM::LoadOp::create(builder_, loc(), pointerType(), at(base, bytes));
}

Value TensorFunction::slot(Value table, int64_t index, Type type) {
  Value address =
      LLVM::GEPOp::create(builder_, loc(), pointerType(), type, table, ArrayRef<LLVM::GEPArg>{int32_t(index)});
  return LLVM::LoadOp::create(builder_, loc(), type, address);
}

Value TensorFunction::host(int64_t offset) { return field(field(call_, offsetof(abi::Call, host)), offset); }

Value TensorFunction::context() { return field(call_, offsetof(abi::Call, context)); }

Value TensorFunction::frame(int64_t words) {
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToStart(&code_.getBody().front());
  Value count = LLVM::ConstantOp::create(builder_, loc(), builder_.getI64Type(), std::max<int64_t>(words, 1));
  return LLVM::AllocaOp::create(builder_, loc(), pointerType(), builder_.getI64Type(), count);
}

Value TensorFunction::text(const std::string &value) {
  auto [entry, fresh] = texts_.try_emplace(value, absl::StrCat(prefix_, "text.", texts_.size()));
  if (fresh) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(module_.getBody());
    std::string bytes = value + '\0';
    auto type = LLVM::LLVMArrayType::get(builder_.getI8Type(), bytes.size());
    LLVM::GlobalOp::create(builder_, loc(), type, true, LLVM::Linkage::Internal, entry->second,
                           builder_.getStringAttr(bytes));
  }
  return LLVM::AddressOfOp::create(builder_, loc(), pointerType(), entry->second);
}

FailureOr<Buffer> TensorFunction::bufferOf(Type type, Value pointer, Operation *op) {
  Buffer buffer{pointer, cast<RankedTensorType>(type).getElementType(), {}, {}};
  const auto dims = onnx::getDims(type); // checkTypes has looked at all
  for (const SymExpr &dim : *dims) {
    Value extent = e_->expression(dim);
    if (!extent)
      return refuse(op, "has the extent '") << dim.str() << "', which nothing before it decides";
    buffer.shape.push_back(dim);
    buffer.extents.push_back(extent);
  }
  return buffer;
}

SymExpr TensorFunction::bytesOf(ArrayRef<SymExpr> shape, Type element) {
  SymExpr bytes = elementBytes(element);
  for (const SymExpr &dim : shape)
    bytes = bytes * dim;
  return bytes;
}

Value TensorFunction::partPointer(unsigned part) {
  return LLVM::GEPOp::create(builder_, loc(), pointerType(), builder_.getI8Type(),
                             field(call_, offsetof(abi::Call, workspace)), ValueRange{workspace_->offset(part)});
}

bool TensorFunction::isBound(ArrayRef<SymExpr> dims) {
  return llvm::all_of(dims, [&](const SymExpr &dim) {
    return llvm::all_of(dim.symbols(), [&](const std::string &s) { return llvm::is_contained(symbols_, s); });
  });
}

Value TensorFunction::allocate(ArrayRef<Value> extents, Type element) {
  section_.allocates = true;
  Value list = frame(extents.size());
  for (auto [i, extent] : llvm::enumerate(extents))
    LLVM::StoreOp::create(builder_, loc(), extent,
                          LLVM::GEPOp::create(builder_, loc(), pointerType(), builder_.getI64Type(), list,
                                              ArrayRef<LLVM::GEPArg>{int32_t(i)}));
  Type i64 = builder_.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(pointerType(), {pointerType(), pointerType(), i64, i64});
  Value memory = LLVM::CallOp::create(builder_, loc(), type,
                                      ValueRange{host(offsetof(abi::Host, allocate)), context(), list,
                                                 e_->i64(extents.size()), e_->i64(elementBytes(element))})
                     .getResult();
  Block *next = new Block, *none = new Block;
  code_.getBody().push_back(none);
  code_.getBody().push_back(next);
  Value null = LLVM::ZeroOp::create(builder_, loc(), pointerType());
  Value absent = LLVM::ICmpOp::create(builder_, loc(), LLVM::ICmpPredicate::eq, memory, null);
  LLVM::CondBrOp::create(builder_, loc(), absent, none, next);
  builder_.setInsertionPointToStart(none);
  LLVM::ReturnOp::create(builder_, loc(), ValueRange{});
  builder_.setInsertionPointToStart(next);
  return memory;
}

void TensorFunction::release(Value memory) {
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder_.getContext()), {pointerType(), pointerType()});
  LLVM::CallOp::create(builder_, loc(), type, ValueRange{host(offsetof(abi::Host, release)), context(), memory});
}

Value TensorFunction::root(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isAlias(op->getName().stripDialect()))
      break;
    value = op->getOperand(0);
  }
  return value;
}

void TensorFunction::findLastUses() {
  function_.walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Value operand : op->getOperands()) {
      Value value = root(operand);
      lastUse_[value] = value.getParentBlock()->findAncestorOpInBlock(*op);
    }
  });
}

LogicalResult TensorFunction::bind(Value value, Value pointer, Operation *op) {
  FailureOr<Buffer> buffer = bufferOf(value.getType(), pointer, op);
  if (failed(buffer))
    return failure();
  buffers_[value] = *buffer;
  return success();
}

LogicalResult TensorFunction::allocate(Value value, Value pointer, Operation *op) {
  if (failed(bind(value, pointer, op))) // reports an extent that is not known
    return failure();
  Buffer &buffer = buffers_[value];
  if (pointer) {
    for (auto [index, result] : llvm::enumerate(function_.getBody().front().getTerminator()->getOperands()))
      if (result == value) {
        outputs_.insert({value, firstResult_ + index});
        break; // a further result of the same value is a copy
      }
    return success();
  }
  if (isBound(buffer.shape)) {
    unsigned part = workspace_->acquire(bytesOf(buffer.shape, buffer.element));
    parts_[value] = part;
    buffer.pointer = partPointer(part);
  } else {
    buffer.pointer = memory_[value] = allocate(buffer.extents, buffer.element);
  }
  return success();
}

void TensorFunction::giveBackOperands(Operation &op) {
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Value value = root(operand);
      if (lastUse_.lookup(value) == &op)
        giveBack(value);
    }
  });
}

void TensorFunction::giveBack(Value value) {
  if (auto part = parts_.find(value); part != parts_.end()) {
    workspace_->release(part->second);
    parts_.erase(part);
  }
  if (auto memory = memory_.find(value); memory != memory_.end()) {
    release(memory->second);
    memory_.erase(memory);
  }
}

Value TensorFunction::constantPointer(ElementsAttr elements) {
  auto [entry, fresh] = constants_.try_emplace(elements, absl::StrCat(prefix_, "constant.", constants_.size()));
  if (fresh) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(module_.getBody());
    auto dense = cast<DenseElementsAttr>(elements);
    Type element = dense.getElementType();
    int64_t count = dense.getNumElements();
    if (element.isInteger(1)) { // a byte each, as in memory
      element = builder_.getI8Type();
      SmallVector<int8_t> bytes;
      for (bool value : dense.getValues<bool>())
        bytes.push_back(value);
      dense = DenseElementsAttr::get(RankedTensorType::get({count}, element), ArrayRef(bytes));
    } else if (isBelowByte(element)) { // packed
      unsigned bits = element.getIntOrFloatBitWidth(), fields = 8 / bits;
      SmallVector<int8_t> bytes(llvm::divideCeil(count, fields));
      for (auto [i, number] : llvm::enumerate(dense.getValues<APInt>()))
        bytes[i / fields] = static_cast<int8_t>(bytes[i / fields] | number.getZExtValue() << (i % fields * bits));
      element = builder_.getI8Type();
      count = static_cast<int64_t>(bytes.size());
      dense = DenseElementsAttr::get(RankedTensorType::get({count}, element), ArrayRef(bytes));
    } else if (isa<IntegerType>(element)) { // without a sign, as in registers
      element = computeType(element);
      SmallVector<APInt> numbers(dense.getValues<APInt>());
      dense = DenseElementsAttr::get(RankedTensorType::get({count}, element), numbers);
    }
    dense = dense.reshape(RankedTensorType::get({count}, element));
    LLVM::GlobalOp::create(builder_, function_.getLoc(), LLVM::LLVMArrayType::get(element, count), true,
                           LLVM::Linkage::Internal, entry->second, dense, abi::kAlignment);
  }
  return LLVM::AddressOfOp::create(builder_, function_.getLoc(), pointerType(), entry->second);
}

} // namespace janus::lowering
