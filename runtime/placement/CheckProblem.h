//===- CheckProblem.h - is a layer problem one that can be planned -*- C++ -*-===//
#ifndef JANUS_RUNTIME_PLACEMENT_CHECKPROBLEM_H
#define JANUS_RUNTIME_PLACEMENT_CHECKPROBLEM_H

#include "runtime/placement/Layout.h"
#include "runtime/placement/Planner.h"

namespace janus {

/// What a layout of the problem must fit, or the errors of PlanLayer. After this
/// the sizes agree, ids are in range, and there is a layout that fits.
absl::StatusOr<LayoutShape> CheckProblem(const LayerProblem &problem);

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_CHECKPROBLEM_H
