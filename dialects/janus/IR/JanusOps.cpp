//===- JanusOps.cpp - verifiers of the janus dialect ----------------------===//
//
// Each check names the rule it enforces (JanusOps.td) and says what it expects
// and what it found.
//
//===----------------------------------------------------------------------===//
#include "dialects/janus/IR/JanusOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace janus;
using namespace janus::dist;

#include "dialects/janus/IR/JanusOpsDialect.cpp.inc"
#include "dialects/janus/IR/JanusOpsEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/janus/IR/JanusOpsAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/janus/IR/JanusOpsTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/janus/IR/JanusOps.cpp.inc"

void JanusDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/janus/IR/JanusOpsAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/janus/IR/JanusOpsTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/janus/IR/JanusOps.cpp.inc"
      >();
}

//===-- shared checks -----------------------------------------------------===//

static bool isTensor(Type type, int64_t rank, bool isF32) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == rank &&
         (isF32 ? tensor.getElementType().isF32() : tensor.getElementType().isInteger(32));
}

static LogicalResult checkNonNegative(Operation *op, StringRef what, int64_t value) {
  if (value >= 0)
    return success();
  return op->emitOpError() << "expects " << what << " >= 0 but found " << value;
}

static LogicalResult checkSchemes(Operation *op, ArrayAttr schemes) {
  if (schemes.empty())
    return op->emitOpError("expects at least one scheme; --janus-insert-transfers fills them");
  llvm::StringSet<> names;
  for (auto scheme : schemes.getAsRange<SchemeAttr>())
    if (!names.insert(scheme.getName()).second)
      return op->emitOpError() << "expects schemes with distinct names but found '" << scheme.getName() << "' twice";
  return success();
}

//===-- attributes --------------------------------------------------------===//

LogicalResult PhaseAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name, Link, StringRef messages,
                                StringRef bytes) {
  if (name.empty() || messages.empty() || bytes.empty())
    return emitError() << "expects a phase with a name and expressions of messages and bytes, none of them empty";
  return success();
}

LogicalResult SchemeAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name,
                                 ArrayRef<PhaseAttr> phases) {
  if (name.empty())
    return emitError() << "expects a scheme with a name";
  if (phases.empty())
    return emitError() << "expects at least one phase in scheme '" << name << "'";
  return success();
}

//===-- symbols and fragments ---------------------------------------------===//

LogicalResult PlacementOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())))
    return failure();
  if (getExperts() < 1)
    return emitOpError() << "expects experts >= 1 but found " << getExperts();
  return success();
}

YieldOp FragmentOp::getYield() { return cast<YieldOp>(getBlock().getTerminator()); }

LogicalResult FragmentOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())))
    return failure();
  StringRef origin = getOrigin();
  if (!origin.starts_with("user") && !origin.starts_with("rule: ") && !origin.starts_with("inferred: "))
    return emitOpError() << "expects an origin that starts with 'user', 'rule: ' or 'inferred: ' but found '" << origin
                         << "'";
  if (getBlock().getArgumentTypes() != getInputs().getTypes())
    return emitOpError() << "expects a block argument of the same type for each of its " << getInputs().size()
                         << " inputs but the block has " << getBlock().getNumArguments() << " arguments";
  YieldOp yield = getYield();
  if (yield.getResults().getTypes() != getResultTypes()) {
    InFlightDiagnostic diag = emitOpError()
                              << "expects its yield to carry a value of the same type for each of its "
                              << getNumResults() << " results but it carries " << yield.getResults().size();
    diag.attachNote(yield.getLoc()) << "the yield is here";
    return diag;
  }
  for (Operation &op : getBlock())
    if (isa<FragmentOp, DispatchOp, CollectOp, ExchangeOp, ScheduleOp>(op)) {
      InFlightDiagnostic diag = emitOpError("expects neither communication nor schedule nor fragment inside");
      diag.attachNote(op.getLoc()) << "found '" << op.getName() << "' here; it belongs between fragments";
      return diag;
    }
  return success();
}

LogicalResult FragmentOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (symbols.lookupNearestSymbolFrom<MeshOp>(*this, getMeshAttr()))
    return success();
  return emitOpError() << "expects a mesh @" << getMesh() << " but there is none; add 'janus.mesh @" << getMesh()
                       << "' to the module";
}

//===-- transfers ---------------------------------------------------------===//

