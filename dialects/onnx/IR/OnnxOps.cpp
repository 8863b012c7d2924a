#include "dialects/onnx/IR/OnnxOps.h"
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace janus::onnx;

#include "dialects/onnx/IR/OnnxOpsDialect.cpp.inc"
#include "dialects/onnx/IR/ShapeInterface.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/onnx/IR/OnnxOpsAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/onnx/IR/OnnxOpsTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/onnx/IR/OnnxOps.cpp.inc"

void OnnxDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/onnx/IR/OnnxOpsAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/onnx/IR/OnnxOpsTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/onnx/IR/OnnxOps.cpp.inc"
      >();
}

LogicalResult InitializerOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return emitOpError() << "expects a static shape, found " << type;
  if (auto range = dyn_cast<RangeAttr>(getData())) {
    int64_t bytes = (type.getNumElements() * getStorageBits(range.getStorage()) + 7) / 8;
    if (range.getLength() != bytes)
      return emitOpError() << "expects a range of " << bytes << " bytes for " << type << " stored as "
                           << range.getStorage() << ", found " << range.getLength();
    return success();
  }
  auto elements = dyn_cast<ElementsAttr>(getData());
  if (!elements)
    return emitOpError() << "expects #onnx.range or elements as data, found " << getData();
  if (elements.getShapedType() != type)
    return emitOpError() << "expects elements of " << type << ", found " << elements.getShapedType();
  return success();
}

LogicalResult InitializerValueOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto initializer = symbols.lookupNearestSymbolFrom<InitializerOp>(*this, getInitializerAttr());
  if (!initializer)
    return emitOpError() << "refers to " << getInitializerAttr() << ", which is no onnx.initializer";
  if (initializer.getType() != getType())
    return emitOpError() << "has type " << getType() << " but " << getInitializerAttr() << " has type "
                         << initializer.getType();
  return success();
}

OpFoldResult ConstantValueOp::fold(FoldAdaptor) { return getValue(); }
