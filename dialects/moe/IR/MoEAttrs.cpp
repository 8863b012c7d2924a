//===- MoEAttrs.cpp - dialect and attributes ----------------------------===//
#include "dialects/moe/IR/MoEOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

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

/// Bits of a stored number; 0 for a type that is not stored.
static int64_t storedBits(Type storage, bool integers) {
  auto integer = dyn_cast<IntegerType>(storage);
  bool known = integers ? integer && !integer.isSigned() && llvm::is_contained({2u, 4u, 8u}, integer.getWidth())
                        : storage.isF32() || storage.isF16() || storage.isBF16();
  return known ? storage.getIntOrFloatBitWidth() : 0;
}

LogicalResult ViewAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef file, Type storage,
                               int64_t offset, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  int64_t bits = std::max(storedBits(storage, false), storedBits(storage, true));
  if (!bits)
    return emitError() << "expects storage type f32, f16, bf16, or i2, i4, i8 with or without sign, found " << storage;
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
  constexpr int64_t kMost = int64_t{1} << 62;
  int64_t last = 1;
  bool beyond = offset > kMost;
  for (auto [size, stride] : llvm::zip(shape, strides)) {
    int64_t reach;
    beyond = beyond || llvm::MulOverflow(size - 1, stride, reach) || llvm::AddOverflow(last, reach, last);
  }
  int64_t extent;
  if (beyond || llvm::MulOverflow(last, bits, extent) || extent / 8 > kMost - offset)
    return emitError() << "expects a view that ends below byte 2^62";
  return success();
}

int64_t ViewAttr::getExtentBytes() const {
  int64_t last = 0;
  for (auto [size, stride] : llvm::zip(getShape(), getStrides()))
    last += (size - 1) * stride;
  return ((last + 1) * getStorage().getIntOrFloatBitWidth() + 7) / 8;
}

//===-- quantised views ---------------------------------------------------===//

LogicalResult BlocksAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t bits, int64_t size, ZeroPoints) {
  if (bits != 2 && bits != 4 && bits != 8)
    return emitError() << "expects 2, 4 or 8 bits, found " << bits;
  if (size < 1)
    return emitError() << "expects blocks of at least one number, found " << size;
  return success();
}

/// Shape of a part of a quantised view; empty when it is stored in no way that a part is.
static ArrayRef<int64_t> shapeOfPart(Attribute part, bool integers) {
  if (auto view = dyn_cast<ViewAttr>(part))
    return storedBits(view.getStorage(), integers) ? view.getShape() : ArrayRef<int64_t>();
  auto values = dyn_cast<DenseElementsAttr>(part);
  bool stored = values && (integers ? values.getElementType().isUnsignedInteger(8) : values.getElementType().isF32());
  return stored ? values.getType().getShape() : ArrayRef<int64_t>();
}

/// Whether integers are stored with a sign.
static bool isSigned(Attribute part) {
  auto view = dyn_cast<ViewAttr>(part);
  return view && view.getStorage().isSignlessInteger();
}

LogicalResult QuantisedAttr::verify(function_ref<InFlightDiagnostic()> emitError, Attribute integers, Attribute scales,
                                    Attribute zeros) {
  ArrayRef<int64_t> shape = shapeOfPart(integers, true), scaleShape = shapeOfPart(scales, false);
  if (shape.empty())
    return emitError() << "expects integers in a view of 2, 4 or 8 bits or inline ui8, found " << integers;
  if (scaleShape.empty())
    return emitError() << "expects scales in a view of floating-point numbers or inline f32, found " << scales;
  if (scaleShape.size() != shape.size() || scaleShape.drop_back() != shape.drop_back())
    return emitError() << "expects scales with the dimensions of the integers but the last, found " << scales << " for "
                       << integers;
  if (!zeros)
    return success();
  bool asIntegers = shapeOfPart(zeros, true) == scaleShape;
  if (!asIntegers && shapeOfPart(zeros, false) != scaleShape)
    return emitError() << "expects zeros of the shape of the scales, stored as these or as integers are, found "
                       << zeros;
  if (!asIntegers && isSigned(integers))
    return emitError() << "expects zeros that are integers beside integers with a sign, found " << zeros;
  return success();
}

ArrayRef<int64_t> QuantisedAttr::getShape() const { return shapeOfPart(getIntegers(), true); }

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
