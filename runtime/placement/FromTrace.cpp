// A placement fitted to recorded steps.
#include "runtime/placement/Placement.h"
#include "runtime/placement/Planner.h"
#include "runtime/placement/RoutingTrace.h"

#include "absl/strings/str_cat.h"

namespace janus {

absl::StatusOr<Placement> Placement::FromTrace(const PlacementShape &shape,
                                               const std::vector<ActivationWindow> &windows) {
  if (absl::Status status = shape.Check(); !status.ok())
    return status;
  if (windows.size() != shape.experts.size())
    return absl::InvalidArgumentError(absl::StrCat("routing trace: found ", windows.size(), " layers, expected ",
                                                   shape.experts.size(), " as in the model"));
  std::vector<LayerProblem> problems(windows.size());
  for (size_t l = 0; l < windows.size(); ++l) {
    if (windows[l].experts() != shape.experts[l])
      return absl::InvalidArgumentError(absl::StrCat("routing trace: layer ", l, ": found ", windows[l].experts(),
                                                     " experts, expected ", shape.experts[l], " as in the model"));
    if (windows[l].steps() == 0)
      return absl::InvalidArgumentError(
          absl::StrCat("routing trace: layer ", l, ": found no step; record a longer run"));
    problems[l].experts = shape.experts[l];
    problems[l].slots.assign(shape.instances, shape.slots);
    problems[l].steps = &windows[l];
  }
  absl::StatusOr<std::vector<LayerPlan>> plans = PlanLayers(problems, PlannerOptions());
  if (!plans.ok())
    return plans.status();
  std::vector<LayerSlots> slots;
  for (LayerPlan &plan : *plans)
    slots.push_back(std::move(plan.slots));
  return Make(shape, std::move(slots));
}

} // namespace janus
