#include "janus/Import/ImportOnnx.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "janus/Import/Passes.h"
#include "lib/Import/ImportInternal.h"
#include "lib/Import/Reader/Reader.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using janus::onnx::Code;

namespace janus {
namespace {

/// What to do about operators that are known and not supported.
StringRef hintFor(const onnx::Node &node) {
  return llvm::StringSwitch<StringRef>(node.type)
      .Case("PagedAttention", "re-export with GroupQueryAttention (no paged cache)")
      .Cases({"QuantizeLinear", "DynamicQuantizeLinear"},
             "quantise weights alone: DequantizeLinear of stored integers, MatMulNBits, QMoE")
      .Cases({"Attention", "DecoderMaskedMultiHeadAttention"}, "re-export with GroupQueryAttention")
      .Default("docs/import.md lists what is supported");
}

/// Attributes newer than the dialect's operators, at the value that asks for what these do: ONNX Runtime writes all of
/// an operator's into models that it saves.
bool asksNothing(const onnx::Node &node, StringRef name, Attribute value) {
  auto number = dyn_cast_or_null<IntegerAttr>(value);
  return node.domain == "com.microsoft" && (node.type == "MoE" || node.type == "QMoE") &&
         name == "swiglu_limit_after_activation" && number && number.getInt() == 0;
}

using Operator = std::pair<std::optional<RegisteredOperationName>, const onnx::ShapeInterface::Concept *>;
/// The op of an operator; null when the dialect has none. A name of com.microsoft that the standard has too is
/// qualified.
Operator findOperator(StringRef domain, StringRef type, MLIRContext *context) {
  for (const char *prefix : {"onnx.", "onnx.microsoft."}) {
    auto name = RegisteredOperationName::lookup((prefix + type).str(), context);
    auto *shape = name ? name->getInterface<onnx::ShapeInterface>() : nullptr;
    if (shape && shape->getOnnxDomain() == domain)
      return {name, shape};
  }
  return {};
}

class Importer {
public:
  Importer(const onnx::Model &model, MLIRContext *context, onnx::Diagnostics &diagnostics, const ImportOptions &options)
      : model_(model), context_(context), diagnostics_(diagnostics), options_(options), tensors_(model, context),
        builder_(context) {}

  /// Null when there are errors. A node that is at fault is replaced by values of which nothing is known, so that the
  /// nodes behind it are looked at, too.
  OwningOpRef<ModuleOp> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(builder_.getUnknownLoc());
    setModuleAttributes(*module);
    initializers_ = OpBuilder::atBlockBegin(module->getBody());
    byName_.push_back(tensorsOf(model_));
    OpBuilder atEnd = OpBuilder::atBlockEnd(module->getBody());
    auto function =
        func::FuncOp::create(atEnd, location("graph", 0), "main", FunctionType::get(context_, argumentTypes(), {}));
    initializers_.setInsertionPoint(function);
    Block *block = function.addEntryBlock();
    builder_.setInsertionPointToStart(block);
    SmallVector<DictionaryAttr> attributes; // all at once: each change makes a new list
    for (auto [i, input] : llvm::enumerate(model_.inputs)) {
      values_[input.name] = block->getArgument(i);
      attributes.push_back(
          builder_.getDictionaryAttr(builder_.getNamedAttr(onnx::kNameAttr, builder_.getStringAttr(input.name))));
    }
    function.setAllArgAttrs(attributes);
    for (const onnx::Node &node : model_.nodes)
      importNode(node);
    const bool whole = !diagnostics_.hasErrors();
    if (!whole)
      placeholder(location("graph", 0)); // the block has at least one
    finish(function);
    if (whole)
      return module;
    inferRest(*module);
    return nullptr;
  }

private:
  /// Reports, beside the errors there are, what does not fit together in the rest of the graph.
  void inferRest(ModuleOp module) {
    PassManager passes(context_);
    passes.enableVerifier(false);
    passes.addPass(createInlineConstants());
    passes.addPass(createFoldCasts());
    passes.addPass(createInferShapes());
    (void)passes.run(module);
  }

