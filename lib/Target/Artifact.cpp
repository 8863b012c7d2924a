#include "janus/Target/Artifact.h"

#include "lib/Target/PackWeights.h"
#include "lib/Target/RoleCode.h"
#include "lib/Target/WeightFile.h"
#include "runtime/artifact/Seal.h"
#include "runtime/base/Json.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace janus {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char *kCompiler = "janus 0.1.0";

absl::Status writeBytes(const std::string &path, const std::string &bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream)
    return absl::PermissionDeniedError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

absl::StatusOr<json> jsonAttribute(mlir::ModuleOp module, const char *name) {
  auto text = module->getAttrOfType<mlir::StringAttr>(name);
  if (!text)
    return absl::InvalidArgumentError(absl::StrCat("the module has no ", name, "; expected IR after the lower stage"));
  json value = json::parse(text.getValue().begin(), text.getValue().end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded())
    return absl::InvalidArgumentError(absl::StrCat("module attribute ", name, " is not JSON"));
  return value;
}

/// The fragments of each role over all gate sides, and the hash of its program if there is one only.
absl::StatusOr<std::vector<RoleRequest>> roleRequests(const json &programs) {
  std::map<std::string, RoleRequest> roles;
  for (const auto &[side, byRole] : programs.items())
    for (const auto &[role, object] : byRole.items()) {
      RoleRequest &request = roles[role];
      bool only = request.role.empty();
      request.role = role;
      absl::StatusOr<RoleProgram> program = ParseRoleProgram(object);
      if (!program.ok())
        return program.status();
      request.hash = only ? program->hash : 0;
      for (const FragmentDesc &fragment : program->fragments) {
        bool known = false;
        for (const FragmentDesc &other : request.fragments)
          known |= other.name == fragment.name;
        if (!known)
          request.fragments.push_back(fragment);
      }
    }
  std::vector<RoleRequest> requests;
  for (auto &[role, request] : roles)
    requests.push_back(std::move(request));
  return requests;
}

