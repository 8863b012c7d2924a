// libFuzzer target: any bytes as an artifact. The first letter says what the rest is:
//   m  manifest.json as it is
//   s  manifest.json whose checksums are made right first, so that what lies behind them is reached
//   d  such a manifest, a zero byte, and the content of every file it names: a directory, opened and read
// Finds crashes, hangs and weights outside their files.
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Seal.h"
#include "runtime/base/Expression.h"
#include "runtime/base/Json.h"

#include "absl/strings/str_format.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>
#include <xxhash.h>

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string Hash(std::string_view bytes) { return absl::StrFormat("%016x", XXH3_64bits(bytes.data(), bytes.size())); }

/// The hash of every program as it would be of a program in canonical form.
void SignPrograms(json &manifest) {
  if (!manifest.contains("programs") || !manifest["programs"].is_object())
    return;
  for (json &side : manifest["programs"])
    if (side.is_object())
      for (json &program : side)
        if (program.is_object()) {
          program.erase("hash");
          program["hash"] = Hash(program.dump());
        }
}

/// Checksums of the ranges of `content` that the entries of a list name.
void SignRanges(json &entries, const std::string &content) {
  if (!entries.is_array())
    return;
  for (json &entry : entries) {
    if (!entry.is_object())
      continue;
    if (entry.contains("experts"))
      SignRanges(entry["experts"], content);
    const json offset = entry.value("offset", json(0)), bytes = entry.value("header", entry.value("bytes", json()));
    if (offset.is_number_unsigned() && bytes.is_number_unsigned() && offset.get<uint64_t>() <= content.size() &&
        bytes.get<uint64_t>() <= content.size() - offset.get<uint64_t>())
      entry["xxh3"] = Hash(std::string_view(content).substr(offset.get<uint64_t>(), bytes.get<uint64_t>()));
  }
}

std::string Signed(const std::string &text, const std::string &content) {
  json manifest = janus::ParseJson(text);
  if (!manifest.is_object())
    return text;
  SignPrograms(manifest);
  for (const char *list : {"weights", "files", "code"})
    if (manifest.contains(list))
      SignRanges(manifest[list], content);
  manifest["checksum"] = janus::kUnsealed;
  return janus::SealManifest(manifest.dump(1));
}

void Check(const janus::Manifest &manifest) {
  for (const janus::WeightEntry &entry : manifest.weights)
    for (const janus::WeightRange &range : Ranges(entry)) {
      const janus::FileEntry &file = manifest.files.at(entry.file);
      if (range.offset < file.header || range.bytes < 1 || range.offset + range.bytes > file.bytes)
        std::abort(); // a range outside its file
    }
  for (const auto *tensors : {&manifest.contract.inputs, &manifest.contract.outputs})
    for (const janus::TensorDesc &tensor : *tensors)
      for (const std::string &dim : tensor.dims)
        (void)janus::Evaluate(dim, {{"batch", 2}, {"length", 3}});
}

/// Files are made only here, whatever names the manifest has: names that leave the directory never get past the parser.
void OpenDirectory(const std::string &text, const std::string &content) {
  static const std::string root = fs::temp_directory_path() / ("janus-artifact-fuzz-" + std::to_string(getpid()));
  absl::StatusOr<janus::Manifest> manifest = janus::ParseManifest(text);
  if (!manifest.ok() || manifest->files.size() > 8)
    return;
  std::error_code error;
  fs::remove_all(root, error);
  fs::create_directories(root);
  std::ofstream(root + "/manifest.json") << text;
  for (const auto &[name, file] : manifest->files) {
    const fs::path path = fs::path(root) / name;
    fs::create_directories(path.parent_path(), error);
    std::ofstream(path, std::ios::binary) << content;
  }
  absl::StatusOr<std::unique_ptr<janus::Artifact>> artifact = janus::Artifact::Open(root);
  if (artifact.ok())
    for (const janus::WeightEntry &entry : manifest->weights)
      for (size_t i = 0; i < Ranges(entry).size(); ++i) {
        absl::StatusOr<janus::WeightView> view = entry.experts.empty()
                                                     ? (*artifact)->Tensor(entry.name)
                                                     : (*artifact)->Expert(entry.name, static_cast<int64_t>(i));
        if (view.ok() && XXH3_64bits(view->data, view->bytes) != Ranges(entry)[i].hash)
          std::abort(); // what was verified is not what was given
      }
  fs::remove_all(root, error);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1), content;
  if (data[0] != 'm') {
    if (const size_t end = text.find('\0'); end != std::string::npos) {
      content = text.substr(end + 1);
      text.resize(end);
    }
    text = Signed(text, content);
  }
  absl::StatusOr<janus::Manifest> manifest = janus::ParseManifest(text);
  if (!manifest.ok() && manifest.status().message().empty())
    std::abort();
  if (manifest.ok())
    Check(*manifest);
  if (data[0] == 'd')
    OpenDirectory(text, content);
  return 0;
}
