#include "lib/Lowering/Emission.h"
#include "lib/Lowering/Polynomials.h"

#include "dialects/moe/IR/MoEOps.h"

using namespace mlir;

namespace janus::lowering {
namespace {

using Predicate = arith::CmpFPredicate;

/// Activations other than swiglu, as in kernels/common/Activations.h.
Value emitPlain(CodeBuilder &c, moe::ActivationKind kind, Value g) {
  Value zero = c.splat(0.0f), one = c.splat(1.0f), half = c.splat(0.5f);
  switch (kind) {
  case moe::ActivationKind::gelu:
    return c.mulf(c.mulf(half, g), c.addf(one, emitErf(c, c.mulf(g, c.splat(0x1.6a09e6p-1f)))));
  case moe::ActivationKind::gelu_tanh: {
    Value cube = c.mulf(c.mulf(c.mulf(c.splat(0.044715f), g), g), g);
    Value inner = c.mulf(c.splat(0x1.988454p-1f), c.addf(g, cube));
    return c.mulf(c.mulf(half, g), c.addf(one, emitTanh(c, inner)));
  }
  case moe::ActivationKind::relu:
    return emitSelect(c, Predicate::OGT, g, zero, g, zero);
  case moe::ActivationKind::relu2: {
    Value positive = emitSelect(c, Predicate::OGT, g, zero, g, zero);
    return c.mulf(positive, positive);
  }
  case moe::ActivationKind::identity:
    return g;
  case moe::ActivationKind::silu:
  case moe::ActivationKind::swiglu:
    return c.mulf(g, emitSigmoid(c, g));
  }
  return g;
}

} // namespace

Value emitActivation(CodeBuilder &c, moe::ActivationAttr activation, Value g, Value u) {
  if (activation.getKind() != moe::ActivationKind::swiglu) {
    Value gate = emitPlain(c, activation.getKind(), g);
    return u ? c.mulf(gate, u) : gate;
  }
  float bound = activation.getLimit().getValue().convertToFloat();
  Value limit = c.splat(bound), negative = c.splat(-bound);
  g = emitSelect(c, Predicate::OGT, g, limit, limit, g);
  Value scaled = c.mulf(c.splat(activation.getAlpha().getValue().convertToFloat()), g);
  Value gate = c.mulf(g, emitSigmoid(c, scaled));
  if (!u)
    return gate;
  u = emitSelect(c, Predicate::OGT, u, limit, limit, u);
  u = emitSelect(c, Predicate::OLT, u, negative, negative, u);
  return c.mulf(gate, c.addf(u, c.splat(activation.getBeta().getValue().convertToFloat())));
}

} // namespace janus::lowering
