#include "test/unit/artifact/SmallArtifact.h"

#include "absl/strings/str_format.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <xxhash.h>

namespace janus::small {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// A safetensors file of these tensors, each aligned to 64 bytes; their offsets.
std::string WeightFile(const std::vector<std::pair<std::string, size_t>> &tensors, std::vector<size_t> &offsets,
                       size_t &header) {
  json index;
  size_t at = 0;
  for (const auto &[name, bytes] : tensors) {
    index[name] = {{"dtype", "F32"}, {"shape", {bytes / 4}}, {"data_offsets", {at, at + bytes}}};
    offsets.push_back(at);
    at += (bytes + 63) / 64 * 64;
  }
  std::string text = index.dump();
  while ((text.size() + 8) % 64)
    text += ' ';
  const uint64_t length = text.size();
  std::string file(reinterpret_cast<const char *>(&length), 8);
  file += text;
  header = file.size();
  for (size_t i = 0; i < tensors.size(); ++i) {
    offsets[i] += header;
    file.resize(offsets[i], '\0');
    for (size_t b = 0; b < tensors[i].second; ++b)
      file += static_cast<char>(1 + (7 * i + b) % 250);
  }
  file.resize((file.size() + 63) / 64 * 64, '\0');
  return file;
}

} // namespace

std::string Hash(const std::string &bytes) { return absl::StrFormat("%016x", XXH3_64bits(bytes.data(), bytes.size())); }

std::string Sealed(std::string text) {
  const size_t at = text.find("\"checksum\": \"") + 13;
  text.replace(at, 16, 16, '0');
  text.replace(at, 16, Hash(text));
  return text;
}

json Signed(json program) {
  program.erase("hash");
  program["hash"] = Hash(program.dump());
  return program;
}

SmallArtifact::SmallArtifact() {
  std::vector<size_t> at;
  size_t header;
  files[kWeights] = WeightFile({{"bias", 60}, {"matrix", 512}, {"up.0", 384}, {"up.1", 384}}, at, header);
  std::ifstream code(TEST_PROGRAM, std::ios::binary);
  std::stringstream bytes;
  bytes << code.rdbuf();
  files[kCode] = bytes.str();
  files["plan.json"] = "{\"meshes\": []}\n";
  auto range = [&](size_t i, size_t size) {
    return json{{"offset", at[i]}, {"bytes", size}, {"xxh3", Hash(files[kWeights].substr(at[i], size))}};
  };
  manifest = json::parse(R"({
    "checksum": "0000000000000000", "format": "janus-artifact", "version": 1, "compiler": "by hand",
    "model_hash": "xxh3:0", "options": {}, "contract": "language-model",
    "model": {"vocab": 16, "context": 96, "hidden": 5, "moe_layers": [{"experts": 2, "k": 1}, null],
              "kv_caches": [{"kv_heads": 1, "head_dim": 4, "value_dim": 4, "window": 0}], "page_tokens": 32},
    "transfers": [{"id": 0, "layer": 0, "routed": false, "columns": 5, "k": 1}],
    "code": [], "weights": [], "files": []})");
  json calls = json::parse(R"({
    "values": [{"name": "ids", "type": "i32", "rows": "rows", "columns": 1},
               {"name": "x", "type": "f32", "rows": "rows", "columns": 5}],
    "inputs": {"ids": 0}, "outputs": {}, "fragments": [{"name": "main", "operands": 2, "weights": 1}],
    "steps": [{"op": "call", "fragment": 0, "layer": 0, "operands": [0, 1], "outputs": 1, "weights": ["bias"]}]})");
  manifest["programs"]["expert"]["attention"] = Signed(calls);
  json bias = {{"name", "bias"}, {"file", kWeights}, {"layout", "rows.f32"}, {"shape", {3, 5}}};
  bias.update(range(0, 60));
  json matrix = {{"name", "matrix"}, {"file", kWeights}, {"layout", "panel32.f32"}, {"shape", {33, 2}}};
  matrix.update(range(1, 512));
  json up = {{"name", "up"}, {"file", kWeights}, {"layout", "expert-up32.f32"}, {"shape", {2, 32, 3}}};
  up["experts"] = {range(2, 384), range(3, 384)};
  manifest["weights"] = {bias, matrix, up};
  manifest["files"] = {{{"file", kWeights},
                        {"bytes", files[kWeights].size()},
                        {"header", header},
                        {"xxh3", Hash(files[kWeights].substr(0, header))}},
                       {{"file", "plan.json"},
                        {"bytes", files["plan.json"].size()},
                        {"header", files["plan.json"].size()},
                        {"xxh3", Hash(files["plan.json"])}}};
  for (const char *target : {"x86-64-v3", "x86-64-v4", "native"})
    manifest["code"].push_back({{"role", "attention"}, {"target", target}, {"file", kCode}});
  const uint64_t hash = std::strtoull(program()["hash"].get<std::string>().c_str(), nullptr, 16);
  PatchDescriptor(offsetof(abi::Program, program_hash), &hash, sizeof hash);
}

SmallArtifact::~SmallArtifact() {
  if (!directory_.empty())
    fs::remove_all(directory_);
}

void SmallArtifact::PatchDescriptor(size_t offset, const void *data, size_t bytes) {
  const uint32_t magic[] = {abi::kProgramMagic, abi::kProgramAbiVersion, sizeof(abi::Program)};
  std::string &code = files[kCode];
  const size_t at = code.find(std::string(reinterpret_cast<const char *>(magic), sizeof magic));
  if (at == std::string::npos)
    std::abort(); // patch a fresh artifact
  code.replace(at + offset, bytes, static_cast<const char *>(data), bytes);
  Resign(kCode);
}

void SmallArtifact::Resign(const std::string &file) {
  for (json &entry : manifest["code"])
    if (entry["file"] == file)
      entry.update({{"bytes", files[file].size()}, {"xxh3", Hash(files[file])}});
}

std::string SmallArtifact::Text() const { return Sealed(manifest.dump(1) + "\n"); }

std::string SmallArtifact::Write() {
  if (!directory_.empty())
    fs::remove_all(directory_);
  std::string name = (fs::temp_directory_path() / "janus-artifact-XXXXXX").string();
  directory_ = mkdtemp(name.data());
  fs::create_directory(directory_ + "/weights");
  for (const auto &[file, bytes] : files)
    std::ofstream(directory_ + "/" + file, std::ios::binary) << bytes;
  std::ofstream(directory_ + "/manifest.json", std::ios::binary) << Text();
  return directory_;
}

absl::StatusOr<std::unique_ptr<Artifact>> SmallArtifact::Open() { return Artifact::Open(Write()); }

std::string SmallArtifact::ErrorOfAll() { return ErrorOf(Write()); }

std::string SmallArtifact::ErrorOf(const std::string &directory) {
  absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(directory);
  if (!artifact.ok())
    return std::string(artifact.status().message());
  for (const absl::Status &status : {(*artifact)->Tensor("bias").status(), (*artifact)->Tensor("matrix").status(),
                                     (*artifact)->Expert("up", 0).status(), (*artifact)->Expert("up", 1).status(),
                                     (*artifact)->Code("attention").status()})
    if (!status.ok())
      return std::string(status.message());
  return "";
}

} // namespace janus::small
