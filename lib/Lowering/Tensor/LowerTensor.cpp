#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"
#include "lib/Lowering/Tensor/TensorFunction.h"

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/InputElements.h"
#include "janus/ABI/Program.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/program/Program.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_LOWERTENSORPASS
#include "lib/Lowering/Passes.h.inc"

namespace lowering {

namespace {
/// Errors about an operator begin with its name in quotes; users know them by code.
LogicalResult addCode(Diagnostic &diagnostic) {
  auto arguments = diagnostic.getArguments();
  auto isText = [&](size_t i) {
    return i < arguments.size() && arguments[i].getKind() == DiagnosticArgument::DiagnosticArgumentKind::String;
  };
  bool coded = llvm::any_of(llvm::seq<size_t>(0, arguments.size()),
                            [&](size_t i) { return isText(i) && arguments[i].getAsString().contains("[JNS-ONNX-"); });
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error && isText(0) && arguments[0].getAsString() == "'" && !coded)
    arguments[0] = DiagnosticArgument(StringRef("[JNS-ONNX-007] '"));
  return failure(); // on to the next handler
}
} // namespace

TensorFunction::TensorFunction(func::FuncOp function, int64_t inputs, const std::string &prefix)
    : function_(function), name_(function.getName()), prefix_(prefix), module_(function->getParentOfType<ModuleOp>()),
      builder_(function.getContext()) {
  int64_t weights = 0;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    bool weight = int64_t(index) < inputs && tensor && tensor.hasStaticShape();
    places_.push_back({weight, weight ? weights++ : firstResult_++});
  }
}

LogicalResult TensorFunction::run(llvm::function_ref<LogicalResult(const TensorSection &)> describe) {
  ScopedDiagnosticHandler withCode(builder_.getContext(), addCode);
  if (failed(checkSize()) || failed(checkTypes()) || failed(collectSymbols()))
    return failure();
  builder_.setInsertionPointToEnd(module_.getBody());
  auto pointer = LLVM::LLVMPointerType::get(builder_.getContext());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder_.getContext()), {pointer});
  code_ = LLVM::LLVMFuncOp::create(builder_, function_.getLoc(), name_ + ".code", type);
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
  if (failed(describe(section_)))
    return failure();
  function_.erase();
  code_.setSymName(name_);
  return success();
}

LogicalResult TensorFunction::checkSize() {
  if (int64_t values = function_.getNumArguments() + function_.getNumResults(); values > kMaxFragmentOperands)
    return function_.emitError("[JNS-ONNX-007] expects at most ")
           << kMaxFragmentOperands << " inputs and outputs of a tensor program, found " << values;
  constexpr int64_t kMost = 20000; // each takes 5 ms and 100 KB to compile
  int64_t found = 0;
  function_.walk(
      [&](Operation *op) { found += !op->hasTrait<OpTrait::ConstantLike>() && !isa<onnx::InitializerValueOp>(op); });
  if (found > kMost)
    return function_.emitError("[JNS-ONNX-007] expects at most ")
           << kMost << " operations in a tensor program, found " << found
           << "; a language model whose layers are recovered has no such limit (JNS-ONNX-021 says what was not)";
  return success();
}

