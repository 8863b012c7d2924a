#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Seal.h"
#include "runtime/base/ElementType.h"
#include "runtime/base/Json.h"
#include "runtime/base/WeightFormat.h"
#include "runtime/program/JsonReader.h"

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

#include <cerrno>
#include <cstdlib>

namespace janus {
namespace {

using nlohmann::json;

constexpr int64_t kVersion = 1;
constexpr int64_t kMaxBytes = int64_t{1} << 50;
constexpr int64_t kMaxCount = int64_t{1} << 31;

uint64_t Hash(JsonReader &reader, const char *name) {
  std::string text = reader.String(name);
  if (!reader.status.ok())
    return 0;
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    reader.Fail(name, absl::StrCat("found \"", text, "\", expected 16 lower-case hex digits"));
    return 0;
  }
  return std::strtoull(text.c_str(), nullptr, 16);
}

/// A file below the artifact: relative, without "..".
std::string FileName(JsonReader &reader) {
  std::string name = reader.String("file");
  bool inside = !name.empty() && name.front() != '/';
  for (absl::string_view part : absl::StrSplit(name, '/'))
    inside &= part != ".." && part != "." && !part.empty();
  if (reader.status.ok() && !inside)
    reader.Fail("file", absl::StrCat("found \"", name, "\", expected a path inside the artifact"));
  return name;
}

WeightRange ParseRange(JsonReader &reader) {
  WeightRange range;
  range.offset = reader.Int("offset", 0, kMaxBytes);
  range.bytes = reader.Int("bytes", 1, kMaxBytes);
  range.hash = Hash(reader, "xxh3");
  if (reader.status.ok() && range.offset % abi::kAlignment)
    reader.Fail("offset", absl::StrCat("found ", range.offset, ", expected a multiple of ", abi::kAlignment));
  return range;
}

/// Runs parse(object, where) over the objects of an array member.
template <typename Parse> void ForEach(JsonReader &reader, const char *name, Parse parse) {
  const json *array = reader.Array(name);
  if (!array)
    return;
  for (size_t i = 0; i < array->size() && reader.status.ok(); ++i) {
    absl::Status status =
        parse((*array)[i], absl::StrCat(reader.where, reader.where.empty() ? "" : ".", name, "[", i, "]"));
    if (!status.ok())
      reader.status = status;
  }
}

absl::Status ParseModel(const json &object, ModelDesc &model) {
  JsonReader reader(object, "model");
  model.vocab = reader.Int("vocab", 1, kMaxCount);
  model.context = reader.Int("context", 1, kMaxCount);
  model.hidden = reader.Int("hidden", 1, kMaxCount);
  model.page_tokens = reader.Int("page_tokens", abi::kKeyBlock, 1 << 20);
  if (reader.status.ok() && model.page_tokens % abi::kKeyBlock)
    reader.Fail("page_tokens", absl::StrCat("found ", model.page_tokens, ", expected a multiple of ", abi::kKeyBlock));
  if (object.is_object() && object.contains("tokenizer"))
    model.tokenizer = reader.String("tokenizer");
  ForEach(reader, "moe_layers", [&](const json &layer, std::string where) {
    MoeLayerDesc desc;
    if (!layer.is_null()) {
      JsonReader fields(layer, where);
      desc.experts = fields.Int("experts", 0, 65535);
      desc.k = fields.Int("k", 0, desc.experts);
      if (!fields.status.ok())
        return fields.status;
    }
    model.moe_layers.push_back(desc);
    return absl::OkStatus();
  });
  ForEach(reader, "kv_caches", [&](const json &cache, std::string where) {
    JsonReader fields(cache, where);
    KvCacheDesc desc;
    desc.kv_heads = fields.Int("kv_heads", 1, 1 << 16);
    desc.head_dim = fields.Int("head_dim", 1, 1 << 16);
    desc.value_dim = fields.Int("value_dim", 1, 1 << 16);
    desc.window = fields.Int("window", 0, kMaxCount);
    model.kv_caches.push_back(desc);
    return fields.status;
  });
  if (object.is_object() && object.contains("states"))
    ForEach(reader, "states", [&](const json &state, std::string where) {
      JsonReader fields(state, where);
      model.states.push_back({fields.Int("elements", 1, kMaxCount)});
      return fields.status;
    });
  if (object.is_object() && object.contains("histories"))
    ForEach(reader, "histories", [&](const json &history, std::string where) {
      JsonReader fields(history, where);
      const std::string type = fields.String("type");
      if (fields.status.ok() && type != "f32" && type != "i32")
        fields.Fail("type", absl::StrCat("found \"", type, "\", expected \"f32\" or \"i32\""));
      model.histories.push_back(
          {type == "i32" ? ElementType::kI32 : ElementType::kF32, fields.Int("columns", 1, 1 << 24)});
      return fields.status;
    });
  return reader.status;
}

absl::Status ParseTransfer(const json &object, std::string where, ModelDesc &model) {
  JsonReader reader(object, std::move(where));
  TransferDesc transfer;
  transfer.id = reader.Int("id", 0, kMaxCount);
  transfer.layer = reader.Int("layer", 0, kMaxCount);
  transfer.columns = reader.Int("columns", 1, kMaxCount);
  transfer.k = reader.Int("k", 0, kMaxCount);
  const json *routed = reader.Member("routed");
  if (routed && !routed->is_boolean())
    reader.Fail("routed", absl::StrCat("found ", routed->dump(), ", expected true or false"));
  else if (routed)
    transfer.routed = routed->get<bool>();
  model.transfers.push_back(transfer);
  return reader.status;
}

absl::Status ParseWeight(const json &object, std::string where, std::vector<WeightEntry> &weights) {
  JsonReader reader(object, where);
  WeightEntry entry;
  entry.name = reader.String("name");
  entry.file = FileName(reader);
  entry.layout = reader.String("layout");
  if (const json *shape = reader.Array("shape"))
    for (const json &dim : *shape)
      entry.shape.push_back(reader.Number(dim, "shape", 1, kMaxBytes));
  if (object.is_object() && object.contains("experts"))
    ForEach(reader, "experts", [&](const json &expert, std::string inner) {
      JsonReader fields(expert, std::move(inner));
      entry.experts.push_back(ParseRange(fields));
      return fields.status;
    });
  else
    entry.whole = ParseRange(reader);
  const bool rows = absl::StartsWith(entry.layout, "rows.") && ElementBytes(std::string_view(entry.layout).substr(5));
  const bool panels = absl::StartsWith(entry.layout, "panel32.") || absl::StartsWith(entry.layout, "expert-up32.");
  if (reader.status.ok() && !rows &&
      !(panels && ParseWeightFormat(std::string_view(entry.layout).substr(entry.layout.find('.') + 1))))
    reader.Fail("layout",
                absl::StrCat("found \"", entry.layout,
                             "\", expected rows.f32 (or another type), panel32.f32 or expert-up32.f32, or one of these "
                             "two with a quantised format as q4b32 instead of f32"));
  weights.push_back(std::move(entry));
  return reader.status;
}

absl::Status ParseFile(const json &object, std::string where, std::map<std::string, FileEntry> &files) {
  JsonReader reader(object, std::move(where));
  const std::string name = FileName(reader);
  FileEntry entry;
  entry.bytes = reader.Int("bytes", 0, kMaxBytes);
  entry.header = reader.Int("header", 0, entry.bytes);
  entry.hash = Hash(reader, "xxh3");
  if (reader.status.ok() && !files.try_emplace(name, entry).second)
    reader.Fail("file", absl::StrCat("\"", name, "\" is listed twice"));
  return reader.status;
}

absl::Status ParseTensor(const json &object, std::string where, std::vector<TensorDesc> &tensors) {
  JsonReader reader(object, std::move(where));
  TensorDesc tensor;
  tensor.name = reader.String("name");
  tensor.type = reader.String("type");
  if (const json *dims = reader.Array("dims"))
    for (const json &dim : *dims) {
      if (!dim.is_string() && !dim.is_number_unsigned()) {
        reader.Fail("dims", absl::StrCat("found ", dim.dump(), ", expected a size or an expression"));
        break;
      }
      tensor.dims.push_back(dim.is_string() ? dim.get<std::string>() : dim.dump());
    }
  tensors.push_back(std::move(tensor));
  return reader.status;
}

void ParseNames(JsonReader &reader, const char *name, std::vector<std::string> &names) {
  if (const json *array = reader.Array(name))
    for (const json &element : *array) {
      if (!element.is_string()) {
        reader.Fail(name, absl::StrCat("found ", element.dump(), ", expected a string"));
        return;
      }
      names.push_back(element.get<std::string>());
    }
}

absl::Status ParseContract(const json &object, TensorContract &contract) {
  JsonReader reader(object, "tensor");
  ParseNames(reader, "symbols", contract.symbols);
  ParseNames(reader, "computed", contract.computed);
  ParseNames(reader, "workspace", contract.workspace);
  ParseNames(reader, "weights", contract.weights);
  ForEach(reader, "inputs",
          [&](const json &tensor, std::string where) { return ParseTensor(tensor, where, contract.inputs); });
  ForEach(reader, "outputs",
          [&](const json &tensor, std::string where) { return ParseTensor(tensor, where, contract.outputs); });
  ForEach(reader, "require", [&](const json &sides, std::string where) -> absl::Status {
    if (!sides.is_array() || sides.size() != 2 || !sides[0].is_string() || !sides[1].is_string())
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": found ", sides.dump(), ", expected two expressions that must be equal"));
    contract.require.emplace_back(sides[0].get<std::string>(), sides[1].get<std::string>());
    return absl::OkStatus();
  });
  return reader.status;
}

