#include "runtime/trace/Trace.h"

#include "runtime/base/Json.h"
#include "runtime/trace/Readers.h"

namespace janus::trace {
namespace {

using nlohmann::json;

constexpr int64_t kMaxMetaBytes = 1 << 24;

absl::StatusOr<json> ParseMeta(const std::string &file, const std::string &text) {
  json meta = ParseJson(text);
  if (!meta.is_object())
    return Invalid(file, "found no JSON object; expected that of a routing trace (docs/routing-trace.md)");
  return meta;
}

} // namespace

int64_t Number(const json &object, const char *name) {
  const json value = object.is_object() ? object.value(name, json()) : json();
  return value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(kMaxTokens)
             ? static_cast<int64_t>(value.get<uint64_t>())
             : -1;
}

absl::StatusOr<int> TraceVersion(const std::string &where, const std::string &text) {
  const std::string file = where + "/meta.json";
  absl::StatusOr<json> meta = ParseMeta(file, text);
  if (!meta.ok())
    return meta.status();
  if (!meta->contains("format") && meta->contains("layer_ids"))
    return 1;
  if (meta->value("format", json()) == "janus-routing" && meta->value("version", json()) == 2)
    return 2;
  return Invalid(file, "found format ", JsonText(meta->value("format", json())), " version ",
                 JsonText(meta->value("version", json())),
                 ", expected \"janus-routing\" version 2, or 'experts' and 'layer_ids' as version 1 has them");
}

absl::StatusOr<std::unique_ptr<Trace>> ReadTrace(TraceParts parts) {
  const std::string file = parts.where + "/meta.json";
  absl::StatusOr<int> version = TraceVersion(parts.where, parts.meta);
  if (!version.ok())
    return version.status();
  absl::StatusOr<json> meta = ParseMeta(file, parts.meta);
  if (!meta.ok())
    return meta.status();
  return *version == 1 ? ReadArrayTrace(std::move(parts), *meta) : ReadStepTrace(std::move(parts), *meta);
}

absl::StatusOr<std::unique_ptr<Trace>> OpenTrace(const std::string &directory) {
  absl::StatusOr<std::string> meta = ReadText(directory + "/meta.json", kMaxMetaBytes);
  if (absl::IsNotFound(meta.status()))
    return absl::NotFoundError(absl::StrCat(meta.status().message(),
                                            "; expected a directory that --record-routing wrote to its end, or one "
                                            "with topk.npy.gz, seqs.tsv and meta.json"));
  if (!meta.ok())
    return meta.status();
  absl::StatusOr<int> version = TraceVersion(directory, *meta);
  if (!version.ok())
    return version.status();
  TraceParts parts;
  parts.where = directory;
  parts.meta = *std::move(meta);
  absl::StatusOr<std::unique_ptr<ByteStream>> data =
      OpenFile(directory + (*version == 1 ? "/topk.npy.gz" : "/routing.gz"));
  if (!data.ok())
    return data.status();
  parts.data = Gunzip(*std::move(data));
  if (*version == 1) {
    absl::StatusOr<std::unique_ptr<ByteStream>> sequences = OpenFile(directory + "/seqs.tsv");
    if (!sequences.ok())
      return sequences.status();
    parts.sequences = *std::move(sequences);
  }
  return ReadTrace(std::move(parts));
}

} // namespace janus::trace
