#include "lib/Recover/RowForm.h"

#include "janus/Recover/Missed.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace janus::recover {

func::FuncOp findCandidate(ModuleOp module) {
  auto step = module.lookupSymbol<func::FuncOp>(moe::kStepFunction);
  return step && step->hasAttr(kRowsAttr) ? step : func::FuncOp();
}

void limitPositions(func::FuncOp step, int64_t limit) {
  auto known = step->getAttrOfType<IntegerAttr>(kLimitAttr);
  if (!known || known.getInt() > limit)
    step->setAttr(kLimitAttr, IntegerAttr::get(IntegerType::get(step.getContext(), 64), limit));
}

LogicalResult notRecovered(Operation *op, const Twine &reason) {
  op->setAttr(kReasonAttr, StringAttr::get(op->getContext(), reason));
  emitRemark(op->getLoc()) << kNotRecovered << op->getName() << ": " << reason;
  return failure();
}

LogicalResult giveUp(ModuleOp module, Location at, const Twine &reason) {
  module->setAttr(kReasonAttr, StringAttr::get(module.getContext(), reason));
  module->setAttr(kPlaceAttr, LocationAttr(at));
  return failure();
}

void eraseDead(func::FuncOp function) {
  for (Block &block : function.getBody())
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op) || (isa<moe::SequenceOp>(op) && op.use_empty())) // a state that nothing sees
        op.erase();
}

RowForm::RowForm(func::FuncOp step)
    : step_(step), rows_(1), symbols_(std::make_unique<SymbolTable>(step->getParentOfType<ModuleOp>())) {
  auto text = step->getAttrOfType<StringAttr>(kRowsAttr);
  if (auto rows = onnx::SymExpr::parse(text.getValue().str()))
    rows_ = *rows;
}

BlockArgument RowForm::tokens() const {
  auto step = step_;
  return step.getArgument(static_cast<unsigned>(step->getAttrOfType<IntegerAttr>(kTokensAttr).getInt()));
}

std::optional<int64_t> RowForm::columns(Type type) const {
  auto dims = onnx::getDims(type);
  if (!dims)
    return std::nullopt;
  onnx::SymExpr size(1);
  for (const onnx::SymExpr &dim : *dims)
    size = size * dim;
  auto columns = onnx::SymExpr::divideExactly(size, rows_);
  return columns && columns->constant().value_or(0) > 0 ? columns->constant() : std::nullopt;
}

bool RowForm::isWhole(Type type) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() > 1 && columns(type) == tensor.getShape().back();
}

RankedTensorType RowForm::rowsType(int64_t columns) const {
  return RankedTensorType::get({ShapedType::kDynamic, columns}, Float32Type::get(step().getContext()));
}

Value RowForm::toRows(OpBuilder &builder, Value value) const {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  auto width = columns(value.getType());
  if (!width || !tensor.getElementType().isF32())
    return nullptr;
  RankedTensorType type = rowsType(*width);
  if (auto cast = value.getDefiningOp<UnrealizedConversionCastOp>())
    if (cast.getInputs().size() == 1 && cast.getInputs()[0].getType() == type)
      return cast.getInputs()[0];
  return UnrealizedConversionCastOp::create(builder, value.getLoc(), TypeRange{type}, ValueRange{value}).getResult(0);
}

Value RowForm::fromRows(OpBuilder &builder, Value rows, Type type) const {
  return UnrealizedConversionCastOp::create(builder, rows.getLoc(), TypeRange{type}, ValueRange{rows}).getResult(0);
}

} // namespace janus::recover
