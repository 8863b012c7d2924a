//===- Deployment.h - a model bound to instances ----------------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_DEPLOYMENT_H
#define JANUS_RUNTIME_ENGINE_DEPLOYMENT_H

#include "janus/Runtime/Runtime.h"
#include "runtime/base/WorkerPool.h"
#include "runtime/engine/Engine.h"
#include "runtime/engine/LoadedModel.h"
#include "runtime/engine/PlacementManager.h"
#include "runtime/engine/RoutingFile.h"
#include "runtime/engine/Sampler.h"
#include "runtime/executor/Executor.h"
#include "runtime/placement/Placement.h"
#include "runtime/traffic/Topology.h"
#include "runtime/transport/Transport.h"

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
  /// What --rebalance needs.
  absl::Status AddManager(const LoadedModel &model);
  /// Bytes of one expert by layer, the largest.
  absl::StatusOr<std::vector<int64_t>> ExpertBytes(const LoadedModel &model) const;
  bool rebalances() const { return rebalance_.mode != RebalanceOptions::Mode::kOff; }
  /// The placement of the present epoch.
  const Placement &present() const { return manager_ ? manager_->present() : *placement_; }
  /// Keeps why the schedule of a layer is what it is.
  void Explain(const LayerRouting &routing);
  void ReportLayers(RunReport &report) const;
  void ReportRebalancing(RunReport &report) const;
  int ChooseScheme(const std::vector<int64_t> &rows);

  std::shared_ptr<void> keep_;
  RuntimeOptions options_;
  ModelInfo info_;
  ModelDesc desc_;
  GateSide gate_ = GateSide::kExpert;
  std::optional<Topology> topology_;
  std::optional<Placement> placement_; // of the first epoch
  RebalanceOptions rebalance_;
  TransportOptions transport_options_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<WorkerPool> pool_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_; // of the instances: attention, then expert
  std::unique_ptr<Executor> executor_;
  std::vector<InstanceMemory> planned_;
  const abi::KernelTable *kernels_ = nullptr;
  InstanceLimits limits_;
  TokenSampler sampler_;
  std::unique_ptr<RoutingFile> routing_;
  std::vector<int> scheme_by_bucket_; // by log2 of a step's rows; empty: forced
  int forced_scheme_ = -1;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<PlacementManager> manager_; // after the engine, whose controller it drives; null: the placement stays
  std::vector<LayerSchedule> explained_;
};

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_DEPLOYMENT_H
