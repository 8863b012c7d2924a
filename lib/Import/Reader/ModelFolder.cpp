#include "lib/Import/Reader/ModelFolder.h"

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/Import/Reader/MappedFile.h"
#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

namespace janus::onnx {
namespace {

constexpr uint64_t kMinCompared = 1024; // bytes of a tensor
constexpr uint64_t kSamples = 16, kSampleBytes = 64;

constexpr std::pair<const char *, const char *> kPairs[] = {{"prefill.onnx", "decode.onnx"},
                                                            {"decoder_model.onnx", "decoder_with_past_model.onnx"}};

/// Reads samples of tensors' bytes; each file is mapped once.
class Sampler {
public:
  explicit Sampler(const Model &model) : model_(model) {}

  /// Equal for tensors whose length and samples are equal.
  absl::StatusOr<size_t> sample(const Tensor &tensor) {
    std::string_view bytes = tensor.bytes;
    if (!tensor.file.empty()) {
      auto it = files_.find(tensor.file);
      if (it == files_.end()) {
        absl::StatusOr<MappedFile> file = MappedFile::open(absl::StrCat(model_.folder, "/", tensor.file));
        if (!file.ok())
          return file.status();
        it = files_.emplace(tensor.file, *std::move(file)).first;
      }
      std::string_view all = it->second.bytes();
      if (tensor.offset > all.size() || tensor.length > all.size() - tensor.offset)
        return absl::DataLossError(absl::StrCat(tensor.file, " has become shorter while it was read"));
      bytes = all.substr(tensor.offset, tensor.length);
    }
    size_t result = absl::HashOf(bytes.size());
    for (uint64_t i = 0; i < kSamples; ++i) {
      uint64_t last = bytes.size() < kSampleBytes ? 0 : bytes.size() - kSampleBytes;
      result = absl::HashOf(result, bytes.substr(last / (kSamples - 1) * i, kSampleBytes));
    }
    return result;
  }

private:
  const Model &model_;
  std::map<std::string, MappedFile> files_;
};

bool isMatrix(const Tensor &tensor) {
  bool real = tensor.type == kFloat || tensor.type == kFloat16 || nameOf(tensor.type) == "bfloat16";
  uint64_t length = tensor.file.empty() ? tensor.bytes.size() : tensor.length;
  return real && length >= kMinCompared &&
         std::count_if(tensor.dims.begin(), tensor.dims.end(), [](int64_t dim) { return dim > 1; }) > 1;
}

} // namespace

absl::StatusOr<ModelFiles> findModel(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error))
    return ModelFiles{path, ""};
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".onnx")
      names.push_back(it->path().filename().string());
  if (error)
    return absl::PermissionDeniedError(absl::StrCat("cannot list ", path, ": ", error.message()));
  std::sort(names.begin(), names.end());
  auto has = [&](const char *name) { return std::binary_search(names.begin(), names.end(), name); };
  auto at = [&](const std::string &name) { return absl::StrCat(path, "/", name); };
  for (auto [prompts, decode] : kPairs)
    if (has(prompts) && has(decode))
      return ModelFiles{at(prompts), at(decode)};
  if (names.size() == 1)
    return ModelFiles{at(names.front()), ""};
  if (has("model.onnx"))
    return ModelFiles{at("model.onnx"), ""};
  size_t shown = std::min<size_t>(names.size(), 10);
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": found ", names.empty() ? "no .onnx file" : absl::StrCat(names.size(), " .onnx files"),
                   names.empty() ? ""
                                 : absl::StrCat(" (", absl::StrJoin(names.begin(), names.begin() + shown, ", "),
                                                shown < names.size() ? ", ..." : "", ")"),
                   "; expected one, a model.onnx, or prefill.onnx with decode.onnx; name the file to compile"));
}

absl::Status checkSameWeights(const Model &model, const Model &decode) {
  absl::flat_hash_set<size_t> known;
  Sampler ours(model), theirs(decode);
  for (const Tensor &tensor : model.initializers)
    if (isMatrix(tensor)) {
      absl::StatusOr<size_t> sample = ours.sample(tensor);
      if (!sample.ok())
        return sample.status();
      known.insert(*sample);
    }
  for (const Tensor &tensor : decode.initializers)
    if (isMatrix(tensor)) {
      absl::StatusOr<size_t> sample = theirs.sample(tensor);
      if (!sample.ok())
        return sample.status();
      if (!known.contains(*sample))
        return absl::InvalidArgumentError(
            absl::StrCat("'", tensor.name, "' of ", decode.file, " is none of the weights of ", model.file,
                         ": they are not two graphs of one model; export both again, or name ", model.file,
                         " itself to compile it alone"));
    }
  return absl::OkStatus();
}

} // namespace janus::onnx
