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

/// Symbols that an equality settles: one symbol of the inputs against an integer.
Symbols settle(ArrayRef<std::pair<SymExpr, SymExpr>> requirements) {
  Symbols settled;
  for (const auto &[a, b] : requirements) {
    if (a.asSymbol() && b.constant())
      settled.emplace(*a.asSymbol(), b);
    else if (b.asSymbol() && a.constant())
      settled.emplace(*b.asSymbol(), a);
  }
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
    // The location prints as file and node index; users know nodes by name.
    ScopedDiagnosticHandler nameNodes(&getContext(), [](Diagnostic &diagnostic) {
      if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
        diagnostic << " (ONNX node '" << name.getName().getValue() << "')";
      return mlir::failure(); // on to the next handler
    });
    for (Operation &op : function.getBody().front()) {
      auto shape = dyn_cast<onnx::ShapeInterface>(op);
      if (!shape)
        continue;
      bool known = llvm::all_of(op.getOperands(), [&](Value operand) { return context.dims(operand).has_value(); });
      if (known && mlir::failed(shape.inferShape(context)))
        failed = true;
      else if (auto extent = context.takeNegative())
        failed = (op.emitOpError() << "expects results with extents of at least 0, found " << *extent, true);
      else if (!known && !failed)
        failed = (op.emitOpError() << "has an operand without a shape", true);
    }
    Operation *end = function.getBody().front().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands())) {
      auto declared = function.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr);
      auto want = declared ? onnx::getDims(declared.getValue()) : std::nullopt;
      auto found = context.dims(value);
      if (!want || !found || failed)
        continue;
      if (want->size() != found->size() ||
          cast<RankedTensorType>(declared.getValue()).getElementType() != context.element(value)) {
        failed = (function.emitError() << "result " << i << " is declared as " << declared.getValue() << " but is "
                                       << value.getType(),
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

  void collectInputs(func::FuncOp function) {
    inputSymbols_.clear();
    for (Type type : function.getArgumentTypes())
      if (auto dims = onnx::getDims(type))
        for (const SymExpr &dim : *dims)
          for (const std::string &name : dim.symbols())
            inputSymbols_.insert(name);
  }

  LogicalResult run(func::FuncOp function) {
    collectInputs(function);
    auto context = std::make_unique<onnx::ShapeContext>(&getContext());
    if (failed(infer(function, *context)))
      return failure();
    // An extent that an operator fixes replaces its symbol, everywhere; then everything is inferred anew.
    for (Symbols settled = settle(context->requirements()); !settled.empty();
         settled = settle(context->requirements())) {
      for (BlockArgument argument : function.getArguments())
        argument.setType(substitute(argument.getType(), settled));
      for (unsigned i = 0; i < function.getNumResults(); ++i)
        if (auto declared = function.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr))
          function.setResultAttr(i, onnx::kDeclaredAttr, TypeAttr::get(substitute(declared.getValue(), settled)));
      size_t before = inputSymbols_.size();
      collectInputs(function);
      context = std::make_unique<onnx::ShapeContext>(&getContext());
      if (failed(infer(function, *context)))
        return failure();
      if (inputSymbols_.size() == before) // what is left concerns symbols that the inputs do not bind
        break;
    }
    finish(function, *context);
    return success();
  }

  void finish(func::FuncOp function, onnx::ShapeContext &context) {
    Builder b(&getContext());
    Operation *end = function.getBody().front().getTerminator();
    function.setFunctionType(b.getFunctionType(function.getBody().getArgumentTypes(), end->getOperandTypes()));
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      function.removeResultAttr(i, b.getStringAttr(onnx::kDeclaredAttr));
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