absl::Status ParsePrograms(const json &object, Manifest &manifest) {
  if (!object.is_object() || object.empty())
    return absl::InvalidArgumentError("programs: expected an object of role programs by gate side");
  for (const auto &[side, roles] : object.items()) {
    if (!roles.is_object())
      return absl::InvalidArgumentError(absl::StrCat("programs.", side, ": expected an object of role programs"));
    for (const auto &[role, program] : roles.items()) {
      absl::StatusOr<RoleProgram> parsed = ParseRoleProgram(program);
      if (!parsed.ok())
        return absl::InvalidArgumentError(absl::StrCat("programs.", side, ".", role, ": ", parsed.status().message()));
      manifest.programs[side][role] = *std::move(parsed);
    }
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<Manifest> ParseManifest(const std::string &text) {
  const json document = ParseJson(text);
  if (document.is_discarded())
    return absl::InvalidArgumentError(
        "found no valid JSON, expected an object; the file is truncated or damaged, compile the model again");
  JsonReader reader(document, "");
  if (std::string format = reader.String("format"); reader.status.ok() && format != "janus-artifact")
    reader.Fail("format", absl::StrCat("found \"", format, "\", expected \"janus-artifact\""));
  const int64_t version = reader.Int("version", 0, kMaxCount);
  if (reader.status.ok() && version != kVersion)
    reader.Fail("version", absl::StrCat("found ", version, ", expected ", kVersion,
                                        ", which this runtime reads; compile the model with a matching janus-compile"));
  if (reader.status.ok())
    reader.status = CheckSeal(text);
  Manifest manifest;
  const std::string contract = reader.String("contract");
  if (reader.status.ok() && contract != "language-model" && contract != "tensor")
    reader.Fail("contract", absl::StrCat("found \"", contract, "\", expected \"language-model\" or \"tensor\""));
  manifest.tensor = contract == "tensor";
  manifest.compiler = reader.String("compiler");
  manifest.model_hash = reader.String("model_hash");
  ForEach(reader, "code", [&](const json &code, std::string where) {
    JsonReader fields(code, std::move(where));
    CodeEntry entry{fields.String("role"), fields.String("target"), FileName(fields),
                    fields.Int("bytes", 1, int64_t{1} << 32), Hash(fields, "xxh3")};
    manifest.code.push_back(std::move(entry));
    return fields.status;
  });
  ForEach(reader, "files", [&](const json &file, std::string where) { return ParseFile(file, where, manifest.files); });
  ForEach(reader, "weights",
          [&](const json &weight, std::string where) { return ParseWeight(weight, where, manifest.weights); });
  if (reader.status.ok())
    reader.status = CheckWeights(manifest);
  const json *programs = reader.Member("programs");
  if (reader.status.ok())
    reader.status = ParsePrograms(*programs, manifest);
  if (!manifest.tensor)
    for (const WeightEntry &weight : manifest.weights)
      if (reader.status.ok() && absl::StartsWith(weight.layout, "rows.") && weight.layout != "rows.f32")
        reader.Fail("weights", absl::StrCat("found layout \"", weight.layout, "\" of '", weight.name,
                                            "', which only tensor programs have"));
  if (reader.status.ok() && manifest.tensor) {
    if (const json *tensor = reader.Member("tensor"))
      reader.status = ParseContract(*tensor, manifest.contract);
  } else if (reader.status.ok()) {
    if (const json *model = reader.Member("model"))
      reader.status = ParseModel(*model, manifest.model);
    ForEach(reader, "transfers",
            [&](const json &transfer, std::string where) { return ParseTransfer(transfer, where, manifest.model); });
  }
  if (!reader.status.ok())
    return reader.status;
  return manifest;
}

} // namespace janus
