#include "tools/janus-run/Requests.h"

#include "runtime/base/Json.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

namespace janus::run {
namespace {

using nlohmann::json;

absl::StatusOr<std::string> ReadFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  if (file.peek() != std::ifstream::traits_type::eof())
    content << file.rdbuf();
  if (file.bad() || !file.is_open())
    return absl::NotFoundError(absl::StrCat("cannot read '", path, "': ", std::strerror(errno)));
  return content.str();
}

absl::StatusOr<std::vector<int32_t>> Tokenize(const std::string &text, const ModelInfo &model,
                                              const std::string &instead) {
  if (model.tokenizer != "bytes")
    return absl::InvalidArgumentError(
        absl::StrCat("the artifact has no tokenizer, so text cannot be read; give token ids with ", instead,
                     ", or compile with --tokenizer=bytes if the model's tokens are bytes"));
  std::vector<int32_t> ids;
  for (const char c : text)
    ids.push_back(static_cast<uint8_t>(c));
  return ids;
}

/// Reads the fields of one line, each at most once; the first error is kept.
class LineReader {
public:
  LineReader(const json &line, const ModelInfo &model) : line_(line), model_(model) {}

  template <typename T> void Number(const char *key, double low, double high, T &target) {
    if (!Has(key))
      return;
    const json &value = line_[key];
    const bool fits = std::is_integral_v<T> ? value.is_number_integer() : value.is_number();
    if (!fits || value.get<double>() < low || value.get<double>() > high)
      Fail(key, value,
           absl::StrCat("expected ", std::is_integral_v<T> ? "an integer" : "a number", " from ", low, " to ", high));
    else
      target = value.get<T>();
  }

  void Ids(const char *key, std::vector<int32_t> &target) {
    if (Has(key))
      target = IdsOf(key, line_[key]);
  }
  void TextIds(const char *key, const char *instead, std::vector<int32_t> &target) {
    if (Has(key))
      target = TokensOf(key, line_[key], instead);
  }
  /// A text or a list of texts, or (`instead`) a list of lists of ids.
  void Stops(std::vector<std::vector<int32_t>> &target) {
    if (!Has("stop") && !Has("stop_ids"))
      return;
    target.clear();
    if (line_.contains("stop"))
      for (const json &stop : line_["stop"].is_array() ? line_["stop"] : json::array({line_["stop"]}))
        target.push_back(TokensOf("stop", stop, "\"stop_ids\""));
    if (line_.contains("stop_ids")) {
      if (!line_["stop_ids"].is_array())
        return Fail("stop_ids", line_["stop_ids"], "expected a list of lists of token ids");
      for (const json &stop : line_["stop_ids"])
        target.push_back(IdsOf("stop_ids", stop));
    }
  }
  bool Has(const char *key) { return line_.contains(key); }
  void Fail(const std::string &what) {
    if (status_.ok())
      status_ = absl::InvalidArgumentError(what);
  }
  const absl::Status &status() const { return status_; }

private:
  void Fail(const char *key, const json &found, const std::string &expected) {
    Fail(absl::StrCat("\"", key, "\": found ", found.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 40),
                      ", ", expected));
  }
  std::vector<int32_t> IdsOf(const char *key, const json &value) {
    std::vector<int32_t> ids;
    bool ok = value.is_array();
    for (size_t i = 0; ok && i < value.size(); ++i) {
      ok = value[i].is_number_integer() && value[i].get<int64_t>() >= 0 &&
           value[i].get<int64_t>() <= std::numeric_limits<int32_t>::max();
      if (ok)
        ids.push_back(value[i].get<int32_t>());
    }
    if (!ok)
      Fail(key, value, "expected a list of token ids");
    return ids;
  }
  std::vector<int32_t> TokensOf(const char *key, const json &value, const char *instead) {
    if (!value.is_string()) {
      Fail(key, value, "expected a text");
      return {};
    }
    absl::StatusOr<std::vector<int32_t>> ids = Tokenize(value.get<std::string>(), model_, instead);
    if (ids.ok())
      return *std::move(ids);
    Fail(absl::StrCat("\"", key, "\": ", ids.status().message()));
    return {};
  }

