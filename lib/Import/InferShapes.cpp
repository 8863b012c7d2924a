#include "dialects/onnx/IR/InputElements.h"
#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_INFERSHAPES
#include "lib/Import/Passes.h.inc"

namespace {
using onnx::SymExpr;
using Symbols = std::map<std::string, SymExpr>;

/// Symbols of the inputs that an equality settles: one symbol against an integer.
Symbols settle(ArrayRef<std::pair<SymExpr, SymExpr>> requirements, const std::set<std::string> &inputs) {
  Symbols settled;
  auto add = [&](const SymExpr &a, const SymExpr &b) {
    if (a.asSymbol() && b.constant() && inputs.contains(*a.asSymbol()))
      settled.emplace(*a.asSymbol(), b);
  };
  for (const auto &[a, b] : requirements)
    add(a, b), add(b, a);
  return settled;
}

Type substitute(Type type, const Symbols &symbols) {
  auto dims = onnx::getDims(type);
  if (!dims)
    return type;
  for (SymExpr &dim : *dims)
    dim = dim.substitute(symbols);
  return onnx::getTensorType(*dims, cast<RankedTensorType>(type).getElementType());
}

struct InferShapesPass : impl::InferShapesBase<InferShapesPass> {
  /// Every op in order, then the declared results. Reports every op that fails, not only the first.
  LogicalResult infer(func::FuncOp function, onnx::ShapeContext &context) {
    bool failed = false;
    // The location prints as file and node index; users know nodes by name, and errors by code.
    ScopedDiagnosticHandler nameNodes(&getContext(), [](Diagnostic &diagnostic) {
      auto arguments = diagnostic.getArguments();
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error && !arguments.empty() &&
          arguments[0].getKind() == DiagnosticArgument::DiagnosticArgumentKind::String &&
          arguments[0].getAsString() == "'") // the operator's name in quotes
        arguments[0] = DiagnosticArgument(StringRef("[JNS-ONNX-005] '"));
      if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
        diagnostic << " (ONNX node '" << name.getName().getValue() << "')";
      return mlir::failure(); // on to the next handler
    });
    onnx::nameElements(function, context);
    failed = mlir::failed(onnx::inferBlock(function.getBody().front(), context)) || mlir::failed(checkRanks(function));
    Operation *end = function.getBody().front().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands())) {
      auto declared = function.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr);
      auto want = declared ? onnx::getDims(declared.getValue()) : std::nullopt;
      auto found = context.dims(value);
      if (!want || !found || failed)
        continue;
      if (want->size() != found->size() ||
          cast<RankedTensorType>(declared.getValue()).getElementType() != context.element(value)) {
        failed = (function.emitError() << "[JNS-ONNX-005] result " << i << " is declared as " << declared.getValue()
                                       << " but is " << value.getType(),
                  true);
        continue;
      }
      // A name that only this output uses says nothing about the graph.
      for (auto [a, b] : llvm::zip(*want, *found))
        if (!a.asSymbol() || inputSymbols_.contains(*a.asSymbol()))
          failed |= mlir::failed(context.require(end, a, b, "declared and inferred extents of a result"));
    }
    return success(!failed);
  }

  /// A result of an If has the higher rank where its graphs give different ones. That is right where it broadcasts
  /// against values of that rank, and nowhere else.
  LogicalResult checkRanks(func::FuncOp function) {
    auto rank = [](Value value) -> int64_t {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      return type ? type.getRank() : -1;
    };
    // Of an import with errors, graphs may give less than the operator has results, or what is not known.
    auto isOfTwoRanks = [&](Value value) {
      auto choice = value.getDefiningOp<onnx::IfOp>();
      auto given = [&](Region &graph) {
        unsigned number = cast<OpResult>(value).getResultNumber();
        OperandRange values = graph.front().getTerminator()->getOperands();
        return number < values.size() ? rank(values[number]) : -1;
      };
      if (!choice)
        return false;
      const int64_t yes = given(choice.getThenBranch()), no = given(choice.getElseBranch());
      return yes >= 0 && no >= 0 && yes != no;
    };
    auto broadcasts = [&](OpOperand &use) {
      if (isa<onnx::CastLikeOp>(use.getOwner()) && use.getOperandNumber() == 1) // its element type alone
        return true;
      return isa<onnx::AddOp, onnx::SubOp, onnx::MulOp, onnx::DivOp, onnx::PowOp, onnx::MinOp, onnx::MaxOp,
                 onnx::WhereOp, onnx::EqualOp, onnx::LessOp, onnx::GreaterOp>(use.getOwner()) &&
             llvm::any_of(use.getOwner()->getOperands(),
                          [&](Value other) { return rank(other) >= rank(use.get()) && !isOfTwoRanks(other); });
    };
    WalkResult result = function.walk([&](onnx::IfOp choice) {
      for (Value value : choice.getResults())
        if (isOfTwoRanks(value) && !llvm::all_of(value.getUses(), broadcasts)) {
          choice.emitOpError() << "expects graphs that give values of one rank, or results that only broadcast, found "
                               << value.getType() << " and one of lower rank";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  void collectInputs(func::FuncOp function) {
    inputSymbols_.clear();
    for (BlockArgument argument : function.getArguments())
      if (auto dims = onnx::getDims(argument.getType()))
        for (const SymExpr &dim : *dims)
          for (const std::string &name : dim.symbols())
            inputSymbols_.insert(name);
  }

  /// Symbols replaced in the types of arguments and in what is declared of results.
  void replace(func::FuncOp function, const Symbols &symbols) {
    for (BlockArgument argument : function.getArguments())
      argument.setType(substitute(argument.getType(), symbols));
    changeDeclared(function,
                   [&](TypeAttr declared) { return TypeAttr::get(substitute(declared.getValue(), symbols)); });
  }

  /// What is declared of each result becomes what `change` makes of it; null removes it.
  void changeDeclared(func::FuncOp function, llvm::function_ref<TypeAttr(TypeAttr)> change) {
    SmallVector<DictionaryAttr> attributes;
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      NamedAttrList known(function.getResultAttrDict(i));
      if (auto declared = dyn_cast_or_null<TypeAttr>(known.erase(onnx::kDeclaredAttr)))
        if (TypeAttr changed = change(declared))
          known.set(onnx::kDeclaredAttr, changed);
      attributes.push_back(known.getDictionary(&getContext()));
    }
    function.setAllResultAttrs(attributes);
  }

  /// A symbol is bound when it is a dimension of an input by itself. For one that is only part of a dimension
  /// (`past+S`), that dimension D gets a name, and the symbol becomes D-S; where that is no polynomial, the whole
  /// dimension becomes D.
  void bindInputs(func::FuncOp function) {
    std::set<std::string> bound;
    for (BlockArgument argument : function.getArguments())
      for (const SymExpr &dim : onnx::getDims(argument.getType()).value_or(onnx::Dims()))
        if (auto symbol = dim.asSymbol())
          bound.insert(*symbol);
    auto name = [&](unsigned argument, size_t i) {
      auto text = function.getArgAttrOfType<StringAttr>(argument, onnx::kNameAttr);
      std::string stem = (text ? text.getValue() : StringRef("input")).str() + ".dim" + std::to_string(i);
      SymExpr symbol = SymExpr::symbol(stem);
      while (!bound.insert(*symbol.asSymbol()).second)
        symbol = SymExpr::symbol(stem += "_");
      return symbol;
    };
    for (unsigned argument = 0; argument < function.getNumArguments(); ++argument)
      for (size_t i = 0; i < onnx::getDims(function.getArgument(argument).getType()).value_or(onnx::Dims()).size();
           ++i) {
        onnx::Dims dims = *onnx::getDims(function.getArgument(argument).getType());
        std::vector<std::string> open;
        for (const std::string &symbol : dims[i].symbols())
          if (!bound.contains(symbol))
            open.push_back(symbol);
        if (open.empty())
          continue;
        SymExpr whole = name(argument, i);
        const SymExpr *solution = nullptr;
        SymExpr rest = dims[i] - SymExpr::symbol(open[0]);
        if (open.size() == 1 && !rest.symbols().contains(open[0]))
          solution = &(rest = whole - rest);
        if (solution)
          replace(function, {{open[0], *solution}});
        else {
          dims[i] = whole;
          Value value = function.getArgument(argument);
          value.setType(onnx::getTensorType(dims, cast<RankedTensorType>(value.getType()).getElementType()));
        }
      }
  }

  std::unique_ptr<onnx::ShapeContext> newContext() {
    auto context = std::make_unique<onnx::ShapeContext>(&getContext());
    for (const std::string &symbol : inputSymbols_)
      context->reserve(symbol);
    return context;
  }

  LogicalResult run(func::FuncOp function) {
    bindInputs(function);
    collectInputs(function);
    auto context = newContext();
    if (failed(infer(function, *context)))
      return failure();
    // An extent that an operator fixes replaces its symbol, everywhere; then everything is inferred anew.
    for (Symbols settled = settle(context->requirements(), inputSymbols_); !settled.empty();
         settled = settle(context->requirements(), inputSymbols_)) {
      replace(function, settled);
      collectInputs(function);
      context = newContext();
      if (failed(infer(function, *context)))
        return failure();
    }
    finish(function, *context);
    return success();
  }

  void finish(func::FuncOp function, onnx::ShapeContext &context) {
    Builder b(&getContext());
    Operation *end = function.getBody().front().getTerminator();
    function.setFunctionType(b.getFunctionType(function.getBody().getArgumentTypes(), end->getOperandTypes()));
    changeDeclared(function, [](TypeAttr) { return TypeAttr(); });
    NamedAttrList bounds;
    for (const auto &[name, bound] : context.bounds())
      bounds.append(name, b.getStringAttr(bound.str()));
    if (!bounds.empty())
      function->setAttr(onnx::kBoundsAttr, bounds.getDictionary(&getContext()));
    SmallVector<Attribute> equalities;
    for (const auto &[a, c] : context.requirements())
      equalities.push_back(b.getStringAttr(a.str() + " == " + c.str()));
    if (!equalities.empty())
      function->setAttr(onnx::kRequireAttr, b.getArrayAttr(equalities));
  }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(run(function)))
        signalPassFailure();
  }
  std::set<std::string> inputSymbols_;
};
} // namespace
} // namespace janus
