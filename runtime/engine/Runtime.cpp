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
  const Manifest &manifest = artifact->manifest();
  if (manifest.tensor)
    return absl::FailedPreconditionError(
        absl::StrCat("'", path, "' is a tensor program: give its inputs with --input NAME=FILE.npy"));
  LoadedModel model;
  model.desc = &manifest.model;
  model.weights = artifact.get();
  for (const auto &[side, gate] :
       {std::pair("expert", GateSide::kExpert), std::pair("attention", GateSide::kAttention)}) {
    auto programs = manifest.programs.find(side);
    if (programs == manifest.programs.end())
      continue;
    auto attention = programs->second.find("attention"), expert = programs->second.find("expert");
    if (attention == programs->second.end() || expert == programs->second.end())
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": programs.", side, ": expected an attention and an expert program"));
    model.programs[gate] = {&attention->second, &expert->second};
  }
  if (model.programs.empty())
    return absl::InvalidArgumentError(absl::StrCat(path, ": programs: expected a gate side, expert or attention"));
  for (const auto &[role, code] : {std::pair("attention", &model.attention), std::pair("expert", &model.expert)}) {
    absl::StatusOr<const abi::Program *> program = artifact->Code(role);
    if (!program.ok())
      return program.status();
    *code = *program;
  }
  absl::StatusOr<std::unique_ptr<Deployment>> deployment = Deployment::Create(model, options, artifact);
  if (!deployment.ok())
    return deployment.status();
  return *std::move(deployment);
}

} // namespace janus