  Location location(StringRef name, size_t line) {
    return NameLoc::get(builder_.getStringAttr(name),
                        FileLineColLoc::get(context_, model_.file, static_cast<unsigned>(line), 0));
  }
  /// The line is the node's place in the file, from 1: line 0 is the graph as a whole.
  Location location(const onnx::Node &node) { return location(onnx::displayName(node), node.index + 1); }
  int64_t opset(const onnx::Node &node) const {
    auto it = model_.opsets.find(node.domain);
    return it == model_.opsets.end() ? 0 : it->second;
  }

  void setModuleAttributes(ModuleOp module) {
    auto standard = model_.opsets.find("");
    module->setAttr(onnx::kOpsetAttr,
                    builder_.getI64IntegerAttr(standard == model_.opsets.end() ? 0 : standard->second));
    module->setAttr(onnx::kIrVersionAttr, builder_.getI64IntegerAttr(model_.irVersion));
    module->setAttr(onnx::kProducerAttr, builder_.getStringAttr(model_.producer));
    module->setAttr(onnx::kFileAttr, builder_.getStringAttr(model_.file));
    if (DictionaryAttr genai = readGenaiConfig(model_.folder, context_))
      module->setAttr(onnx::kGenaiAttr, genai);
    if (auto context = readContextLimit(model_.folder))
      module->setAttr(onnx::kContextAttr, builder_.getI64IntegerAttr(*context));
  }

  RankedTensorType valueType(const onnx::ValueInfo &value) {
    onnx::Dims dims;
    for (auto [i, dim] : llvm::enumerate(value.dims)) {
      if (dim.extent && *dim.extent < 0)
        dims.push_back(onnx::SymExpr(1)); // reported by the reader
      else if (dim.extent)
        dims.push_back(onnx::SymExpr(*dim.extent));
      else if (!dim.symbol.empty())
        dims.push_back(onnx::SymExpr::fromDimParam(dim.symbol));
      else
        dims.push_back(onnx::SymExpr::symbol(absl::StrCat(value.name, ".dim", i)));
    }
    return onnx::getTensorType(dims, onnx::getElementType(context_, value.type));
  }

  SmallVector<Type> argumentTypes() {
    SmallVector<Type> types;
    for (const onnx::ValueInfo &input : model_.inputs) {
      if (!input.ranked && onnx::bitsOf(input.type))
        diagnostics_.error(Code::Tensor, absl::StrCat("graph input '", absl::CHexEscape(input.name),
                                                      "' has no shape; hint: export with the rank of every input"));
      types.push_back(onnx::bitsOf(input.type) ? Type(valueType(input)) : onnx::UnknownType::get(context_));
    }
    return types;
  }

  using Tensors = llvm::StringMap<const onnx::Tensor *>;
  static Tensors tensorsOf(const onnx::Graph &graph) {
    Tensors tensors;
    for (const onnx::Tensor &tensor : graph.initializers)
      tensors[tensor.name] = &tensor;
    return tensors;
  }

  /// The value of a name: defined already, or an initializer, which is then brought in once.
  Value value(const std::string &name) {
    if (Value known = values_.lookup(name))
      return known;
    for (const Tensors &tensors : llvm::reverse(byName_))
      if (auto it = tensors.find(name); it != tensors.end()) {
        Value read = initializer(*it->second, name, location(name, 0));
        define(name, read);
        return read;
      }
    return {};
  }

  /// Gives a name its value; inside a graph of a node, until the end of that graph.
  void define(StringRef name, Value value) {
    Value &entry = values_[name];
    if (byName_.size() > 1)
      hidden_.emplace_back(name.str(), entry);
    entry = value;
  }

  /// A value of which nothing is known, in a module that will not be returned.
  Value placeholder(Location loc) {
    return UnrealizedConversionCastOp::create(builder_, loc, onnx::UnknownType::get(context_), ValueRange())
        .getResult(0);
  }

  Value initializer(const onnx::Tensor &tensor, StringRef symbol, Location loc) {
    if (!tensor.usable)
      return placeholder(loc);
    RankedTensorType type = tensors_.type(tensor);
    Attribute data = tensors_.data(tensor, symbol);
    if (!type || !data) {
      diagnostics_.error(Code::Tensor, absl::StrCat("initializer '", absl::CHexEscape(symbol.str()), "' of type ",
                                                    onnx::nameOf(tensor.type), " cannot be read"));
      return placeholder(loc);
    }
    std::string unique = symbol.str(); // graphs inside nodes may use a name again
    while (!symbols_.insert(unique).second)
      unique += "." + std::to_string(symbols_.size());
    onnx::InitializerOp::create(initializers_, loc, builder_.getStringAttr(unique), TypeAttr::get(type), data);
    return onnx::InitializerValueOp::create(builder_, loc, type, FlatSymbolRefAttr::get(context_, unique));
  }

