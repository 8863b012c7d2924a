#include "runtime/engine/PlacementManager.h"

#include "runtime/engine/Controller.h"
#include "runtime/engine/Patience.h"
#include "runtime/executor/Clock.h"

#include <utility>

namespace janus {
namespace {

constexpr int64_t kSettleMs = 2000;

std::vector<int64_t> TopK(const ModelDesc &model) {
  std::vector<int64_t> k;
  for (const MoeLayerDesc &layer : model.moe_layers)
    k.push_back(layer.k);
  return k;
}

} // namespace

PlacementManager::PlacementManager(Setup setup, Placement &present, uint32_t &last_epoch, Controller &controller)
    : setup_(std::move(setup)), present_(present), last_epoch_(last_epoch), controller_(controller),
      rebalancer_(setup_.options, present, TopK(*setup_.model), setup_.expert_bytes, setup_.spare),
      change_(controller.endpoint()), runner_(setup_.options.inline_plans) {
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
  const int64_t begin = Nanoseconds();
  if (message.name.step <= counted_ || !Decode(message.bytes, *setup_.model, report_).ok())
    return;
  counted_ = message.name.step;
  for (const ActivityReport::Layer &layer : report_.layers)
    rebalancer_.Observe({layer.layer, layer.rows, layer.ids, layer.distinct, layer.a_max});
  rebalancer_.EndStep();
  counting_ns_ += Nanoseconds() - begin;
}

void PlacementManager::Settle() {
  for (Patience patience(kSettleMs); !change_.settled() && controller_.capacity().ok();)
    if (controller_.Exchange())
      patience.Progress();
    else if (!patience.Wait())
      return;
}

void PlacementManager::Begin(Transition transition) {
  const Members &members = controller_.members();
  std::vector<Address> alive;
  for (Address address : members.Everyone())
    if (members.live(address))
      alive.push_back(address);
  change_.Begin(std::move(transition), rebalancer_.present(), std::move(alive));
}

void PlacementManager::Replaced() {
  if (change_.active() && change_.named())
    rebalancer_.Switched(change_.transition());
  change_.End();
  rebalancer_.Replace(present_);
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
      Begin(*std::move(transition));
    }
  change_.Advance(rebalancer_.budget(), setup_.piece);
  if (change_.ready() && !change_.named()) {
    change_.Name();
    controller_.set_epoch(change_.epoch());
    present_ = change_.transition().next();
  }
}

} // namespace janus
