#include "lib/Communication/Schemes.h"

using namespace mlir;

namespace janus {
namespace {

struct Builder {
  MLIRContext *context;

  dist::PhaseAttr phase(StringRef name, dist::Link link, StringRef messages, StringRef bytes) const {
    return dist::PhaseAttr::get(context, name, link, messages, bytes);
  }
  Attribute scheme(StringRef name, ArrayRef<dist::PhaseAttr> phases) const {
    return dist::SchemeAttr::get(context, name, phases);
  }
};

} // namespace

ArrayAttr schemesAttr(MLIRContext *context, TransferKind kind) {
  using dist::Link;
  Builder b{context};
  if (kind == TransferKind::kExchange)
    return ArrayAttr::get(
        context,
        {b.scheme("direct", {b.phase("ids", Link::control, "active * (active - 1)", "(active - 1) * rows * k * 2")})});
  if (kind == TransferKind::kReturn)
    return ArrayAttr::get(context,
                          {b.scheme("direct", {b.phase("send", Link::inter, "n * active", "pairs * (8 + 4 * H)")})});
  StringRef bytes = kind == TransferKind::kDispatch ? "n * rows * H * 4" : "needed * H * 4 + pairs * 20";
  return ArrayAttr::get(context, {b.scheme("direct", {b.phase("send", Link::inter, "active * n", bytes)})});
}

} // namespace janus
