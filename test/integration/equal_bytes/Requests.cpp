#include "test/integration/equal_bytes/Requests.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <xxhash.h>

namespace janus::equal_bytes {
namespace {

using nlohmann::ordered_json;

constexpr char kFormat[] = "janus-digests";

/// Throws nlohmann's exceptions for a field of a wrong type.
Observed ReadOne(const ordered_json &entry) {
  Observed observed;
  observed.name = entry.at("name").get<std::string>();
  GenerateRequest &request = observed.request;
  request.prompt = entry.at("prompt_ids").get<std::vector<int32_t>>();
  request.score = request.score_logits = entry.value("score", false);
  request.logits = !request.score;
  if (!request.score)
    request.max_new_tokens = entry.at("max_new_tokens").get<int64_t>();
  request.temperature = entry.value("temperature", 0.0f);
  request.top_k = entry.value("top_k", 0);
  request.top_p = entry.value("top_p", 1.0f);
  request.seed = entry.value("seed", uint64_t{0});
  observed.digest.rows = entry.value("rows", int64_t{0});
  observed.digest.xxh3_128 = entry.value("xxh3_128", "");
  return observed;
}

ordered_json ToJson(const Observed &observed) {
  const GenerateRequest &request = observed.request;
  ordered_json entry = {{"name", observed.name}, {"prompt_ids", request.prompt}};
  if (request.score)
    entry["score"] = true;
  else
    entry["max_new_tokens"] = request.max_new_tokens;
  if (request.temperature != 0)
    entry.update({{"temperature", request.temperature},
                  {"top_k", request.top_k},
                  {"top_p", request.top_p},
                  {"seed", request.seed}});
  entry["rows"] = observed.digest.rows;
  entry["xxh3_128"] = observed.digest.xxh3_128;
  return entry;
}

} // namespace

absl::StatusOr<std::vector<Observed>> ReadRequests(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    return absl::NotFoundError(absl::StrCat("cannot read '", path, "', expected the requests and digests of a model"));
  std::vector<Observed> requests;
  try {
    const ordered_json document = ordered_json::parse(text.str());
    if (document.at("format") != kFormat || document.at("version") != 1)
      return absl::InvalidArgumentError(absl::StrCat(path, ": expected format ", kFormat, ", version 1"));
    std::set<std::string> names;
    for (const ordered_json &entry : document.at("requests"))
      if (!names.insert(requests.emplace_back(ReadOne(entry)).name).second)
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": found request '", requests.back().name, "' twice, expected different names"));
  } catch (const nlohmann::json::exception &error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": request ", requests.size(), ": ", error.what(), "; see docs/equal-bytes.md"));
  }
  if (requests.empty())
    return absl::InvalidArgumentError(absl::StrCat(path, ": found no requests, expected at least one"));
  return requests;
}

absl::Status WriteRequests(const std::string &path, const std::vector<Observed> &requests) {
  std::string text = absl::StrCat("{\"format\": \"", kFormat, "\", \"version\": 1,\n \"requests\": [");
  for (size_t i = 0; i < requests.size(); ++i)
    absl::StrAppend(&text, i ? ",\n  " : "\n  ", ToJson(requests[i]).dump());
  text += "\n ]}\n";
  const std::string whole = path + ".new";
  std::ofstream file(whole);
  file << text;
  file.close();
  if (!file || std::rename(whole.c_str(), path.c_str()) != 0) {
    std::remove(whole.c_str());
    return absl::PermissionDeniedError(absl::StrCat("cannot write '", path, "'"));
  }
  return absl::OkStatus();
}

Digest DigestOf(const Answer &answer, int64_t vocab) {
  const XXH128_hash_t hash = XXH3_128bits(answer.logits.data(), answer.logits.size() * sizeof(float));
  return {static_cast<int64_t>(answer.logits.size()) / vocab, absl::StrFormat("%016x%016x", hash.high64, hash.low64)};
}

} // namespace janus::equal_bytes