  const json &line_;
  const ModelInfo &model_;
  absl::Status status_;
};

absl::StatusOr<GenerateRequest> ReadLine(const std::string &text, const GenerateRequest &defaults,
                                         const ModelInfo &model) {
  const json line = ParseJson(text);
  if (!line.is_object())
    return absl::InvalidArgumentError("found no JSON object");
  GenerateRequest request = defaults;
  LineReader reader(line, model);
  constexpr const char *kKnown[] = {"prompt", "prompt_ids", "max_new_tokens", "temperature", "top_k",
                                    "top_p",  "seed",       "stop",           "stop_ids",    "deadline_ms"};
  for (const auto &[key, value] : line.items())
    if (std::find(std::begin(kKnown), std::end(kKnown), key) == std::end(kKnown))
      reader.Fail(absl::StrCat("found \"", key,
                               "\", expected prompt, prompt_ids, max_new_tokens, temperature, top_k, "
                               "top_p, seed, stop, stop_ids or deadline_ms"));
  if (reader.Has("prompt") == reader.Has("prompt_ids"))
    reader.Fail("expected one of \"prompt\" and \"prompt_ids\"");
  reader.TextIds("prompt", "\"prompt_ids\"", request.prompt);
  reader.Ids("prompt_ids", request.prompt);
  reader.Number("max_new_tokens", 1, 1 << 30, request.max_new_tokens);
  reader.Number("temperature", 0, 1e6, request.temperature);
  reader.Number("top_k", 0, 1 << 30, request.top_k);
  reader.Number("top_p", 1e-30, 1, request.top_p);
  reader.Number("seed", 0, 1.8446744073709550e19, request.seed);
  reader.Number("deadline_ms", 0, 1e12, request.deadline_ms);
  reader.Stops(request.stop);
  if (!reader.status().ok())
    return reader.status();
  return request;
}

} // namespace

absl::StatusOr<std::vector<int32_t>> ReadPrompt(const Arguments &arguments, const ModelInfo &model) {
  if (arguments.prompt_ids)
    return *arguments.prompt_ids;
  std::string text = arguments.prompt.value_or("");
  if (arguments.prompt_file) {
    absl::StatusOr<std::string> content = ReadFile(*arguments.prompt_file);
    if (!content.ok())
      return content.status();
    text = *std::move(content);
  }
  return Tokenize(text, model, "--prompt-ids");
}

absl::StatusOr<std::vector<GenerateRequest>> ReadRequests(const Arguments &arguments, const ModelInfo &model) {
  GenerateRequest defaults;
  defaults.max_new_tokens = arguments.max_new_tokens;
  defaults.temperature = static_cast<float>(arguments.temperature);
  defaults.top_k = static_cast<int32_t>(arguments.top_k);
  defaults.top_p = static_cast<float>(arguments.top_p);
  defaults.seed = arguments.seed;
  defaults.deadline_ms = arguments.deadline_ms;
  defaults.logits = !arguments.logits.empty();
  defaults.stop = arguments.stop_ids;
  for (const std::string &stop : arguments.stop) {
    absl::StatusOr<std::vector<int32_t>> ids = Tokenize(stop, model, "--stop-ids");
    if (!ids.ok())
      return ids.status();
    defaults.stop.push_back(*std::move(ids));
  }
  std::vector<GenerateRequest> requests;
  if (arguments.prompts.empty()) {
    absl::StatusOr<std::vector<int32_t>> prompt = ReadPrompt(arguments, model);
    if (!prompt.ok())
      return prompt.status();
    defaults.prompt = *std::move(prompt);
    requests.push_back(std::move(defaults));
    return requests;
  }
  absl::StatusOr<std::string> content = ReadFile(arguments.prompts);
  if (!content.ok())
    return content.status();
  std::istringstream lines(*content);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    absl::StatusOr<GenerateRequest> request = ReadLine(line, defaults, model);
    if (!request.ok())
      return absl::InvalidArgumentError(absl::StrCat(arguments.prompts, ":", number, ": ", request.status().message()));
    requests.push_back(*std::move(request));
  }
  if (requests.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.prompts, ": found no prompt, expected a JSON object a line"));
  return requests;
}

} // namespace janus::run
