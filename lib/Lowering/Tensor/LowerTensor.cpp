#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"
#include "lib/Lowering/Tensor/Operators.h"

#include "dialects/moe/IR/MoEOps.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/ABI/Program.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/base/Json.h"
#include "runtime/program/Program.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_LOWERTENSORPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;
using onnx::SymExpr;

/// "f32", "i64", "bool" ... ; empty for a type that no tensor file has.
std::string typeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  if (StringRef(text).starts_with("ui"))
    return text.substr(1);
  return isa<FloatType, IntegerType>(type) ? text : "";
}

llvm::json::Value tensorDescription(StringRef name, Type type) {
  llvm::json::Array dims;
  const auto known = onnx::getDims(type); // tensors of generated code have known dimensions
  for (const SymExpr &dim : *known) {
    if (auto constant = dim.constant())
      dims.push_back(*constant);
    else
      dims.push_back(dim.str());
  }
  return llvm::json::Object{
      {"name", name}, {"type", typeName(cast<RankedTensorType>(type).getElementType())}, {"dims", std::move(dims)}};
}

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

class FunctionLowering {
public:
  explicit FunctionLowering(func::FuncOp function)
      : function_(function), module_(function->getParentOfType<ModuleOp>()), builder_(function.getContext()) {}

  LogicalResult run() {
    if (failed(collectSymbols()) || failed(collectRequirements()))
      return failure();
    builder_.setInsertionPointToEnd(module_.getBody());
    auto pointer = LLVM::LLVMPointerType::get(builder_.getContext());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder_.getContext()), {pointer});
    auto code = LLVM::LLVMFuncOp::create(builder_, function_.getLoc(), "main.code", type);
    Block *entry = code.addEntryBlock(builder_);
    builder_.setInsertionPointToStart(entry);
    call_ = entry->getArgument(0);
    Emitter emitter(builder_, loadSymbols(field(call_, offsetof(abi::Call, symbols))));
    Workspace workspace(emitter);
    e_ = &emitter, workspace_ = &workspace;
    if (failed(lowerBody()))
      return failure();
    LLVM::ReturnOp::create(builder_, function_.getLoc(), ValueRange{});
    emitWorkspaceFunction();
    describe();
    function_.erase();
    code.setSymName("main");
    return success();
  }