  void importNode(const onnx::Node &node) {
    if (importOperator(node))
      return;
    for (const std::string &output : node.outputs)
      if (!output.empty())
        define(output, placeholder(location(node)));
  }

  /// False after an error.
  bool importOperator(const onnx::Node &node) {
    auto [name, shape] = findOperator(node.domain, node.type, context_);
    if (!shape) {
      std::string hint = hintFor(node).str();
      std::string spelled = node.domain.empty() ? node.type : node.domain + "." + node.type;
      bool graphs = llvm::any_of(node.attributes, [](const onnx::Attribute &a) { return a.graph != nullptr; });
      diagnostics_.error(
          graphs ? Code::ControlFlow : Code::UnknownOperator, node, opset(node),
          absl::StrCat("operator '", absl::CHexEscape(spelled), "' is not supported by the importer; hint: ", hint));
      return false;
    }
    if (node.type == "Constant" && importLargeConstant(node))
      return true;
    OperationState state(location(node), *name);
    SmallVector<int32_t> results;
    if (!addInputs(node, shape->getInputKinds(), state) || !addOutputs(node, shape->getOutputKinds(), state, results) ||
        !addAttributes(node, *name, state) || !addGraphs(node, state))
      return false;
    Operation *op = builder_.create(state);
    if (!checkAttributes(node, state, op)) {
      op->erase();
      return false;
    }
    unsigned next = 0;
    for (auto [position, present] : llvm::enumerate(results))
      if (present) {
        Value result = op->getResult(next++);
        if (position < node.outputs.size() && !node.outputs[position].empty())
          define(node.outputs[position], result);
      }
    checkFeatures(op, node, opset(node), diagnostics_);
    settleExpertLayout(op, node, opset(node), options_, diagnostics_);
    return true;
  }

  static constexpr StringLiteral kIfGraphs[] = {"then_branch", "else_branch"}, kLoopGraphs[] = {"body"};
  static ArrayRef<StringLiteral> graphsOf(StringRef type) {
    return type == "If" ? ArrayRef(kIfGraphs) : type == "Loop" ? ArrayRef(kLoopGraphs) : ArrayRef<StringLiteral>();
  }

  /// The graphs of a node as regions of its op, which see the values around them.
  bool addGraphs(const onnx::Node &node, OperationState &state) {
    for (StringLiteral name : graphsOf(node.type)) {
      const onnx::Attribute *found = nullptr;
      for (const onnx::Attribute &attribute : node.attributes)
        if (attribute.name == name && attribute.graph)
          found = &attribute;
      if (!found) {
        diagnostics_.error(Code::Graph, node, opset(node),
                           absl::StrCat("expects a graph as attribute '", name.str(), "'"));
        return false;
      }
      if (!addGraph(*found->graph, node, *state.addRegion()))
        return false;
    }
    return true;
  }

  bool addGraph(const onnx::Graph &graph, const onnx::Node &node, Region &region) {
    OpBuilder::InsertionGuard guard(builder_);
    Block &block = region.emplaceBlock();
    builder_.setInsertionPointToStart(&block);
    size_t mark = hidden_.size();
    byName_.push_back(tensorsOf(graph));
    for (const onnx::Tensor &tensor : graph.initializers)
      define(tensor.name, {});
    for (const onnx::ValueInfo &input : graph.inputs)
      define(input.name, block.addArgument(onnx::UnknownType::get(context_), location(node)));
    for (const onnx::Node &inner : graph.nodes)
      importNode(inner);
    SmallVector<Value> outputs;
    for (const onnx::ValueInfo &output : graph.outputs)
      if (Value result = value(output.name))
        outputs.push_back(result);
      else if (!diagnostics_.hasErrors())
        diagnostics_.error(
            Code::Graph, node, opset(node),
            absl::StrCat("output '", absl::CHexEscape(output.name), "' of its graph is defined nowhere"));
    onnx::YieldOp::create(builder_, location(node), outputs);
    byName_.pop_back();
    while (hidden_.size() > mark) {
      auto [name, value] = hidden_.pop_back_val();
      values_[name] = value;
    }
    return true;
  }

