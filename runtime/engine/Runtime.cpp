#include "janus/Runtime/Runtime.h"

#include "runtime/artifact/Artifact.h"
#include "runtime/engine/Deployment.h"

#include "absl/strings/str_cat.h"

namespace janus {

absl::StatusOr<ModelInfo> Inspect(const std::string &path) {
  absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(path);
  if (!artifact.ok())
    return artifact.status();
  const Manifest &manifest = (*artifact)->manifest();
  return ModelInfo{manifest.tensor, manifest.model.vocab, manifest.model.context, manifest.model.tokenizer};
}

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Open(const std::string &path, const RuntimeOptions &options) {
  absl::StatusOr<std::unique_ptr<Artifact>> opened = Artifact::Open(path);
  if (!opened.ok())
    return opened.status();
  std::shared_ptr<Artifact> artifact = *std::move(opened);
  absl::StatusOr<LoadedModel> model = Load(*artifact);
  if (!model.ok())
    return model.status();
  absl::StatusOr<std::unique_ptr<Deployment>> deployment = Deployment::Create(*model, options, artifact);
  if (!deployment.ok())
    return deployment.status();
  return *std::move(deployment);
}

} // namespace janus
