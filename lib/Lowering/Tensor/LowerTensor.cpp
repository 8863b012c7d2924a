#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"
#include "lib/Lowering/Tensor/Operators.h"
#include "lib/Lowering/Tensor/TensorSection.h"

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/ABI/Program.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_LOWERTENSORPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;
using onnx::SymExpr;

/// Parts of the workspace: buffers of equal size share a part when their lives do not overlap.
class Workspace {
public:
  explicit Workspace(Emitter &emitter) : e(emitter) {}

  /// Offset in bytes of a part that holds `bytes`, computed at the insertion point of the emitter (function level).
  unsigned acquire(const SymExpr &bytes) {
    auto &free = free_[bytes.str()];
    if (!free.empty())
      return free.pop_back_val();
    offsets_.push_back(end_ ? end_ : e.i64(0));
    sizes_.push_back(roundUp(bytes));
    end_ = e.add(offsets_.back(), e.expression(sizes_.back()));
    keys_.push_back(bytes.str());
    return offsets_.size() - 1;
  }
  void release(unsigned part) { free_[keys_[part]].push_back(part); }
  Value offset(unsigned part) const { return offsets_[part]; }
  ArrayRef<SymExpr> sizes() const { return sizes_; }

private:
  static SymExpr roundUp(const SymExpr &bytes) {
    return SymExpr::ceildiv(bytes, abi::kAlignment) * SymExpr(abi::kAlignment);
  }
  Emitter &e;
  Value end_;
  SmallVector<Value> offsets_;
  SmallVector<SymExpr> sizes_;
  SmallVector<std::string> keys_;
  llvm::StringMap<SmallVector<unsigned>> free_;
};

/// [JNS-ONNX-007]: an operator, a type or a value that a tensor program cannot have.
InFlightDiagnostic refuse(Operation *op, StringRef what) { return op->emitOpError() << "[JNS-ONNX-007] " << what; }

class FunctionLowering {
public:
  explicit FunctionLowering(func::FuncOp function)
      : function_(function), module_(function->getParentOfType<ModuleOp>()), builder_(function.getContext()) {}

  LogicalResult run() {
    if (failed(checkTypes()) || failed(collectSymbols()))
      return failure();
    builder_.setInsertionPointToEnd(module_.getBody());
    auto pointer = LLVM::LLVMPointerType::get(builder_.getContext());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder_.getContext()), {pointer});
    code_ = LLVM::LLVMFuncOp::create(builder_, function_.getLoc(), "main.code", type);
    Block *entry = code_.addEntryBlock(builder_);
    builder_.setInsertionPointToStart(entry);
    call_ = entry->getArgument(0);
    Emitter emitter(builder_, loadSymbols(field(call_, offsetof(abi::Call, symbols))));
    Workspace workspace(emitter);
    e_ = &emitter, workspace_ = &workspace;
    if (failed(collectRequirements()) || failed(lowerBody()))
      return failure();
    LLVM::ReturnOp::create(builder_, function_.getLoc(), ValueRange{});
    emitWorkspaceFunction();
    section_.symbols = symbols_;
    for (const SymExpr &size : workspace.sizes())
      section_.workspace.push_back(size.str());
    describeTensorProgram(function_, section_);
    function_.erase();
    code_.setSymName("main");
    return success();
  }