LogicalResult TensorFunction::checkTypes() {
  auto known = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && isStored(tensor.getElementType()) && onnx::getDims(type);
  };
  for (Type type : function_.getArgumentTypes())
    if (!known(type) || isBelowByte(getElementTypeOrSelf(type)))
      return function_.emitError("[JNS-ONNX-007] expects inputs of numbers and known dimensions, found ") << type;
  for (Type type : function_.getBody().front().getTerminator()->getOperandTypes())
    if (isBelowByte(getElementTypeOrSelf(type)))
      return function_.emitError("[JNS-ONNX-007] expects outputs of numbers of at least 8 bits, found ") << type;
  WalkResult result = function_.walk([&](Operation *op) {
    for (Region &graph : op->getRegions())
      for (Type type : graph.getArgumentTypes())
        if (!known(type))
          return refuse(op, "has a graph with an input of a type that tensor programs do not have; found ") << type,
                 WalkResult::interrupt();
    for (Type type : op->getResultTypes())
      if (!known(type))
        return refuse(op, "has a result of a type that tensor programs do not have; found ") << type,
               WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult TensorFunction::collectSymbols() {
  SmallVector<SymExpr> dims;
  for (Type type : function_.getArgumentTypes())
    llvm::append_range(dims, *onnx::getDims(type));
  for (const SymExpr &dim : dims)
    if (auto symbol = dim.asSymbol(); symbol && !llvm::is_contained(symbols_, *symbol))
      symbols_.push_back(*symbol);
  for (const SymExpr &dim : dims)
    for (const std::string &symbol : dim.symbols())
      if (!llvm::is_contained(symbols_, symbol))
        return function_.emitError("[JNS-ONNX-007] symbol '")
               << symbol << "' is no dimension of an input by itself and cannot be bound";
  return success();
}

LogicalResult TensorFunction::collectRequirements() {
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

llvm::StringMap<Value> TensorFunction::loadSymbols(Value table) {
  llvm::StringMap<Value> values;
  for (auto [index, name] : llvm::enumerate(symbols_))
    values[name] = slot(table, index, builder_.getI64Type());
  return values;
}

LogicalResult TensorFunction::lowerBody() {
  Block &body = function_.getBody().front();
  auto ret = cast<func::ReturnOp>(body.getTerminator());
  Value operands = field(call_, offsetof(abi::Call, operands));
  Value weights = llvm::any_of(places_, [](auto place) { return place.first; })
                      ? field(call_, offsetof(abi::Call, weights))
                      : Value();
  for (auto [argument, place] : llvm::zip_equal(body.getArguments(), places_)) {
    Value pointer = slot(place.first ? weights : operands, place.second, pointerType());
    FailureOr<Buffer> buffer = bufferOf(argument.getType(), pointer, function_);
    if (failed(buffer))
      return failure();
    buffers_[argument] = *buffer;
  }
  if (failed(defineElements()))
    return failure();
  for (auto [index, value] : llvm::enumerate(ret.getOperands())) {
    if (!isBound(*onnx::getDims(value.getType())))
      continue;
    Operation *definition = value.getDefiningOp();
    if (definition && !definition->hasTrait<OpTrait::ConstantLike>() && !isa<onnx::InitializerValueOp>(definition) &&
        root(value) == value)
      outputPointer_.try_emplace(value, slot(operands, firstResult_ + index, pointerType()));
  }
  findLastUses();
  for (Operation &op : body.without_terminator())
    if (failed(lowerOp(op)))
      return failure();
  e_->setLocation(ret.getLoc());
  for (auto [index, value] : llvm::enumerate(ret.getOperands()))
    returnValue(value, operands, firstResult_ + index);
  if (!pending_.empty())
    return function_.emitError("[JNS-ONNX-007] requires '")
           << pending_[0].first.str() << " == " << pending_[0].second.str() << "', which nothing in it decides";
  return success();
}

LogicalResult TensorFunction::defineElements() {
  auto elements = function_->getAttrOfType<DictionaryAttr>(onnx::kElementsAttr);
  if (!elements)
    return success();
  std::set<std::string> extents;
  function_.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      for (const SymExpr &dim : onnx::getDims(type).value_or(onnx::Dims()))
        extents.merge(dim.symbols());
  });
  for (NamedAttribute element : elements) {
    auto place = dyn_cast<DenseI64ArrayAttr>(element.getValue());
    StringRef name = element.getName().getValue();
    auto isPlace = [&](int64_t argument, int64_t number) {
      auto type = argument >= 0 && argument < function_.getNumArguments()
                      ? cast<RankedTensorType>(function_.getArgument(argument).getType())
                      : RankedTensorType();
      return type && type.getElementType().isSignlessInteger() && type.hasStaticShape() && number >= 0 &&
             number < type.getNumElements();
    };
    if (!place || place.size() != 2 || !isPlace(place[0], place[1]))
      return function_.emitError("[JNS-ONNX-007] expects onnx.elements to name numbers of arguments, found '")
             << name << "' = " << element.getValue();
    Value number = e_->loadIndex(buffers_[function_.getArgument(place[0])], e_->i64(place[1]));
    constexpr int64_t kMost = int64_t(1) << 31;
    if (extents.contains(name.str()))
      check(function_, e_->both(e_->less(e_->i64(-1), number), e_->less(number, e_->i64(kMost))),
            "needs 0 <= " + name + " < " + Twine(kMost));
    e_->define(name, number);
  }
  checkPending(function_);
  return success();
}

void TensorFunction::returnValue(Value value, Value operands, int64_t index) {
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

void TensorFunction::emitWorkspaceFunction() {
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToEnd(module_.getBody());
  auto type = LLVM::LLVMFunctionType::get(builder_.getI64Type(), {pointerType()});
  auto code = LLVM::LLVMFuncOp::create(builder_, function_.getLoc(), name_ + ".workspace", type);
  builder_.setInsertionPointToStart(code.addEntryBlock(builder_));
  Emitter emitter(builder_, loadSymbols(code.getArgument(0)));
  emitter.setLocation(function_.getLoc());
  Value total = emitter.i64(0);
  for (const SymExpr &size : workspace_->sizes())
    total = emitter.add(total, emitter.expression(size));
  LLVM::ReturnOp::create(builder_, function_.getLoc(), ValueRange{total});
}

} // namespace lowering

namespace {
struct LowerTensor : impl::LowerTensorPassBase<LowerTensor> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main) {
      getOperation().emitError("expects a function @main of onnx operations");
      return signalPassFailure();
    }
    auto describe = [&](const lowering::TensorSection &section) {
      lowering::describeTensorProgram(main, section);
      return success();
    };
    if (failed(lowering::TensorFunction(main, /*inputs=*/0, /*prefix=*/"").run(describe)))
      signalPassFailure();
  }
};
} // namespace
} // namespace janus
