#include "lib/Communication/Schemes.h"

using namespace mlir;

namespace janus {

static dist::Link linkOf(traffic::LinkClass link) {
  switch (link) {
  case traffic::LinkClass::kIntra:
    return dist::Link::intra;
  case traffic::LinkClass::kInter:
    return dist::Link::inter;
  case traffic::LinkClass::kControl:
    return dist::Link::control;
  }
  llvm_unreachable("every link class is handled");
}

ArrayAttr schemesAttr(MLIRContext *context, traffic::Kind kind) {
  SmallVector<Attribute> schemes;
  for (const traffic::Scheme &scheme : traffic::SchemesOf(kind)) {
    SmallVector<dist::PhaseAttr> phases;
    for (const traffic::PhaseCost &phase : scheme.phases)
      phases.push_back(dist::PhaseAttr::get(context, phase.phase, linkOf(phase.link), phase.messages, phase.bytes));
    schemes.push_back(dist::SchemeAttr::get(context, scheme.name, phases));
  }
  return ArrayAttr::get(context, schemes);
}

} // namespace janus