/// Compiles and links one role for one target; returns its entry of the manifest's "code".
absl::StatusOr<json> writeCode(mlir::ModuleOp module, const RoleRequest &request, const std::string &directory) {
  std::string name = absl::StrCat(request.role, ".", request.target, ".so");
  std::string object = directory + "/code.o", output = directory + "/" + name;
  absl::StatusOr<std::string> code = compileRole(module, request);
  if (!code.ok())
    return code.status();
  if (absl::Status status = writeBytes(object, *code); !status.ok())
    return status;
  if (absl::Status status = linkRole(object, output); !status.ok())
    return status;
  fs::remove(object);
  std::ifstream stream(output, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  return json{{"role", request.role},
              {"target", request.target},
              {"file", name},
              {"bytes", bytes.size()},
              {"xxh3", hashBytes(bytes.data(), static_cast<int64_t>(bytes.size()))}};
}

absl::Status writeContents(mlir::ModuleOp module, const std::string &directory, const ArtifactOptions &options) {
  absl::StatusOr<json> programs = jsonAttribute(module, "janus.programs");
  if (!programs.ok())
    return programs.status();
  absl::StatusOr<std::vector<RoleRequest>> requests = roleRequests(*programs);
  if (!requests.ok())
    return requests.status();
  bool tensor = programs->contains("tensor");
  json manifest = {{"checksum", kUnsealed},
                   {"format", "janus-artifact"},
                   {"version", 1},
                   {"compiler", kCompiler},
                   {"model_hash", options.modelHash},
                   {"options", {{"targets", options.targets}}},
                   {"contract", tensor ? "tensor" : "language-model"},
                   {"programs", *programs},
                   {"code", json::array()}};
  for (const RoleRequest &role : *requests)
    for (const std::string &target : options.targets) {
      if (options.progress)
        options.progress(absl::StrCat(role.role, ".", target, ".so"));
      RoleRequest request = role;
      request.target = target;
      absl::StatusOr<json> code = writeCode(module, request, directory);
      if (!code.ok())
        return code.status();
      manifest["code"].push_back(*std::move(code));
    }
  const std::pair<const char *, const char *> sections[] = {
      {"model", "janus.model"}, {"transfers", "janus.transfers"}, {"tensor", "janus.tensor"}};
  for (auto [key, attribute] : sections) {
    if (!module->hasAttr(attribute))
      continue;
    absl::StatusOr<json> section = jsonAttribute(module, attribute);
    if (!section.ok())
      return section.status();
    manifest[key] = *std::move(section);
  }
  if (!options.tokenizer.empty())
    manifest["model"]["tokenizer"] = options.tokenizer;
  json files = json::array();
  absl::StatusOr<json> weights = packWeights(module, directory, options, files);
  if (!weights.ok())
    return weights.status();
  manifest["weights"] = *std::move(weights);
  if (!options.plan.empty()) {
    if (absl::Status status = writeBytes(directory + "/plan.json", options.plan); !status.ok())
      return status;
    const int64_t bytes = static_cast<int64_t>(options.plan.size());
    files.push_back(
        {{"file", "plan.json"}, {"bytes", bytes}, {"header", bytes}, {"xxh3", hashBytes(options.plan.data(), bytes)}});
  }
  manifest["files"] = std::move(files);
  return writeBytes(directory + "/manifest.json", SealManifest(JsonText(manifest, 1) + "\n"));
}

/// Moves the finished directory to its place; an older artifact there is replaced.
absl::Status publish(const std::string &from, const std::string &path) {
  std::error_code error;
  std::string old;
  if (fs::exists(path)) {
    old = from + ".old";
    fs::rename(path, old, error);
    if (error)
      return absl::PermissionDeniedError(absl::StrCat("cannot replace ", path, ": ", error.message()));
  }
  fs::rename(from, path, error);
  if (error) {
    std::error_code ignored;
    if (!old.empty())
      fs::rename(old, path, ignored);
    return absl::PermissionDeniedError(absl::StrCat("cannot create ", path, ": ", error.message()));
  }
  if (!old.empty())
    fs::remove_all(old, error);
  return absl::OkStatus();
}

} // namespace

absl::Status parseTargets(const std::string &text, std::vector<std::string> &targets) {
  targets.clear();
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    std::string name(part);
    if (name == "native") {
      llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
      bool wide = true;
      for (const char *feature : {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})
        wide &= features.lookup(feature);
      name = wide ? "x86-64-v4" : "x86-64-v3";
    }
    if (name != "x86-64-v3" && name != "x86-64-v4")
      return absl::InvalidArgumentError(absl::StrCat(
          "--target-cpu: found \"", name, "\", expected x86-64-v3, x86-64-v4 or native, separated by commas"));
    if (std::find(targets.begin(), targets.end(), name) == targets.end())
      targets.push_back(name);
  }
  return absl::OkStatus();
}

absl::Status writeArtifact(mlir::ModuleOp module, const std::string &path, const ArtifactOptions &options) {
  fs::path output = fs::path(path).lexically_normal();
  if (!output.has_filename())
    output = output.parent_path();
  std::error_code error;
  if (fs::exists(output) && !fs::exists(output / "manifest.json") &&
      !(fs::is_directory(output) && fs::is_empty(output, error)))
    return absl::AlreadyExistsError(
        absl::StrCat(output.string(), " exists and is no artifact; remove it or name another output"));
  std::string temporary = absl::StrCat(output.string(), ".tmp-", getpid());
  fs::remove_all(temporary, error);
  fs::create_directories(temporary + "/weights", error);
  if (error)
    return absl::PermissionDeniedError(absl::StrCat("cannot create ", temporary, ": ", error.message()));
  absl::Status status = writeContents(module, temporary, options);
  if (status.ok())
    status = publish(temporary, output.string());
  if (!status.ok())
    fs::remove_all(temporary, error);
  return status;
}

} // namespace janus
