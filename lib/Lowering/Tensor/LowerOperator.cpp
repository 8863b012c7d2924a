// One operator of a tensor program.
#include "lib/Lowering/Tensor/TensorFunction.h"

#include "janus/ABI/Program.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace janus::lowering {

InFlightDiagnostic refuse(Operation *op, StringRef what) { return op->emitOpError() << "[JNS-ONNX-007] " << what; }

bool TensorFunction::knows(const SymExpr &expression) {
  return llvm::all_of(expression.symbols(), [&](const std::string &symbol) { return e_->knows(symbol); });
}

void TensorFunction::checkPending(Operation *op) {
  llvm::erase_if(pending_, [&](const auto &equality) {
    const auto &[a, b] = equality;
    if (!knows(a) || !knows(b))
      return false;
    check(op, e_->equal(e_->expression(a), e_->expression(b)), "needs " + a.str() + " == " + b.str());
    return true;
  });
}

void TensorFunction::check(Operation *op, Value condition, const Twine &what) {
  if (auto constant = condition.getDefiningOp<arith::ConstantOp>())
    if (cast<IntegerAttr>(constant.getValue()).getValue().isOne())
      return;
  std::string name;
  if (auto located = dyn_cast<NameLoc>(op->getLoc()); located && op != function_)
    name = ("node '" + located.getName().getValue() + "': ").str();
  Block *next = new Block, *wrong = new Block;
  code_.getBody().push_back(wrong);
  code_.getBody().push_back(next);
  LLVM::CondBrOp::create(builder_, loc(), condition, next, wrong);
  builder_.setInsertionPointToStart(wrong);
  auto nothing = LLVM::LLVMVoidType::get(builder_.getContext());
  auto type = LLVM::LLVMFunctionType::get(nothing, {pointerType(), builder_.getI64Type(), pointerType()});
  constexpr int64_t kInvalidArgument = 3; // absl::StatusCode
  const std::string subject = op == function_ ? "the model" : op->getName().stripDialect().str();
  Value message = text(name + subject + " " + what.str());
  LLVM::CallOp::create(builder_, loc(), type,
                       ValueRange{host(offsetof(abi::Host, fail)), context(), e_->i64(kInvalidArgument), message});
  LLVM::ReturnOp::create(builder_, loc(), ValueRange{});
  builder_.setInsertionPointToStart(next);
}

LogicalResult TensorFunction::defineExtents(Operation &op, OperatorContext &context) {
  auto unknown = [&](Value result) {
    return llvm::any_of(*onnx::getDims(result.getType()), [&](const SymExpr &dim) { return !knows(dim); });
  };
  if (llvm::none_of(op.getResults(), unknown))
    return success();
  ExtentsLowering extentsOf = findExtents(op.getName().stripDialect());
  if (!extentsOf)
    return refuse(&op, "has an extent that is known only from data, which is not generated for this operator");
  FailureOr<Extents> extents = extentsOf(context);
  if (failed(extents))
    return failure();
  for (auto [position, list] : llvm::enumerate(*extents)) {
    Value result = onnx::getOutput(&op, position);
    if (!result)
      continue;
    const auto dims = onnx::getDims(result.getType());
    for (auto [dim, extent] : llvm::zip(*dims, list))
      if (auto symbol = dim.asSymbol(); symbol && !e_->knows(*symbol)) {
        check(&op, e_->less(e_->i64(-1), extent), "has a result with a negative extent");
        e_->define(*symbol, extent);
      }
  }
  checkPending(&op);
  return success();
}

OperatorLowering TensorFunction::find(StringRef name) {
  OperatorLowering lowering = nullptr;
  for (auto find : {findElementwise, findLayout, findIndexing, findReduction, findSelection, findProduct, findNorm,
                    findAttention, findState, findExperts, findQuantised})
    lowering = lowering ? lowering : find(name);
  return lowering;
}

