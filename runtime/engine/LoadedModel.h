//===- LoadedModel.h - what the engine needs of a model ---------*- C++ -*-===//
#ifndef JANUS_RUNTIME_ENGINE_LOADEDMODEL_H
#define JANUS_RUNTIME_ENGINE_LOADEDMODEL_H

#include "runtime/executor/WeightSource.h"
#include "runtime/program/Program.h"

#include <map>

namespace janus {

/// A model in memory, from an artifact or written by hand in a test. Pointers
/// are borrowed and outlive the engine.
struct LoadedModel {
  struct Programs {
    const RoleProgram *attention = nullptr, *expert = nullptr;
  };
  const ModelDesc *desc = nullptr;
  std::map<GateSide, Programs> programs;
  const abi::Program *attention = nullptr, *expert = nullptr; // code
  WeightSource *weights = nullptr;
};

class Artifact;

/// The language model in an open artifact; any number of deployments may be
/// made of it while the artifact lives. FailedPrecondition: a tensor program, or no
/// code for this CPU; InvalidArgument: a program is missing.
absl::StatusOr<LoadedModel> Load(Artifact &artifact);

} // namespace janus

#endif // JANUS_RUNTIME_ENGINE_LOADEDMODEL_H