private:
  Type pointerType() { return LLVM::LLVMPointerType::get(builder_.getContext()); }
  Value field(Value base, int64_t offset) {
    Value address = LLVM::GEPOp::create(builder_, function_.getLoc(), pointerType(), builder_.getI8Type(), base,
                                        ArrayRef<LLVM::GEPArg>{int32_t(offset)});
    return LLVM::LoadOp::create(builder_, function_.getLoc(), pointerType(), address);
  }

  LogicalResult collectSymbols() {
    for (Type type : function_.getArgumentTypes()) {
      auto dims = onnx::getDims(type);
      if (!dims || typeName(cast<RankedTensorType>(type).getElementType()).empty())
        return function_.emitError("expects inputs of numeric tensors with known dimensions, found ") << type;
      for (const SymExpr &dim : *dims)
        if (auto symbol = dim.asSymbol(); symbol && !llvm::is_contained(symbols_, *symbol))
          symbols_.push_back(*symbol);
    }
    for (Type type : function_.getArgumentTypes()) {
      auto dims = onnx::getDims(type);
      for (const SymExpr &dim : *dims)
        for (const std::string &symbol : dim.symbols())
          if (!llvm::is_contained(symbols_, symbol))
            return function_.emitError("symbol '")
                   << symbol << "' is no dimension of an input by itself and cannot be bound";
    }
    return success();
  }

  /// Equalities that hold when the graph is right: the runtime checks them once the inputs have bound the symbols.
  LogicalResult collectRequirements() {
    auto equalities = function_->getAttrOfType<ArrayAttr>(onnx::kRequireAttr);
    if (!equalities)
      return success();
    for (auto equality : equalities.getAsRange<StringAttr>()) {
      llvm::json::Array sides;
      for (StringRef side : {equality.getValue().split(" == ").first, equality.getValue().split(" == ").second}) {
        auto expression = SymExpr::parse(side.str());
        if (!expression || llvm::any_of(expression->symbols(), [&](const std::string &symbol) {
              return !llvm::is_contained(symbols_, symbol);
            }))
          return function_.emitError("requires '")
                 << equality.getValue() << "', which the dimensions of its inputs do not decide";
        sides.push_back(side);
      }
      requirements_.push_back(std::move(sides));
    }
    return success();
  }

  llvm::StringMap<Value> loadSymbols(Value table) {
    llvm::StringMap<Value> values;
    for (auto [index, name] : llvm::enumerate(symbols_)) {
      Value address = LLVM::GEPOp::create(builder_, function_.getLoc(), pointerType(), builder_.getI64Type(), table,
                                          ArrayRef<LLVM::GEPArg>{int32_t(index)});
      values[name] = LLVM::LoadOp::create(builder_, function_.getLoc(), builder_.getI64Type(), address);
    }
    return values;
  }

  FailureOr<Buffer> bufferOf(Type type, Value pointer, Operation *op) {
    auto dims = onnx::getDims(type);
    if (!dims)
      return op->emitOpError("has a value of unknown shape, run --janus-infer-shapes first");
    Buffer buffer{pointer, cast<RankedTensorType>(type).getElementType(), {}, {}};
    for (const SymExpr &dim : *dims) {
      Value extent = e_->expression(dim);
      if (!extent)
        return op->emitOpError("has the data-dependent extent '")
               << dim.str() << "', which generated code does not handle";
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
    Value base = LLVM::LoadOp::create(
        builder_, function_.getLoc(), pointerType(),
        LLVM::GEPOp::create(builder_, function_.getLoc(), pointerType(), builder_.getI8Type(), call_,
                            ArrayRef<LLVM::GEPArg>{int32_t(offsetof(abi::Call, workspace))}));
    return LLVM::GEPOp::create(builder_, function_.getLoc(), pointerType(), builder_.getI8Type(), base,
                               ValueRange{workspace_->offset(part)});
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
    auto slot = [&](Value table, int64_t index) {
      Value address = LLVM::GEPOp::create(builder_, function_.getLoc(), pointerType(), pointerType(), table,
                                          ArrayRef<LLVM::GEPArg>{int32_t(index)});
      return LLVM::LoadOp::create(builder_, function_.getLoc(), pointerType(), address).getResult();
    };
    for (auto [index, argument] : llvm::enumerate(body.getArguments())) {
      FailureOr<Buffer> buffer = bufferOf(argument.getType(), slot(operands, index), function_);
      if (failed(buffer))
        return failure();
      buffers_[argument] = *buffer;
    }
    llvm::DenseMap<Value, Value> outputPointer; // results that an op writes itself
    SmallVector<Value> resultPointers;
    for (auto [index, value] : llvm::enumerate(ret.getOperands())) {
      resultPointers.push_back(slot(operands, body.getNumArguments() + index));
      Operation *definition = value.getDefiningOp();
      if (definition && !definition->hasTrait<OpTrait::ConstantLike>() && !isa<onnx::InitializerValueOp>(definition) &&
          root(value) == value)
        outputPointer.try_emplace(value, resultPointers.back());
    }
    llvm::DenseMap<Value, Operation *> lastUse;
    for (Operation &op : body)
      for (Value operand : op.getOperands())
        lastUse[root(operand)] = &op;

    for (Operation &op : body.without_terminator())
      if (failed(lowerOp(op, outputPointer, lastUse, [&](int64_t index) { return slot(weights, index); })))
        return failure();

    e_->setLocation(ret.getLoc());
    for (auto [value, pointer] : llvm::zip(ret.getOperands(), resultPointers)) {
      Buffer source = buffers_[value], target = source;
      target.pointer = pointer;
      if (source.pointer == pointer)
        continue;
      e_->parallel(e_->product(source.extents),
                   [&](Value position) { e_->store(target, position, e_->load(source, position)); });
    }
    return success();
  }

  LogicalResult lowerOp(Operation &op, llvm::DenseMap<Value, Value> &outputPointer,
                        llvm::DenseMap<Value, Operation *> &lastUse, llvm::function_ref<Value(int64_t)> weight) {
    e_->setLocation(op.getLoc());
    StringRef name = op.getName().stripDialect();
    if (auto constant = dyn_cast<onnx::ConstantValueOp>(op))
      return bind(op.getResult(0), constantPointer(constant.getValue()), &op);
    if (auto use = dyn_cast<onnx::InitializerValueOp>(op)) {
      auto initializer = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(module_, use.getInitializerAttr());
      if (auto elements = dyn_cast<ElementsAttr>(initializer.getData()))
        return bind(op.getResult(0), constantPointer(elements), &op);
      if (!cast<RankedTensorType>(initializer.getType()).getElementType().isF32())
        return op.emitOpError("refers to an initializer of type ")
               << initializer.getType() << "; weights in files are supported as f32";
      auto [entry, fresh] = weights_.try_emplace(initializer.getSymNameAttr(), weights_.size());
      return bind(op.getResult(0), weight(entry->second), &op);
    }
    SmallVector<unsigned> parts;
    if (isAlias(name)) {
      if (failed(bind(op.getResult(0), buffers_[op.getOperand(0)].pointer, &op)))
        return failure();
    } else {
      OperatorLowering lowering = findElementwise(name);
      for (auto find : {findLayout, findReduction, findModel})
        lowering = lowering ? lowering : find(name);
      if (!lowering)
        return op.emitOpError("has no code generation yet; the language-model contract may support the model");
      OperatorContext context{*e_, &op, {}, {}, [&](Type element, ArrayRef<SymExpr> shape) {
                                parts.push_back(workspace_->acquire(bytesOf(shape, element)));
                                Buffer buffer{partPointer(parts.back()), element, SmallVector<SymExpr>(shape), {}};
                                for (const SymExpr &dim : shape)
                                  buffer.extents.push_back(e_->expression(dim));
                                return buffer;
                              }};
      for (Value result : op.getResults())
        if (!buffers_.contains(result) && failed(allocate(result, outputPointer.lookup(result), &op)))
          return failure();
      auto shape = cast<onnx::ShapeInterface>(op);
      size_t inputCount = shape.getInputKinds().contains('v') ? op.getNumOperands() : shape.getInputKinds().size();
      size_t outputCount = shape.getOutputKinds().contains('v') ? op.getNumResults() : shape.getOutputKinds().size();
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
    for (Value operand : op.getOperands())
      if (auto part = parts_.find(root(operand)); part != parts_.end() && lastUse[root(operand)] == &op) {
        workspace_->release(part->second);
        parts_.erase(part);
      }
    return success();
  }

  LogicalResult bind(Value value, Value pointer, Operation *op) {
    FailureOr<Buffer> buffer = bufferOf(value.getType(), pointer, op);
    if (failed(buffer))
      return failure();
    buffers_[value] = *buffer;
    return success();
  }

  LogicalResult allocate(Value value, Value pointer, Operation *op) {
    auto dims = onnx::getDims(value.getType());
    if (pointer || !dims)
      return bind(value, pointer, op);
    for (const SymExpr &dim : *dims)
      if (!e_->expression(dim))
        return bind(value, pointer, op); // reports the extent
    unsigned part = workspace_->acquire(bytesOf(*dims, cast<RankedTensorType>(value.getType()).getElementType()));
    parts_[value] = part;
    return bind(value, partPointer(part), op);
  }

  Value constantPointer(ElementsAttr elements) {
    auto [entry, fresh] = constants_.try_emplace(elements, "constant." + std::to_string(constants_.size()));
    if (fresh) {
      OpBuilder::InsertionGuard guard(builder_);
      builder_.setInsertionPointToStart(module_.getBody());
      auto dense = cast<DenseElementsAttr>(elements);
      Type element = dense.getElementType().isInteger(1) ? builder_.getI8Type() : dense.getElementType();
      if (dense.getElementType().isInteger(1)) { // a byte each, as in memory
        SmallVector<int8_t> bytes;
        for (bool value : dense.getValues<bool>())
          bytes.push_back(value);
        dense = DenseElementsAttr::get(RankedTensorType::get({int64_t(bytes.size())}, element), ArrayRef(bytes));
      }
      int64_t count = dense.getNumElements();
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

  /// Module attributes that the target stage reads.
  void describe() {
    auto nameOf = [](DictionaryAttr attributes, StringRef fallback) {
      auto name = attributes ? attributes.getAs<StringAttr>("onnx.name") : StringAttr();
      return name ? name.getValue() : fallback;
    };
    llvm::json::Array symbols, inputs, outputs, weights;
    for (const std::string &symbol : symbols_)
      symbols.push_back(symbol);
    for (unsigned i = 0; i < function_.getNumArguments(); ++i)
      inputs.push_back(tensorDescription(nameOf(function_.getArgAttrDict(i), "input" + std::to_string(i)),
                                         function_.getArgument(i).getType()));
    for (unsigned i = 0; i < function_.getNumResults(); ++i)
      outputs.push_back(tensorDescription(nameOf(function_.getResultAttrDict(i), "output" + std::to_string(i)),
                                          function_.getBody().front().getTerminator()->getOperand(i).getType()));
    for (auto &[name, index] : weights_)
      weights.push_back(name.getValue());
    RoleProgram program;
    program.fragments = {{"main", int64_t(inputs.size() + outputs.size()), int64_t(weights_.size())}};
    program.hash = ProgramHash(program);
    llvm::json::Object tensor{{"symbols", std::move(symbols)},
                              {"inputs", std::move(inputs)},
                              {"outputs", std::move(outputs)},
                              {"require", std::move(requirements_)},
                              {"weights", std::move(weights)}};
    std::string text;
    llvm::raw_string_ostream(text) << llvm::json::Value(std::move(tensor));
    module_->setAttr(kTensor, builder_.getStringAttr(text));
    module_->setAttr(kPrograms, builder_.getStringAttr(JsonText({{"tensor", {{"tensor", ToJson(program)}}}})));
    module_->setAttr(kModel, builder_.getStringAttr("{}"));
    module_->setAttr(kTransfers, builder_.getStringAttr("[]"));
    describeWeights();
  }

  /// Each weight in use becomes a moe.weight over its byte range, packed row by row; initializers are gone.
  void describeWeights() {
    SmallVector<Attribute> packed;
    for (auto &[name, index] : weights_) {
      auto initializer = module_.lookupSymbol<onnx::InitializerOp>(name);
      auto range = cast<onnx::RangeAttr>(initializer.getData());
      auto type = cast<RankedTensorType>(initializer.getType());
      SmallVector<int64_t> strides(type.getRank(), 1);
      for (int64_t d = type.getRank() - 1; d-- > 0;)
        strides[d] = strides[d + 1] * type.getDimSize(d + 1);
      auto view = moe::ViewAttr::get(builder_.getContext(), range.getFile(), range.getStorage(), range.getOffset(),
                                     type.getShape(), strides);
      builder_.setInsertionPoint(initializer);
      moe::WeightOp::create(builder_, initializer.getLoc(), name, TypeAttr::get(type), builder_.getArrayAttr({view}),
                            ElementsAttr());
      initializer.erase();
      NamedAttrList fields;
      fields.set("name", name);
      fields.set("layout", builder_.getStringAttr("rows.f32"));
      fields.set("parts", builder_.getArrayAttr({FlatSymbolRefAttr::get(name)}));
      fields.set("file", builder_.getStringAttr("weights/tensor.safetensors"));
      packed.push_back(fields.getDictionary(builder_.getContext()));
    }
    for (auto initializer : llvm::make_early_inc_range(module_.getOps<onnx::InitializerOp>()))
      initializer.erase();
    module_->setAttr(kWeights, builder_.getArrayAttr(packed));
  }

  func::FuncOp function_;
  ModuleOp module_;
  OpBuilder builder_;
  Value call_;
  Emitter *e_ = nullptr;
  Workspace *workspace_ = nullptr;
  SmallVector<std::string> symbols_;
  llvm::json::Array requirements_; // pairs of expressions
  llvm::DenseMap<Value, Buffer> buffers_;
  llvm::DenseMap<Value, unsigned> parts_;
  llvm::MapVector<StringAttr, int64_t> weights_;
  llvm::DenseMap<Attribute, std::string> constants_;
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
