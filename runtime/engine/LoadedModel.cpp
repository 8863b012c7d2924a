#include "runtime/engine/LoadedModel.h"

#include "runtime/artifact/Artifact.h"

#include "absl/strings/str_cat.h"

namespace janus {

absl::StatusOr<LoadedModel> Load(Artifact &artifact) {
  const Manifest &manifest = artifact.manifest();
  if (manifest.tensor)
    return absl::FailedPreconditionError(
        absl::StrCat("'", artifact.directory(), "' is a tensor program: give its inputs with --input NAME=FILE.npy"));
  LoadedModel model;
  model.desc = &manifest.model;
  model.weights = &artifact;
  for (const auto &[side, gate] :
       {std::pair("expert", GateSide::kExpert), std::pair("attention", GateSide::kAttention)}) {
    auto programs = manifest.programs.find(side);
    if (programs == manifest.programs.end())
      continue;
    auto attention = programs->second.find("attention"), expert = programs->second.find("expert");
    if (attention == programs->second.end() || expert == programs->second.end())
      return absl::InvalidArgumentError(
          absl::StrCat(artifact.directory(), ": programs.", side, ": expected an attention and an expert program"));
    model.programs[gate] = {&attention->second, &expert->second};
  }
  if (model.programs.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(artifact.directory(), ": programs: expected a gate side, expert or attention"));
  for (const auto &[role, code] : {std::pair("attention", &model.attention), std::pair("expert", &model.expert)}) {
    absl::StatusOr<const abi::Program *> program = artifact.Code(role);
    if (!program.ok())
      return program.status();
    *code = *program;
  }
  return model;
}

} // namespace janus
