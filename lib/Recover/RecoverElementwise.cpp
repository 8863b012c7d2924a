#include "janus/Recover/Passes.h"
#include "lib/Recover/Meaning/Function.h"
#include "lib/Recover/Meaning/Rules.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/StoredWeight.h"

#include "dialects/moe/IR/Formula.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERELEMENTWISEPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::Fn;
using recover::RowForm;
using Steps = SmallVector<Attribute>;

/// A formula and what it is of: operands are values in row form.
struct Formula {
  Steps steps;
  SmallVector<Value> operands;
};

/// The function of one operator; nullptr when a formula has none.
const char *nameOf(Fn fn) {
  switch (fn) {
  case Fn::kAdd:
    return "add";
  case Fn::kSub:
    return "sub";
  case Fn::kMul:
    return "mul";
  case Fn::kDiv:
    return "div";
  case Fn::kMin:
    return "min";
  case Fn::kMax:
    return "max";
  case Fn::kNeg:
    return "neg";
  case Fn::kAbs:
    return "abs";
  case Fn::kSqrt:
    return "sqrt";
  case Fn::kExp:
    return "exp";
  case Fn::kLog:
    return "log";
  case Fn::kTanh:
    return "tanh";
  case Fn::kErf:
    return "erf";
  case Fn::kSigmoid:
    return "sigmoid";
  default:
    return nullptr;
  }
}

struct RecoverElementwise : impl::RecoverElementwisePassBase<RecoverElementwise> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    for (Operation &op : llvm::make_early_inc_range(step.front()))
      if (isa<onnx::OnnxDialect>(op.getDialect()) && op.getNumResults() == 1 && succeeded(rewrite(form, &op)))
        op.erase();
    recover::eraseDead(step);
  }

  LogicalResult rewrite(const RowForm &form, Operation *op) {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    auto columns = form.columns(op->getResult(0).getType());
    if (!type || !type.getElementType().isF32() || !columns)
      return failure();
    OpBuilder builder(op);
    auto fn = recover::functionOf(op);
    bool extreme = isa<onnx::MaxOp, onnx::MinOp>(op) && op->getNumOperands() == 2;
    if (extreme)
      fn = isa<onnx::MaxOp>(op) ? Fn::kMax : Fn::kMin;
    if (!fn)
      return failure();
    Formula formula;
    if (fn == Fn::kReciprocal)
      formula.steps.push_back(builder.getF32FloatAttr(1));
    for (Value operand : op->getOperands().take_front(fn == Fn::kPow ? 1 : op->getNumOperands()))
      if (failed(append(builder, form, formula, operand, type)))
        return failure();
    if (failed(finish(builder, op, *fn, formula)))
      return failure();
    if (formula.steps.size() > moe::kMaxFormula || formula.operands.empty())
      return failure();
    Value y = moe::MapOp::create(builder, op->getLoc(), form.rowsType(*columns), formula.operands,
                                 builder.getArrayAttr(formula.steps));
    op->getResult(0).replaceAllUsesWith(form.fromRows(builder, y, type));
    return success();
  }

  static LogicalResult finish(OpBuilder &builder, Operation *op, Fn fn, Formula &formula) {
    auto put = [&](StringRef name) { formula.steps.push_back(builder.getStringAttr(name)); };
    if (const char *name = nameOf(fn))
      return put(name), success();
    switch (fn) {
    case Fn::kReciprocal:
      return put("div"), success();
    case Fn::kRelu:
      formula.steps.push_back(builder.getF32FloatAttr(0));
      return put("max"), success();
    case Fn::kPow: {
      auto exponent = recover::constantNumbers(op->getOperand(1));
      if (!exponent || exponent->size() != 1)
        return failure();
      if (exponent->front() == 0.5)
        return put("sqrt"), success();
      if (exponent->front() != 2)
        return failure();
      Steps base = formula.steps;
      formula.steps.append(base.begin(), base.end());
      return put("mul"), success();
    }
    default:
      return failure();
    }
  }

  /// Puts the element of `value` that broadcasting pairs with the result's: a number, rows, one number a row, or a
  /// vector over the columns. What is a formula itself and is used here alone is written out.
  LogicalResult append(OpBuilder &builder, const RowForm &form, Formula &formula, Value value,
                       RankedTensorType result) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.getElementType().isF32())
      return failure();
    if (type.hasStaticShape() && type.getNumElements() == 1)
      if (auto number = recover::constantNumbers(value); number && number->size() == 1) {
        formula.steps.push_back(builder.getF32FloatAttr(static_cast<float>(number->front())));
        return success();
      }
    int64_t width = result.getShape().back();
    if (type.hasStaticShape() && form.isWhole(result)) {
      auto stored = form.trace(value);
      if (!stored || type.getNumElements() != width || type.getShape().back() != width)
        return failure();
      return putOperand(builder, formula, stored->reshape({width})->materialise(builder, form.symbols()));
    }
    auto columns = form.columns(type);
    bool alike = type == result;
    bool oneEach =
        form.isWhole(result) && columns == 1 && type.getRank() == result.getRank() && type.getShape().back() == 1;
    if (!columns || (!alike && !oneEach))
      return failure();
    Value rows = form.toRows(builder, value);
    auto map = rows ? rows.getDefiningOp<moe::MapOp>() : nullptr;
    auto isRows = [](Value v) { return cast<RankedTensorType>(v.getType()).getRank() == 2; };
    if (!map || !rows.hasOneUse() || !value.hasOneUse() || (!alike && !llvm::all_of(map.getInputs(), isRows)) ||
        formula.steps.size() + map.getFormula().size() > moe::kMaxFormula)
      return rows ? putOperand(builder, formula, rows) : failure();
    for (Attribute part : map.getFormula())
      if (auto index = dyn_cast<IntegerAttr>(part))
        (void)putOperand(builder, formula, map.getInputs()[static_cast<unsigned>(index.getInt())]);
      else
        formula.steps.push_back(part);
    return success();
  }

  static LogicalResult putOperand(OpBuilder &builder, Formula &formula, Value value) {
    auto it = llvm::find(formula.operands, value);
    formula.steps.push_back(builder.getI64IntegerAttr(it - formula.operands.begin()));
    if (it == formula.operands.end())
      formula.operands.push_back(value);
    return success();
  }
};
} // namespace
} // namespace janus