LogicalResult DispatchOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())) ||
      failed(checkNonNegative(*this, "transfer", getTransfer())))
    return failure();
  OperandRange values = getValues();
  if (!getRouted() && (values.size() != 1 || !isTensor(values[0].getType(), 2, true)))
    return emitOpError("expects one value, the activations f32 [rows, H]; ids and weights need 'routed'");
  if (getRouted() && (values.size() != 3 || !isTensor(values[0].getType(), 2, true) ||
                      !isTensor(values[1].getType(), 2, false) || !isTensor(values[2].getType(), 2, true) ||
                      cast<RankedTensorType>(values[1].getType()).getShape() !=
                          cast<RankedTensorType>(values[2].getType()).getShape()))
    return emitOpError("expects three values when routed: activations f32 [rows, H], ids i32 [rows, k] and weights f32 "
                       "[rows, k]");
  if (getAssignment() && !getRouted())
    return emitOpError("expects 'routed' with an assignment; the expert side schedules for itself otherwise");
  SmallVector<Type> expected(values.getTypes());
  if (getAssignment())
    expected = {values[0].getType(), getAssignment().getType()};
  if (getResultTypes() != TypeRange(expected)) {
    InFlightDiagnostic diag = emitOpError() << "expects results of types ";
    llvm::interleaveComma(expected, diag);
    diag << " but found ";
    llvm::interleaveComma(getResultTypes(), diag);
    return diag;
  }
  return checkSchemes(*this, getSchemes());
}

LogicalResult CollectOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())) ||
      failed(checkNonNegative(*this, "transfer", getTransfer())))
    return failure();
  Type value = getValue().getType(), result = getResult().getType();
  if (!isTensor(result, 3, true))
    return emitOpError() << "expects a result f32 [rows, k, H] but found " << result;
  int64_t hidden = cast<RankedTensorType>(result).getDimSize(2);
  if (value != result && !(isTensor(value, 2, true) && cast<RankedTensorType>(value).getDimSize(1) == hidden))
    return emitOpError() << "expects a value of the result's type or, by pair, f32 [pairs, " << hidden << "] but found "
                         << value;
  return checkSchemes(*this, getSchemes());
}

LogicalResult ExchangeOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())))
    return failure();
  if (!isTensor(getIds().getType(), 2, false) || getIds().getType() != getResult().getType())
    return emitOpError() << "expects ids and result i32 [rows, k] of the same type but found " << getIds().getType()
                         << " and " << getResult().getType();
  return checkSchemes(*this, getSchemes());
}

//===-- schedule ----------------------------------------------------------===//

LogicalResult ScheduleOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())))
    return failure();
  if (getK() < 1 || getK() > getExperts())
    return emitOpError() << "expects 1 <= k <= experts but found k = " << getK() << " of " << getExperts()
                         << " experts";
  for (Value value : {getIds(), getWeights()}) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 2 || type.getDimSize(1) != static_cast<int64_t>(getK()))
      return emitOpError() << "expects ids and weights of shape [rows, " << getK() << "] but found " << type;
  }
  return success();
}

LogicalResult ScheduleOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto placement = symbols.lookupNearestSymbolFrom<PlacementOp>(*this, getPlacementAttr());
  if (!placement)
    return emitOpError() << "expects a placement @" << getPlacement() << " but there is none";
  if (placement.getLayer() == getLayer() && placement.getExperts() == getExperts())
    return success();
  InFlightDiagnostic diag = emitOpError() << "expects a placement of layer " << getLayer() << " with " << getExperts()
                                          << " experts but @" << getPlacement() << " is of layer "
                                          << placement.getLayer() << " with " << placement.getExperts();
  diag.attachNote(placement.getLoc()) << "the placement is here";
  return diag;
}

LogicalResult ExpertsOp::verify() {
  if (failed(checkNonNegative(*this, "layer", getLayer())))
    return failure();
  auto x = cast<RankedTensorType>(getX().getType());
  if (x.getRank() != 2 || x.isDynamicDim(1))
    return emitOpError() << "expects x to be f32 [rows, H] with a known H but found " << x;
  int64_t hidden = x.getDimSize(1);
  auto gate = cast<RankedTensorType>(getGate().getType());
  if (gate.getRank() != 3 || !gate.hasStaticShape() || gate.getDimSize(2) != hidden)
    return emitOpError() << "expects gate to be [E, I, " << hidden << "] but found " << gate;
  int64_t experts = gate.getDimSize(0), inner = gate.getDimSize(1);
  if (getUp() && getUp().getType() != gate)
    return emitOpError() << "expects up to be " << gate << " like gate but found " << getUp().getType();
  auto shaped = [](Value value, ArrayRef<int64_t> shape) {
    return !value || cast<RankedTensorType>(value.getType()).getShape() == shape;
  };
  if (!shaped(getDown(), {experts, hidden, inner}))
    return emitOpError() << "expects down to be [" << experts << ", " << hidden << ", " << inner << "] but found "
                         << getDown().getType();
  if (!shaped(getGateBias(), {experts, inner}) || !shaped(getUpBias(), {experts, inner}) ||
      !shaped(getDownBias(), {experts, hidden}))
    return emitOpError() << "expects biases [" << experts << ", " << inner << "] of gate and up and [" << experts
                         << ", " << hidden << "] of down";
  if (getUpBias() && !getUp())
    return emitOpError("expects 'up' with 'up_bias'");
  auto result = cast<RankedTensorType>(getResult().getType());
  if (result.getRank() != 2 || result.getDimSize(1) != hidden)
    return emitOpError() << "expects a result f32 [pairs, " << hidden << "] but found " << result;
  return success();
}