  bool addInputs(const onnx::Node &node, StringRef kinds, OperationState &state) {
    SmallVector<int32_t> segments;
    bool variadic = kinds.ends_with("v");
    if (node.inputs.size() > kinds.size() && !variadic) {
      diagnostics_.error(
          Code::Graph, node, opset(node),
          absl::StrCat("number of inputs; found ", node.inputs.size(), "; supported: at most ", kinds.size()));
      return false;
    }
    for (size_t i = 0; i < std::max(kinds.size(), node.inputs.size()); ++i) {
      bool present = i < node.inputs.size() && !node.inputs[i].empty();
      char kind = kinds[std::min(i, kinds.size() - 1)];
      if (!present && (kind == 'r' || (kind == 'v' && i < node.inputs.size()))) {
        diagnostics_.error(Code::Graph, node, opset(node), absl::StrCat("input ", i, " is required and absent"));
        return false;
      }
      if (kind != 'v' || i < kinds.size())
        segments.push_back(0);
      if (!present)
        continue;
      Value operand = value(node.inputs[i]);
      if (!operand) { // an error has been reported where it should be defined, but for graphs inside nodes
        if (!diagnostics_.hasErrors())
          diagnostics_.error(Code::Graph, node, opset(node),
                             absl::StrCat("input '", absl::CHexEscape(node.inputs[i]), "' is defined nowhere"));
        define(node.inputs[i], operand = placeholder(location(node)));
      }
      state.operands.push_back(operand);
      ++segments.back();
    }
    if (state.name.hasTrait<OpTrait::AttrSizedOperandSegments>())
      state.addAttribute("operandSegmentSizes", builder_.getDenseI32ArrayAttr(segments));
    return true;
  }

  bool addOutputs(const onnx::Node &node, StringRef kinds, OperationState &state, SmallVectorImpl<int32_t> &present) {
    size_t count = kinds.ends_with("v") ? node.outputs.size() : kinds.size();
    if (node.outputs.size() > count) {
      diagnostics_.error(
          Code::Graph, node, opset(node),
          absl::StrCat("number of outputs; found ", node.outputs.size(), "; supported: at most ", count));
      return false;
    }
    for (size_t i = 0; i < count; ++i) {
      bool named = i < node.outputs.size() && !node.outputs[i].empty();
      present.push_back(named || kinds[std::min(i, kinds.size() - 1)] != 'o');
      if (present.back())
        state.types.push_back(onnx::UnknownType::get(context_));
    }
    if (state.name.hasTrait<OpTrait::AttrSizedResultSegments>())
      state.addAttribute("resultSegmentSizes", builder_.getDenseI32ArrayAttr(present));
    return true;
  }

  Attribute attribute(const onnx::Attribute &a) {
    using Kind = onnx::Attribute::Kind;
    switch (a.kind) {
    case Kind::Int:
      return builder_.getI64IntegerAttr(a.i);
    case Kind::Float:
      return builder_.getF32FloatAttr(a.f);
    case Kind::String:
      return builder_.getStringAttr(a.s);
    case Kind::Ints:
      return builder_.getDenseI64ArrayAttr(a.ints);
    case Kind::Floats:
      return builder_.getDenseF32ArrayAttr(a.floats);
    case Kind::Tensor:
      return tensors_.elements(a.tensor);
    default:
      return {};
    }
  }

  bool addAttributes(const onnx::Node &node, RegisteredOperationName name, OperationState &state) {
    bool good = true;
    for (const onnx::Attribute &a : node.attributes) {
      if (a.graph && llvm::is_contained(graphsOf(node.type), a.name))
        continue;
      if (!a.usable) {
        good = false;
        continue;
      }
      Attribute value = attribute(a);
      if (asksNothing(node, a.name, value))
        continue;
      bool known = llvm::any_of(name.getAttributeNames(), [&](StringAttr known) { return known.getValue() == a.name; });
      if (!known || !value || StringRef(a.name).ends_with("SegmentSizes")) {
        diagnostics_.error(Code::Tensor, node, opset(node),
                           absl::StrCat("attribute '", absl::CHexEscape(a.name), "' is ",
                                        value ? "not known" : "of a kind that is not supported", " for this operator"));
        good = false;
        continue;
      }
      state.addAttribute(a.name, value);
    }
    return good;
  }

