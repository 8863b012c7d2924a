//===- Artifact.h - model.janus, read and checked ---------------*- C++ -*-===//
//
// docs/artifact.md is the format. An artifact is code: the checks here detect
// damage and mismatch, not malice.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ARTIFACT_ARTIFACT_H
#define JANUS_RUNTIME_ARTIFACT_ARTIFACT_H

#include "absl/status/statusor.h"
#include "runtime/executor/WeightSource.h"
#include "runtime/program/Program.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace janus {

/// A contiguous part of a weight file.
struct WeightRange {
  int64_t offset = 0, bytes = 0;
  uint64_t hash = 0; // XXH3-64
};

struct WeightEntry {
  std::string name, file, layout;
  std::vector<int64_t> shape;
  WeightRange whole;                // plain tensors
  std::vector<WeightRange> experts; // weights addressable by expert
};

struct CodeEntry {
  std::string role, target, file;
  int64_t bytes = 0;
  uint64_t hash = 0;
};

/// A file that is no code: its size, and the checksum of its first bytes (the
/// safetensors header of a weight file; all of any other file).
struct FileEntry {
  int64_t bytes = 0, header = 0;
  uint64_t hash = 0;
};

/// A named tensor of a tensor program. A dimension is an expression over
/// symbols, in text (runtime/base/Expression.h).
struct TensorDesc {
  std::string name, type;
  std::vector<std::string> dims;
};
struct TensorContract {
  std::vector<std::string> symbols;  // bound by dimensions of inputs
  std::vector<std::string> computed; // written behind them by the program
  std::vector<TensorDesc> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> require; // expressions that must be equal
  std::vector<std::string> workspace;                       // sizes of its parts, expressions over `symbols`
  std::vector<std::string> weights;
};

/// The manifest, parsed; nothing of it has been compared with the files yet.
struct Manifest {
  bool tensor = false; // contract
  std::string compiler, model_hash;
  ModelDesc model;
  std::vector<CodeEntry> code;
  std::map<std::string, FileEntry> files; // by name
  std::vector<WeightEntry> weights;
  std::map<std::string, std::map<std::string, RoleProgram>> programs; // [gate side][role]
  TensorContract contract;
};

/// Parses and checks manifest.json: its checksum (Seal.h), every field, and that
/// weights lie inside their files apart from each other. Errors name the field.
absl::StatusOr<Manifest> ParseManifest(const std::string &text);
absl::Status CheckWeights(const Manifest &manifest);
/// The parts of a weight: its experts, or itself.
std::vector<WeightRange> Ranges(const WeightEntry &entry);

/// An open artifact: checked files, mapped weights, loaded code. Use from one
/// thread.
class Artifact : public WeightSource {
public:
  /// NotFound: no manifest. InvalidArgument, DataLoss: what is wrong with it.
  static absl::StatusOr<std::unique_ptr<Artifact>> Open(const std::string &directory);
  ~Artifact() override;

  const std::string &directory() const { return directory_; }
  const Manifest &manifest() const { return manifest_; }

  /// The role program for this CPU; checked against its hash and loaded on
  /// first use, unloaded with the artifact. FailedPrecondition when the CPU
  /// runs none of the targets, or program and runtime differ in version.
  absl::StatusOr<const abi::Program *> Code(const std::string &role);

  // WeightSource: maps files and verifies checksums on first use of a range.
  absl::StatusOr<int64_t> Experts(const std::string &name) override;
  absl::StatusOr<int64_t> Bytes(const std::string &name, int64_t expert) override;
  absl::StatusOr<WeightView> Tensor(const std::string &name) override;
  absl::StatusOr<WeightView> Expert(const std::string &name, int64_t expert) override;
  absl::StatusOr<UncheckedWeight> Unchecked(const std::string &name, int64_t expert) override;

private:
  struct File;
  Artifact();
  absl::Status CheckFiles();
  absl::Status CheckProgramHash(const std::string &role, const abi::Program &program, const std::string &path) const;
  absl::StatusOr<File *> MapFile(const std::string &name);
  absl::StatusOr<const WeightEntry *> Find(const std::string &name) const;
  absl::StatusOr<const WeightEntry *> FindExpert(const std::string &name, int64_t expert) const;
  absl::StatusOr<WeightView> Map(const WeightEntry &entry, const WeightRange &range);

  std::string directory_;
  Manifest manifest_;
  std::map<std::string, const WeightEntry *> by_name_;
  std::map<std::string, std::unique_ptr<File>> files_; // mapped weight files by name
  std::map<std::string, void *> libraries_;            // dlopen handles by role
};

/// Targets this CPU runs, best first: "x86-64-v4", "x86-64-v3".
std::vector<std::string> RunnableTargets();

} // namespace janus

#endif // JANUS_RUNTIME_ARTIFACT_ARTIFACT_H