private:
  Type pointerType() { return LLVM::LLVMPointerType::get(builder_.getContext()); }
  Location loc() { return function_.getLoc(); }
  Value at(Value base, int64_t bytes) {
    return LLVM::GEPOp::create(builder_, loc(), pointerType(), builder_.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
  }
  Value field(Value base, int64_t bytes) {
    return LLVM::LoadOp::create(builder_, loc(), pointerType(), at(base, bytes));
  }
  Value slot(Value table, int64_t index, Type type) {
    Value address =
        LLVM::GEPOp::create(builder_, loc(), pointerType(), type, table, ArrayRef<LLVM::GEPArg>{int32_t(index)});
    return LLVM::LoadOp::create(builder_, loc(), type, address);
  }
  Value host(int64_t offset) { return field(field(call_, offsetof(abi::Call, host)), offset); }
  Value context() { return field(call_, offsetof(abi::Call, context)); }
  /// Memory of the function's frame, made once at entry.
  Value frame(int64_t words) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(&code_.getBody().front());
    Value count = LLVM::ConstantOp::create(builder_, loc(), builder_.getI64Type(), std::max<int64_t>(words, 1));
    return LLVM::AllocaOp::create(builder_, loc(), pointerType(), builder_.getI64Type(), count);
  }

  /// Every value has an element type and dimensions that generated code knows.
  LogicalResult checkTypes() {
    auto known = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && isStored(tensor.getElementType()) && onnx::getDims(type);
    };
    for (Type type : function_.getArgumentTypes())
      if (!known(type))
        return function_.emitError("[JNS-ONNX-007] expects inputs of numbers and known dimensions, found ") << type;
    WalkResult result = function_.walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        if (!known(type))
          return refuse(op, "has a result of a type that tensor programs do not have; found ") << type,
                 WalkResult::interrupt();
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult collectSymbols() {
    for (Type type : function_.getArgumentTypes())
      for (const SymExpr &dim : *onnx::getDims(type))
        if (auto symbol = dim.asSymbol(); symbol && !llvm::is_contained(symbols_, *symbol))
          symbols_.push_back(*symbol);
    for (Type type : function_.getArgumentTypes())
      for (const SymExpr &dim : *onnx::getDims(type))
        for (const std::string &symbol : dim.symbols())
          if (!llvm::is_contained(symbols_, symbol))
            return function_.emitError("[JNS-ONNX-007] symbol '")
                   << symbol << "' is no dimension of an input by itself and cannot be bound";
    return success();
  }

  /// Equalities that hold when the graph is right: the runtime checks those that the inputs decide once they have bound
  /// the symbols, generated code the others where it knows their symbols.
  LogicalResult collectRequirements() {
    auto equalities = function_->getAttrOfType<ArrayAttr>(onnx::kRequireAttr);
    if (!equalities)
      return success();
    for (auto equality : equalities.getAsRange<StringAttr>()) {
      auto [left, right] = equality.getValue().split(" == ");
      auto a = SymExpr::parse(left.str()), b = SymExpr::parse(right.str());
      if (!a || !b)
        return function_.emitError("requires '") << equality.getValue() << "', which is no equality of expressions";
      if (knows(*a) && knows(*b))
        section_.require.emplace_back(left.str(), right.str());
      else
        pending_.emplace_back(*a, *b);
    }
    return success();
  }
  bool knows(const SymExpr &expression) {
    return llvm::all_of(expression.symbols(), [&](const std::string &symbol) { return e_->knows(symbol); });
  }
  void checkPending(Operation *op) {
    llvm::erase_if(pending_, [&](const auto &equality) {
      const auto &[a, b] = equality;
      if (!knows(a) || !knows(b))
        return false;
      check(op, e_->equal(e_->expression(a), e_->expression(b)), "needs " + a.str() + " == " + b.str());
      return true;
    });
  }

  llvm::StringMap<Value> loadSymbols(Value table) {
    llvm::StringMap<Value> values;
    for (auto [index, name] : llvm::enumerate(symbols_))
      values[name] = slot(table, index, builder_.getI64Type());
    return values;
  }

  Value text(const std::string &value) {
    auto [entry, fresh] = texts_.try_emplace(value, "text." + std::to_string(texts_.size()));
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

  /// Goes on behind a new block when the condition holds; reports an error about `op` and returns otherwise.
  void check(Operation *op, Value condition, const Twine &what) {
    if (auto constant = condition.getDefiningOp<arith::ConstantOp>())
      if (cast<IntegerAttr>(constant.getValue()).getValue().isOne())
        return;
    std::string name;
    if (auto located = dyn_cast<NameLoc>(op->getLoc()))
      name = ("node '" + located.getName().getValue() + "': ").str();
    Block *next = new Block, *wrong = new Block;
    code_.getBody().push_back(wrong);
    code_.getBody().push_back(next);
    LLVM::CondBrOp::create(builder_, loc(), condition, next, wrong);
    builder_.setInsertionPointToStart(wrong);
    auto nothing = LLVM::LLVMVoidType::get(builder_.getContext());
    auto type = LLVM::LLVMFunctionType::get(nothing, {pointerType(), builder_.getI64Type(), pointerType()});
    constexpr int64_t kInvalidArgument = 3; // absl::StatusCode
    Value message = text(name + op->getName().stripDialect().str() + " " + what.str());
    LLVM::CallOp::create(builder_, loc(), type,
                         ValueRange{host(offsetof(abi::Host, fail)), context(), e_->i64(kInvalidArgument), message});
    LLVM::ReturnOp::create(builder_, loc(), ValueRange{});
    builder_.setInsertionPointToStart(next);
  }

  FailureOr<Buffer> bufferOf(Type type, Value pointer, Operation *op) {
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

  static SymExpr bytesOf(ArrayRef<SymExpr> shape, Type element) {
    SymExpr bytes = elementBytes(element);
    for (const SymExpr &dim : shape)
      bytes = bytes * dim;
    return bytes;
  }
  Value partPointer(unsigned part) {
    return LLVM::GEPOp::create(builder_, loc(), pointerType(), builder_.getI8Type(),
                               field(call_, offsetof(abi::Call, workspace)), ValueRange{workspace_->offset(part)});
  }
  /// Whether the inputs decide the extents: such values lie in the workspace, all others in memory taken when they are
  /// made.
  bool isBound(ArrayRef<SymExpr> dims) {
    return llvm::all_of(dims, [&](const SymExpr &dim) {
      return llvm::all_of(dim.symbols(), [&](const std::string &s) { return llvm::is_contained(symbols_, s); });
    });
  }
  /// Memory from the host for these extents; the program ends when there is none.
  Value allocate(ArrayRef<Value> extents, Type element) {
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
  void release(Value memory) {
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder_.getContext()), {pointerType(), pointerType()});
    LLVM::CallOp::create(builder_, loc(), type, ValueRange{host(offsetof(abi::Host, release)), context(), memory});
  }

  /// The value whose memory this value lies in.
  Value root(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (!isAlias(op->getName().stripDialect()))
        break;
      value = op->getOperand(0);
    }
    return value;
  }

  LogicalResult lowerBody() {
    Block &body = function_.getBody().front();
    auto ret = cast<func::ReturnOp>(body.getTerminator());
    Value operands = field(call_, offsetof(abi::Call, operands)), weights = field(call_, offsetof(abi::Call, weights));
    for (auto [index, argument] : llvm::enumerate(body.getArguments())) {
      FailureOr<Buffer> buffer = bufferOf(argument.getType(), slot(operands, index, pointerType()), function_);
      if (failed(buffer))
        return failure();
      buffers_[argument] = *buffer;
    }
    llvm::DenseMap<Value, Value> outputPointer; // results that an op writes itself
    for (auto [index, value] : llvm::enumerate(ret.getOperands())) {
      if (!isBound(*onnx::getDims(value.getType())))
        continue;
      Operation *definition = value.getDefiningOp();
      if (definition && !definition->hasTrait<OpTrait::ConstantLike>() && !isa<onnx::InitializerValueOp>(definition) &&
          root(value) == value)
        outputPointer.try_emplace(value, slot(operands, body.getNumArguments() + index, pointerType()));
    }
    for (Operation &op : body)
      for (Value operand : op.getOperands())
        lastUse_[root(operand)] = &op;
    for (Operation &op : body.without_terminator())
      if (failed(lowerOp(op, outputPointer, [&](int64_t index) { return slot(weights, index, pointerType()); })))
        return failure();
    e_->setLocation(ret.getLoc());
    for (auto [index, value] : llvm::enumerate(ret.getOperands()))
      returnValue(value, operands, body.getNumArguments() + index);
    if (!pending_.empty())
      return function_.emitError("[JNS-ONNX-007] requires '")
             << pending_[0].first.str() << " == " << pending_[0].second.str() << "', which nothing in it decides";
    return success();
  }

  /// A result whose extents the inputs decide has memory; for any other, memory is taken here, and the values of its
  /// symbols go where the runtime reads them.
  void returnValue(Value value, Value operands, int64_t index) {
    Buffer source = buffers_[value], target = source;
    if (isBound(source.shape)) {
      target.pointer = slot(operands, index, pointerType());
      if (outputs_.contains({value, index}))
        return;
    } else {
      target.pointer = allocate(source.extents, source.element);
      Value address = LLVM::GEPOp::create(builder_, loc(), pointerType(), pointerType(), operands,
                                          ArrayRef<LLVM::GEPArg>{int32_t(index)});
      LLVM::StoreOp::create(builder_, loc(), target.pointer, address);
      Value table = field(call_, offsetof(abi::Call, symbols));
      for (const SymExpr &dim : source.shape)
        for (const std::string &symbol : dim.symbols()) {
          if (llvm::is_contained(symbols_, symbol) || llvm::is_contained(section_.computed, symbol))
            continue;
          int64_t place = symbols_.size() + section_.computed.size();
          section_.computed.push_back(symbol);
          LLVM::StoreOp::create(builder_, loc(), e_->expression(SymExpr::symbol(symbol)),
                                LLVM::GEPOp::create(builder_, loc(), pointerType(), builder_.getI64Type(), table,
                                                    ArrayRef<LLVM::GEPArg>{int32_t(place)}));
        }
    }
    e_->fillFlat(target, [&](Value position) { return e_->load(source, position); });
  }

  /// Symbols that are extents of the op's results get their values: the operator says how.
  LogicalResult defineExtents(Operation &op, OperatorContext &context) {
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

  OperatorLowering find(StringRef name) {
    OperatorLowering lowering = nullptr;
    for (auto find : {findElementwise, findLayout, findIndexing, findReduction, findSelection, findProduct, findNorm,
                      findAttention, findState, findExperts, findQuantised})
      lowering = lowering ? lowering : find(name);
    return lowering;
  }

  LogicalResult lowerOp(Operation &op, llvm::DenseMap<Value, Value> &outputPointer,
                        llvm::function_ref<Value(int64_t)> weight) {
    e_->setLocation(op.getLoc());
    StringRef name = op.getName().stripDialect();
    if (auto constant = dyn_cast<onnx::ConstantValueOp>(op))
      return bind(op.getResult(0), constantPointer(constant.getValue()), &op);
    if (auto use = dyn_cast<onnx::InitializerValueOp>(op)) {
      auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(module_, use.getInitializerAttr());
      if (auto elements = dyn_cast<ElementsAttr>(initializer.getData()))
        return bind(op.getResult(0), constantPointer(elements), &op);
      auto [entry, fresh] = section_.weights.try_emplace(initializer.getSymNameAttr(), section_.weights.size());
      return bind(op.getResult(0), weight(entry->second), &op);
    }
    auto shape = dyn_cast<onnx::ShapeInterface>(op);
    OperatorLowering lowering = find(name);
    if (!shape || (!lowering && !isAlias(name)))
      return isa<onnx::IfOp, onnx::LoopOp>(op)
                 ? op.emitOpError("[JNS-ONNX-040] depends on values that are known only at run time")
                 : refuse(&op, "has no code generation as a tensor program");
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
      if (failed(bind(op.getResult(0), buffers_[op.getOperand(0)].pointer, &op)))
        return failure();
    } else {
      for (Value result : op.getResults())
        if (failed(allocate(result, outputPointer.lookup(result), &op)))
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
    for (Value operand : op.getOperands())
      giveBack(root(operand), &op);
    for (Value result : op.getResults())
      if (!lastUse_.contains(result))
        giveBack(result, nullptr);
    return success();
  }

  /// Memory of a value that nothing reads behind `op`.
  void giveBack(Value value, Operation *op) {
    if (lastUse_.lookup(value) != op)
      return;
    if (auto part = parts_.find(value); part != parts_.end()) {
      workspace_->release(part->second);
      parts_.erase(part);
    }
    if (auto memory = memory_.find(value); memory != memory_.end()) {
      release(memory->second);
      memory_.erase(memory);
    }
  }

  LogicalResult bind(Value value, Value pointer, Operation *op) {
    FailureOr<Buffer> buffer = bufferOf(value.getType(), pointer, op);
    if (failed(buffer))
      return failure();
    buffers_[value] = *buffer;
    return success();
  }

  LogicalResult allocate(Value value, Value pointer, Operation *op) {
    if (failed(bind(value, pointer, op))) // reports an extent that is not known
      return failure();
    Buffer &buffer = buffers_[value];
    if (pointer) {
      for (auto [index, result] : llvm::enumerate(function_.getBody().front().getTerminator()->getOperands()))
        if (result == value) {
          outputs_.insert({value, function_.getNumArguments() + index});
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

  Value constantPointer(ElementsAttr elements) {
    auto [entry, fresh] = constants_.try_emplace(elements, "constant." + std::to_string(constants_.size()));
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

  void emitWorkspaceFunction() {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToEnd(module_.getBody());
    auto type = LLVM::LLVMFunctionType::get(builder_.getI64Type(), {pointerType()});
    auto code = LLVM::LLVMFuncOp::create(builder_, function_.getLoc(), "main.workspace", type);
    builder_.setInsertionPointToStart(code.addEntryBlock(builder_));
    Emitter emitter(builder_, loadSymbols(code.getArgument(0)));
    emitter.setLocation(function_.getLoc());
    Value total = emitter.i64(0);
    for (const SymExpr &size : workspace_->sizes())
      total = emitter.add(total, emitter.expression(size));
    LLVM::ReturnOp::create(builder_, function_.getLoc(), ValueRange{total});
  }

  func::FuncOp function_;
  ModuleOp module_;
  OpBuilder builder_;
  LLVM::LLVMFuncOp code_;
  Value call_;
  Emitter *e_ = nullptr;
  Workspace *workspace_ = nullptr;
  TensorSection section_;
  SmallVector<std::string> symbols_;
  SmallVector<std::pair<SymExpr, SymExpr>> pending_; // equalities over symbols that are not known yet
  llvm::DenseMap<Value, Buffer> buffers_;
  llvm::DenseMap<Value, unsigned> parts_; // of the workspace
  llvm::DenseMap<Value, Value> memory_;   // from the host
  llvm::DenseMap<Value, Operation *> lastUse_;
  llvm::DenseSet<std::pair<Value, int64_t>> outputs_; // values that lie where the runtime reads the result
  llvm::DenseMap<Attribute, std::string> constants_;
  llvm::StringMap<std::string> texts_;
};

struct LowerTensor : impl::LowerTensorPassBase<LowerTensor> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main) {
      getOperation().emitError("expects a function @main of onnx operations");
      return signalPassFailure();
    }
    if (failed(FunctionLowering(main).run()))
      signalPassFailure();
  }
};
} // namespace
} // namespace janus
