//===- Deployment.h - a model bound to instances ----------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_DEPLOYMENT_H
#define JANUS_RUNTIME_ENGINE_DEPLOYMENT_H

#include "janus/Runtime/Runtime.h"
#include "runtime/base/WorkerPool.h"
#include "runtime/engine/Engine.h"
#include "runtime/engine/LoadedModel.h"
#include "runtime/engine/PlacementManager.h"
#include "runtime/engine/PlacementRepair.h"
#include "runtime/engine/RoutingFile.h"
#include "runtime/engine/Sampler.h"
#include "runtime/executor/Executor.h"
#include "runtime/placement/Placement.h"
#include "runtime/traffic/Topology.h"
#include "runtime/transport/Failing.h"

#include <memory>
#include <optional>

namespace janus {

/// "direct", "case1", "case2"
std::string SchemeName(int index);

/// All instances of a run in this process, and the engine that gives them work.
class Deployment : public Runtime {
public:
  /// Binds the meshes. `model` is borrowed; `keep` lives as long as the
  /// deployment (the artifact the model came from).
  static absl::StatusOr<std::unique_ptr<Deployment>> Create(const LoadedModel &model, RuntimeOptions options,
                                                            std::shared_ptr<void> keep);
  ~Deployment() override;

  const ModelInfo &model() const override { return info_; }
  std::vector<InstanceReport> instances() const override;
  absl::StatusOr<RequestId> Submit(GenerateRequest request) override { return engine_->Submit(std::move(request)); }
  absl::Status Cancel(RequestId id) override { return engine_->Cancel(id); }
  absl::StatusOr<bool> Step() override;
  StallReport stall() const override { return engine_->stall(); }
  absl::StatusOr<RequestState> State(RequestId id) const override { return engine_->State(id); }
  bool Next(RequestId id, TokenEvent &event) override { return engine_->Next(id, event); }
  bool Finish(RequestId id, RequestResult &result) override { return engine_->Finish(id, result); }
  RunReport report() const override;
  absl::Status Close() override;

private:
  Deployment() = default;
  absl::Status Resolve(const LoadedModel &model);
  absl::Status Bind(const LoadedModel &model);
  /// An instance without its endpoint.
  InstanceConfig Configure(const LoadedModel &model, Role role, int id);
  absl::Status SetLimits(const LoadedModel &model);
  /// Bytes for KV caches when the user names none.
  absl::StatusOr<int64_t> MemoryLeft(const LoadedModel &model);
  absl::Status AddInstance(const LoadedModel &model, Role role, int id);
  absl::StatusOr<std::unique_ptr<Instance>> MakeInstance(const LoadedModel &model, Role role, int id, bool says_hello);
  absl::Status OpenTransport();
  /// Of one expert, by layer.
  absl::StatusOr<std::vector<int64_t>> ExpertBytes(const LoadedModel &model) const;
  /// A new instance in the place of one that failed.
  absl::Status Restore(Address address);
  /// What a step needs without those that are lost.
  absl::Status Adapt(const Members &members);
  /// Keeps why the schedule of a layer is what it is.
  void Explain(const LayerRouting &routing);
  bool rebalances() const { return rebalance_.mode != RebalanceOptions::Mode::kOff; }
  void AddManager();
  void ReportLayers(RunReport &report) const;
  void ReportRebalancing(RunReport &report) const;
  void ChooseSchemes(const Topology &topology);
  int ChooseScheme(const std::vector<int64_t> &rows);

  std::shared_ptr<void> keep_;
  LoadedModel model_;
  RuntimeOptions options_;
  ModelInfo info_;
  ModelDesc desc_;
  GateSide gate_ = GateSide::kExpert;
  std::optional<Topology> topology_;
  std::optional<Placement> placement_; // of the epoch that steps name
  RebalanceOptions rebalance_;
  RepairOptions repair_;
  uint32_t last_epoch_ = 0; // that was given to a change, also to one that failed
  int64_t experts_loaded_ = 0;
  TransportOptions transport_options_;
  FaultPlan faults_;
  FailingTransport *failing_ = nullptr; // transport_, if anything is to fail
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<WorkerPool> pool_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_; // of the instances: attention, then expert; null: failed
  std::unique_ptr<Executor> executor_;
  std::vector<InstanceMemory> planned_;
  const abi::KernelTable *kernels_ = nullptr;
  InstanceLimits limits_;
  TokenSampler sampler_;
  std::unique_ptr<RoutingFile> routing_;
  std::vector<int> scheme_by_bucket_; // by log2 of a step's rows; empty: forced
  int forced_scheme_ = -1;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<PlacementManager> manager_; // after the engine, whose controller it drives; null: nothing is moved
  std::vector<LayerSchedule> explained_;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_DEPLOYMENT_H