  /// An attribute of the wrong kind is dropped by the op's storage; an absent required one is null in it.
  bool checkAttributes(const onnx::Node &node, const OperationState &state, Operation *op) {
    bool good = true;
    for (NamedAttribute given : state.attributes)
      if (op->getAttr(given.getName()) != given.getValue()) {
        diagnostics_.error(Code::Tensor, node, opset(node),
                           absl::StrCat("attribute '", given.getName().str(), "' has the wrong kind of value"));
        good = false;
      }
    ScopedDiagnosticHandler collect(context_, [&](Diagnostic &diagnostic) {
      diagnostics_.error(Code::Tensor, node, opset(node), diagnostic.str());
      return success();
    });
    return good && succeeded(op->getName().verifyInvariants(op));
  }

  /// A constant node that is no small tensor is an initializer named after its output.
  bool importLargeConstant(const onnx::Node &node) {
    if (node.outputs.empty() || node.attributes.size() != 1 || !node.attributes[0].usable ||
        node.attributes[0].kind != onnx::Attribute::Kind::Tensor || node.attributes[0].name != "value" ||
        TensorImporter::isSmall(node.attributes[0].tensor))
      return false;
    if (Value value = initializer(node.attributes[0].tensor, node.outputs[0], location(node)))
      define(node.outputs[0], value);
    return true;
  }

  void finish(func::FuncOp function) {
    SmallVector<Value> results;
    SmallVector<Type> types;
    for (const onnx::ValueInfo &output : model_.outputs) {
      Value result = value(output.name);
      results.push_back(result ? result : placeholder(location("graph", 0)));
      types.push_back(results.back().getType());
    }
    func::ReturnOp::create(builder_, location("graph", 0), results);
    function.setFunctionType(FunctionType::get(context_, function.getArgumentTypes(), types));
    SmallVector<DictionaryAttr> attributes;
    for (const onnx::ValueInfo &output : model_.outputs) {
      NamedAttrList known;
      known.set(onnx::kNameAttr, builder_.getStringAttr(output.name));
      if (output.ranked && onnx::bitsOf(output.type))
        known.set(onnx::kDeclaredAttr, TypeAttr::get(valueType(output)));
      attributes.push_back(known.getDictionary(context_));
    }
    function.setAllResultAttrs(attributes);
  }

  const onnx::Model &model_;
  MLIRContext *context_;
  onnx::Diagnostics &diagnostics_;
  const ImportOptions options_;
  TensorImporter tensors_;
  OpBuilder builder_;
  OpBuilder initializers_{builder_};
  llvm::StringMap<Value> values_;
  SmallVector<Tensors> byName_;                       // of the graph and of those around it
  SmallVector<std::pair<std::string, Value>> hidden_; // what names meant around the graphs that are being imported
  llvm::StringSet<> symbols_;
};
} // namespace

OwningOpRef<ModuleOp> importOnnx(StringRef path, MLIRContext *context, onnx::Diagnostics &diagnostics,
                                 const ImportOptions &options, FileFacts *facts) {
  context->loadDialect<onnx::OnnxDialect, func::FuncDialect>();
  auto native = [&](const std::string &domain, const std::string &type) {
    return findOperator(domain, type, context).second != nullptr;
  };
  auto model = onnx::readModelWithErrors(path.str(), diagnostics, native);
  if (!model)
    return nullptr;
  if (facts)
    *facts = fileFacts(*model);
  OwningOpRef<ModuleOp> module = Importer(*model, context, diagnostics, options).run();
  if (module && model->unknownFields)
    emitRemark(FileLineColLoc::get(context, model->file, 0, 0))
        << "ignored " << model->unknownFields << " fields that the ONNX schema does not have";
  return module;
}

bool importOnnxAsText(StringRef path, std::string &text, raw_ostream &errors) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    bool remark = diagnostic.getSeverity() == DiagnosticSeverity::Remark;
    errors << path << ": " << (remark ? "remark: " : "error: ") << diagnostic.str() << "\n";
  });
  onnx::Diagnostics diagnostics;
  OwningOpRef<ModuleOp> module = importOnnx(path, &context, diagnostics);
  errors << diagnostics.str();
  if (!module)
    return false;
  llvm::raw_string_ostream out(text);
  module->print(out, OpPrintingFlags().enableDebugInfo());
  return true;
}
} // namespace janus
