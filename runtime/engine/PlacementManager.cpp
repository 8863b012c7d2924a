#include "runtime/engine/PlacementManager.h"

#include "runtime/engine/Controller.h"

#include <chrono>
#include <utility>

namespace janus {
namespace {

std::vector<int64_t> TopK(const ModelDesc &model) {
  std::vector<int64_t> k;
  for (const MoeLayerDesc &layer : model.moe_layers)
    k.push_back(layer.k);
  return k;
}

} // namespace

PlacementManager::PlacementManager(Setup setup, Placement present, Controller &controller)
    : setup_(std::move(setup)), controller_(controller),
      rebalancer_(setup_.options, std::move(present), TopK(*setup_.model), setup_.expert_bytes, setup_.spare),
      change_(controller.endpoint()), runner_(setup_.options.inline_plans), last_epoch_(rebalancer_.present().epoch()) {
  controller_.set_listener([this](const Incoming &message) { Receive(message); });
}

PlacementManager::~PlacementManager() { controller_.set_listener(nullptr); }

void PlacementManager::Receive(const Incoming &message) {
  if (message.name.phase == Phase::kActivity)
    Count(message);
  else
    change_.Receive(message);
}

void PlacementManager::Count(const Incoming &message) {
  // One that comes late or twice, or that says nonsense, is not counted; the step does not need it.
  if (message.name.step <= counted_ || !Decode(message.bytes, *setup_.model, report_).ok())
    return;
  counted_ = message.name.step;
  for (const ActivityReport::Layer &layer : report_.layers)
    rebalancer_.Observe({layer.layer, layer.rows, layer.ids, layer.distinct, layer.a_max});
  rebalancer_.EndStep();
}

void PlacementManager::Settle() {
  using Clock = std::chrono::steady_clock;
  for (Clock::time_point last = Clock::now(); !change_.settled();) {
    if (controller_.Drain())
      last = Clock::now();
    else if (Clock::now() - last > std::chrono::seconds(2))
      return;
  }
}

void PlacementManager::BeforeStep() {
  if (change_.active() && controller_.completed_epoch() == change_.epoch()) {
    rebalancer_.Switched(change_.transition());
    change_.End();
  } else if (change_.active() && !change_.status().ok()) {
    rebalancer_.Failed(change_.status());
    change_.End();
  }
  if (rebalancer_.wants_plan())
    runner_.Start(rebalancer_.TakeRequest());
  if (std::optional<PlanResult> plan = runner_.Take())
    rebalancer_.SetPlan(*std::move(plan));
  if (!change_.active())
    if (std::optional<Transition> transition = rebalancer_.TakeTransition(last_epoch_ + 1)) {
      ++last_epoch_;
      change_.Begin(*std::move(transition), rebalancer_.present(), setup_.instances);
    }
  change_.Advance(rebalancer_.budget(), setup_.piece);
  if (change_.ready())
    controller_.set_epoch(change_.epoch());
}

} // namespace janus
