//===- MoEAttrs.cpp - dialect and attributes ----------------------------===//
#include "dialects/moe/IR/MoEOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace janus::moe;

#include "dialects/moe/IR/MoEOpsDialect.cpp.inc"
#include "dialects/moe/IR/MoEOpsEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/moe/IR/MoEOpsAttrs.cpp.inc"

void MoEDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/moe/IR/MoEOpsAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/moe/IR/MoEOps.cpp.inc"
      >();
}

//===-- view --------------------------------------------------------------===//

LogicalResult ViewAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef file, Type storage,
                               int64_t offset, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  if (!storage.isF32() && !storage.isF16() && !storage.isBF16())
    return emitError() << "expects storage type f32, f16 or bf16, found " << storage;
  if (offset < 0)
    return emitError() << "expects an offset of at least 0 bytes, found " << offset;
  if (shape.empty() || shape.size() != strides.size())
    return emitError() << "expects as many strides as dimensions and at least one, found " << shape.size()
                       << " dimensions and " << strides.size() << " strides";
  for (auto [size, stride] : llvm::zip(shape, strides))
    if (size <= 0 || stride < 0)
      return emitError() << "expects positive sizes and strides that are not negative, found size " << size
                         << " with stride " << stride;
  if (file.empty())
    return emitError() << "expects the name of a file";
  return success();
}

int64_t ViewAttr::getExtentBytes() const {
  int64_t last = 0;
  for (auto [size, stride] : llvm::zip(getShape(), getStrides()))
    last += (size - 1) * stride;
  return (last + 1) * (getStorage().getIntOrFloatBitWidth() / 8);
}

ViewAttr ViewAttr::slice(int64_t begin, int64_t count) const {
  SmallVector<int64_t> shape(getShape());
  shape[0] = count;
  int64_t offset = getOffset() + begin * getStrides()[0] * (getStorage().getIntOrFloatBitWidth() / 8);
  return get(getContext(), getFile(), getStorage(), offset, shape, getStrides());
}

//===-- groups ------------------------------------------------------------===//

LogicalResult GroupsAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t count, int64_t kept,
                                 GroupScore score, FloatAttr fill) {
  if (count < 2 || kept < 1 || kept > count)
    return emitError() << "expects at least two groups and between one and all of them kept, found " << kept << " of "
                       << count;
  if (!fill.getType().isF32() || fill.getValue().isNaN())
    return emitError() << "expects an f32 fill, found " << fill;
  return success();
}

//===-- activation --------------------------------------------------------===//

LogicalResult ActivationAttr::verify(function_ref<InFlightDiagnostic()> emitError, ActivationKind kind, FloatAttr alpha,
                                     FloatAttr beta, FloatAttr limit) {
  for (FloatAttr value : {alpha, beta, limit})
    if (!value.getType().isF32())
      return emitError() << "expects f32 constants, found " << value;
  if (limit.getValue().isNaN() || !(limit.getValueAsDouble() > 0))
    return emitError() << "expects a positive limit (infinite for none), found " << limit;
  if (!alpha.getValue().isFinite() || !beta.getValue().isFinite())
    return emitError() << "expects finite alpha and beta, found " << alpha << " and " << beta;
  return success();
}

ActivationAttr ActivationAttr::get(MLIRContext *context, ActivationKind kind, float alpha, float beta, float limit) {
  Builder builder(context);
  return get(context, kind, builder.getF32FloatAttr(alpha), builder.getF32FloatAttr(beta),
             builder.getF32FloatAttr(limit));
}
