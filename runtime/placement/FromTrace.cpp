// A placement fitted to recorded steps.
#include "runtime/base/AvailableCores.h"
#include "runtime/placement/ActivationWindow.h"
#include "runtime/placement/Placement.h"
#include "runtime/placement/Planner.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus {

absl::StatusOr<Placement> Placement::FromTrace(const PlacementShape &shape,
                                               const std::vector<ActivationWindow> &windows) {
  if (absl::Status status = shape.Check(); !status.ok())
    return status;
  // A trace lists no layers without experts; the last of the model may be such.
  const int64_t found = static_cast<int64_t>(windows.size()), layers = static_cast<int64_t>(shape.experts.size());
  std::vector<LayerProblem> problems;
  for (int64_t l = 0; l < std::max(found, layers); ++l) {
    const int64_t experts = l < found ? windows[l].experts() : 0;
    if (l >= layers || experts != shape.experts[l])
      return absl::InvalidArgumentError(absl::StrCat("routing trace: layer ", l, ": found ", experts,
                                                     " experts, expected ", l < layers ? shape.experts[l] : 0,
                                                     " as in the model; the trace is of another one"));
    if (experts == 0)
      continue;
    if (windows[l].steps() == 0)
      return absl::InvalidArgumentError(
          absl::StrCat("routing trace: layer ", l, ": found no step; record a longer run"));
    LayerProblem &problem = problems.emplace_back();
    problem.experts = experts;
    problem.slots.assign(shape.instances, shape.slots);
    problem.steps = &windows[l];
  }
  absl::StatusOr<std::vector<LayerPlan>> plans = PlanLayers(problems, PlannerOptions(), AvailableCores());
  if (!plans.ok())
    return plans.status();
  std::vector<LayerSlots> slots;
  auto plan = plans->begin();
  for (int64_t experts : shape.experts)
    slots.push_back(experts ? std::move((plan++)->slots) : LayerSlots(shape.instances));
  return Make(shape, std::move(slots));
}

} // namespace janus
