#include "tools/janus-run/Drive.h"
#include "tools/janus-run/Failures.h"
#include "tools/janus-run/Modes.h"
#include "tools/janus-run/Npy.h"
#include "tools/janus-run/PlacementFile.h"
#include "tools/janus-run/Report.h"
#include "tools/janus-run/Requests.h"
#include "tools/janus-run/Utf8Stream.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include <cstdio>
#include <optional>

namespace janus::run {
namespace {

/// "dir/name.npy" -> "dir/name-3.npy"
std::string Numbered(const std::string &path, size_t index) {
  const size_t slash = path.rfind('/'), dot = path.rfind('.');
  const size_t end = dot != std::string::npos && (slash == std::string::npos || dot > slash) ? dot : path.size();
  return absl::StrCat(path.substr(0, end), "-", index, path.substr(end));
}

const char *NameOf(FinishReason reason) {
  switch (reason) {
  case FinishReason::kLength:
    return "length";
  case FinishReason::kStop:
    return "stop";
  case FinishReason::kScored:
    return "scored";
  case FinishReason::kCancelled:
    return "cancelled";
  case FinishReason::kError:
    break;
  }
  return "error";
}

/// What one prompt has given so far.
struct Output {
  std::vector<int32_t> ids;
  std::optional<NpyWriter> logits;
  std::string finish; // empty: not ended
  absl::Status status;
};

/// Prints in the order of the prompts: a single prompt as it comes, several when each is complete.
class Printer {
public:
  enum class Format { kText, kIds, kJson };
  Printer(Format format, bool streams) : format_(format), streams_(streams) {}

  void Token(int32_t id) {
    if (!streams_)
      return;
    if (format_ == Format::kText)
      Put(utf8_.Push(static_cast<uint8_t>(id)));
    else
      Put(absl::StrCat(first_ ? "" : ",", id));
    first_ = false;
    std::fflush(stdout);
  }
  void End(size_t index, const Output &output) {
    if (streams_ && output.ids.empty() && !output.status.ok())
      return; // nothing was begun
    if (streams_)
      Put(format_ == Format::kText ? utf8_.Flush() + "\n" : "\n");
    else if (format_ == Format::kIds)
      Put(absl::StrJoin(output.ids, ",") + "\n");
    else
      Put(Line(index, output) + "\n");
    std::fflush(stdout);
  }

private:
  static void Put(const std::string &text) { std::fwrite(text.data(), 1, text.size(), stdout); }
  static std::string Line(size_t index, const Output &output) {
    nlohmann::ordered_json line = {{"index", index}};
    if (!output.status.ok())
      line["error"] = std::string(output.status.message());
    Utf8Stream utf8;
    std::string text;
    for (int32_t id : output.ids)
      text += utf8.Push(static_cast<uint8_t>(id));
    line["text"] = text + utf8.Flush();
    line["ids"] = output.ids;
    line["finish_reason"] = output.finish;
    return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  Format format_;
  bool streams_, first_ = true;
  Utf8Stream utf8_;
};

} // namespace

absl::Status Generate(const Arguments &arguments, const ModelInfo &model) {
  absl::StatusOr<std::vector<GenerateRequest>> requests = ReadRequests(arguments, model);
  if (!requests.ok())
    return requests.status();
  absl::StatusOr<std::unique_ptr<Runtime>> runtime = Runtime::Open(arguments.artifact, arguments.runtime);
  if (!runtime.ok())
    return runtime.status();
  std::unique_ptr<PlacementFile> placement;
  if (!arguments.save_placement.empty()) {
    absl::StatusOr<std::unique_ptr<PlacementFile>> file = PlacementFile::Create(arguments.save_placement);
    if (!file.ok())
      return file.status();
    placement = *std::move(file);
  }
  if (!arguments.quiet && arguments.stats != Arguments::Stats::kJson)
    PrintInstances((*runtime)->instances());

  const bool many = !arguments.prompts.empty();
  Printer printer(arguments.print_ids || model.tokenizer.empty() ? Printer::Format::kIds
                  : many                                         ? Printer::Format::kJson
                                                                 : Printer::Format::kText,
                  !many);
  std::vector<Output> outputs(requests->size());
  if (!arguments.logits.empty()) { // a path that cannot be written is told before anything is computed
    auto writer = NpyWriter::Create(many ? Numbered(arguments.logits, 0) : arguments.logits, "f32", {model.vocab});
    if (!writer.ok())
      return writer.status();
    outputs[0].logits.emplace(*std::move(writer));
  }
  size_t printed = 0, failed = 0;
  absl::Status first_error;
  auto fail = [&](size_t index, const absl::Status &status) {
    if (first_error.ok())
      first_error = many ? absl::Status(status.code(), absl::StrCat("prompt ", index, ": ", status.message())) : status;
    ++failed;
  };
  Timing timing;
  Handlers handlers;
  handlers.stalled = PrintStall;
  handlers.token = [&](size_t index, TokenEvent &event) {
    timing.Token();
    Output &output = outputs[index];
    output.ids.push_back(event.token);
    if (!arguments.logits.empty() && output.status.ok()) {
      if (!output.logits) {
        auto writer = NpyWriter::Create(many ? Numbered(arguments.logits, index) : arguments.logits, "f32",
                                        {static_cast<int64_t>(event.logits.size())});
        output.status = writer.status();
        if (!writer.ok())
          return;
        output.logits.emplace(*std::move(writer));
      }
      output.logits->Append(event.logits.data(), event.logits.size() * sizeof(float));
    }
    printer.Token(event.token);
  };
  handlers.end = [&](size_t index, RequestResult &result) {
    Output &output = outputs[index];
    timing.Prompt(result.prompt_tokens);
    if (!result.status.ok())
      output.status = result.status;
    output.finish = NameOf(result.reason);
    if (output.status.ok() && !arguments.logits.empty() && !output.logits) { // stopped before the first token
      auto writer =
          NpyWriter::Create(many ? Numbered(arguments.logits, index) : arguments.logits, "f32", {model.vocab});
      output.status = writer.status();
      if (writer.ok())
        output.logits.emplace(*std::move(writer));
    }
    if (output.logits && output.status.ok())
      output.status = output.logits->Close();
    output.logits.reset();
    if (!output.status.ok())
      fail(index, output.status);
    for (; printed < outputs.size() && !outputs[printed].finish.empty(); ++printed) {
      printer.End(printed, outputs[printed]);
      outputs[printed].ids = {};
    }
  };
  const absl::Status status = Drive(
      **runtime, requests->size(), [&](size_t i) { return std::move((*requests)[i]); }, AtOnce(arguments.runtime),
      handlers);
  if (!status.ok())
    return status;
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return absl::DataLossError("the output could not be written");
  if (absl::Status closed = (*runtime)->Close(); !closed.ok())
    return closed;
  if (placement)
    if (absl::Status saved = placement->Write((*runtime)->report().placement); !saved.ok())
      return saved;
  PrintReport(arguments, **runtime, timing);
  if (failed > 1)
    return absl::Status(first_error.code(),
                        absl::StrCat(first_error.message(), " (", failed, " of ", outputs.size(), " prompts failed)"));
  return first_error;
}

} // namespace janus::run