LogicalResult TensorFunction::lowerOp(Operation &op) {
  e_->setLocation(op.getLoc());
  LogicalResult result = success();
  if (auto constant = dyn_cast<onnx::ConstantValueOp>(op)) {
    result = bind(op.getResult(0), constantPointer(constant.getValue()), &op);
  } else if (auto use = dyn_cast<onnx::InitializerValueOp>(op)) {
    auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(module_, use.getInitializerAttr());
    Value pointer;
    if (auto elements = dyn_cast<ElementsAttr>(initializer.getData())) {
      pointer = constantPointer(elements);
    } else if (cast<RankedTensorType>(initializer.getType()).getNumElements() == 0) {
      pointer = LLVM::ZeroOp::create(builder_, loc(), pointerType());
    } else {
      auto [entry, fresh] = section_.weights.try_emplace(initializer.getSymNameAttr(), section_.weights.size());
      pointer = slot(field(call_, offsetof(abi::Call, weights)), entry->second, pointerType());
    }
    result = bind(op.getResult(0), pointer, &op);
  } else if (auto choice = dyn_cast<onnx::IfOp>(op)) {
    result = lowerIf(choice);
  } else if (auto loop = dyn_cast<onnx::LoopOp>(op)) {
    result = lowerLoop(loop);
  } else {
    result = generate(op);
  }
  if (failed(result))
    return failure();
  if (isa<onnx::ConstantValueOp, onnx::InitializerValueOp>(op))
    buffers_[op.getResult(0)].packed = isBelowByte(buffers_[op.getResult(0)].element);
  giveBackOperands(op);
  for (Value value : op.getResults())
    if (!lastUse_.contains(value))
      giveBack(value);
  return success();
}

LogicalResult TensorFunction::generate(Operation &op) {
  StringRef name = op.getName().stripDialect();
  auto shape = dyn_cast<onnx::ShapeInterface>(op);
  OperatorLowering lowering = find(name);
  if (!shape || (!lowering && !isAlias(name)))
    return refuse(&op, "has no code generation as a tensor program");
  SmallVector<unsigned> parts;
  SmallVector<Value> taken;
  auto scratch = [&](Type element, ArrayRef<SymExpr> dims) {
    Buffer buffer{{}, element, SmallVector<SymExpr>(dims), {}};
    for (const SymExpr &dim : dims)
      buffer.extents.push_back(e_->expression(dim));
    if (isBound(dims)) {
      parts.push_back(workspace_->acquire(bytesOf(dims, element)));
      buffer.pointer = partPointer(parts.back());
    } else {
      buffer.pointer = taken.emplace_back(allocate(buffer.extents, element));
    }
    return buffer;
  };
  OperatorContext context{*e_, &op,     {},
                          {},  scratch, [&](Value condition, StringRef what) { check(&op, condition, what); }};
  size_t inputCount = shape.getInputKinds().contains('v') ? op.getNumOperands() : shape.getInputKinds().size();
  size_t outputCount = shape.getOutputKinds().contains('v') ? op.getNumResults() : shape.getOutputKinds().size();
  for (size_t i = 0; i < inputCount; ++i) {
    Value input = onnx::getInput(&op, i);
    context.inputs.push_back(input ? &buffers_[input] : nullptr);
  }
  if (failed(defineExtents(op, context)))
    return failure();
  if (isAlias(name)) {
    if (isa<onnx::SqueezeOp>(op) && !onnx::getInput(&op, 1)) // drops what is 1: what is kept must not be
      for (auto [dim, extent] : llvm::zip(context.inputs[0]->shape, context.inputs[0]->extents))
        if (!dim.constant())
          check(&op, e_->negated(e_->equal(extent, e_->i64(1))), "without axes needs " + dim.str() + " != 1");
    const Buffer source = buffers_[op.getOperand(0)];
    if (failed(bind(op.getResult(0), source.pointer, &op)))
      return failure();
    buffers_[op.getResult(0)].packed = source.packed;
  } else {
    for (Value result : op.getResults())
      if (failed(allocate(result, outputPointer_.lookup(result), &op)))
        return failure();
    context.inputs.clear(); // the map of buffers has grown
    for (size_t i = 0; i < inputCount; ++i) {
      Value input = onnx::getInput(&op, i);
      context.inputs.push_back(input ? &buffers_[input] : nullptr);
    }
    for (size_t i = 0; i < outputCount; ++i) {
      Value output = onnx::getOutput(&op, i);
      context.outputs.push_back(output ? &buffers_[output] : nullptr);
    }
    if (failed(lowering(context)))
      return failure();
  }
  for (unsigned part : parts)
    workspace_->release(part);
  for (Value memory : taken)
    release(memory);
  return success();
}

} // namespace janus::lowering
