#include "test/integration/equal_bytes/ModelCheck.h"
#include "test/integration/equal_bytes/Play.h"

#include "runtime/engine/Deployment.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace janus::equal_bytes {
namespace {

constexpr int64_t kMostPrinted = 20;
constexpr double kTolerance = 2e-4; // of the largest logit, as for golden outputs

bool IsReference(const std::string &kernels) { return kernels == "reference"; }

/// Where two answers differ; empty if in no byte.
std::string Difference(const Answer &expected, const Answer &found, int64_t vocab) {
  const size_t a = expected.logits.size(), b = found.logits.size(), both = std::min(a, b);
  for (size_t i = 0; i < both; ++i)
    if (std::memcmp(&expected.logits[i], &found.logits[i], sizeof(float)) != 0)
      return absl::StrCat("row ", i / vocab, ", token ", i % vocab, ": found ", found.logits[i], ", expected ",
                          expected.logits[i], ", difference ", found.logits[i] - expected.logits[i]);
  if (a != b)
    return absl::StrCat("found ", b / vocab, " rows of logits, expected ", a / vocab);
  return expected.tokens == found.tokens ? "" : "equal logits, but other tokens";
}

/// The largest difference of two answers' logits as far as they are of the same tokens, by the largest logit.
double Distance(const Answer &a, const Answer &b, int64_t vocab) {
  size_t rows = std::min(a.logits.size(), b.logits.size()) / vocab;
  for (size_t t = 0; t < std::min(a.tokens.size(), b.tokens.size()); ++t)
    if (a.tokens[t] != b.tokens[t])
      rows = std::min(rows, t + 1); // that row chose it; those after it have another past
  double largest = 0, difference = rows ? 0 : INFINITY;
  for (size_t i = 0; i < rows * vocab; ++i) {
    largest = std::max(largest, std::fabs(double{a.logits[i]}));
    difference = std::max(difference, std::fabs(double{a.logits[i]} - b.logits[i]));
    if (!std::isfinite(a.logits[i]) || !std::isfinite(b.logits[i]))
      return INFINITY;
  }
  return difference / largest;
}

} // namespace

void Report::Check(const std::string &name, bool passed, const std::string &detail) {
  ++(passed ? passed_ : failed_);
  if (!passed && failed_ <= kMostPrinted)
    std::printf("FAIL %s: %s\n", name.c_str(), detail.c_str());
  if (!passed && failed_ == kMostPrinted)
    std::printf("further failures are counted only\n");
}

absl::StatusOr<std::unique_ptr<ModelCheck>>
ModelCheck::Open(const std::string &folder, const std::vector<std::string> &artifacts, const std::string &scratch) {
  std::unique_ptr<ModelCheck> check(new ModelCheck);
  check->name_ = std::filesystem::path(folder).filename();
  check->digests_ = folder + "/digests.json";
  check->trace_ = scratch + "/trace";
  absl::StatusOr<std::vector<Observed>> requests = ReadRequests(check->digests_);
  if (!requests.ok())
    return requests.status();
  check->requests_ = *std::move(requests);
  for (const std::string &path : artifacts) {
    absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(path);
    if (!artifact.ok())
      return artifact.status();
    check->artifacts_.push_back(*std::move(artifact));
    absl::StatusOr<LoadedModel> model = Load(*check->artifacts_.back());
    if (!model.ok())
      return model.status();
    check->models_.push_back(*model);
  }
  Setting setting;
  for (const MoeLayerDesc &layer : check->models_.front().desc->moe_layers)
    setting.experts = std::max(setting.experts, layer.experts);
  setting.step_rows = MostRows(check->requests_);
  setting.artifacts = artifacts.size();
  setting.trace = check->trace_;
  check->axes_.emplace(setting);
  return check;
}

absl::StatusOr<std::vector<Answer>> ModelCheck::Play(const Configuration &configuration) {
  absl::StatusOr<std::unique_ptr<Deployment>> deployment =
      Deployment::Create(models_[configuration.artifact], configuration.options, artifacts_[configuration.artifact]);
  if (!deployment.ok())
    return deployment.status();
  absl::StatusOr<std::vector<Answer>> answers = configuration.together
                                                    ? PlayAmongOthers(**deployment, requests_, configuration.seed)
                                                    : PlayAlone(**deployment, requests_);
  if (absl::Status closed = (*deployment)->Close(); !closed.ok())
    return closed;
  const RunReport report = (*deployment)->report();
  load_[configuration.together].steps += report.steps;
  load_[configuration.together].rows += report.rows;
  if (configuration.options.rebalance != "off") {
    ++moved_.runs;
    moved_.epochs += report.rebalance.epochs;
    moved_.moves += report.rebalance.moves;
    moved_.peer_pieces += report.rebalance.peer_pieces;
    if (answers.ok() && report.rebalance.failed > 0)
      return absl::InternalError(
          absl::StrCat(report.rebalance.failed, " changes of the placement failed: ", report.rebalance.last));
  }
  const std::string &scheme = configuration.options.scheme;
  if (answers.ok() && scheme != "auto" && (report.schemes.size() != 1 || !report.schemes.contains(scheme)))
    return absl::InternalError(
        absl::StrCat("found steps of scheme ", report.schemes.begin()->first, ", expected ", scheme));
  return answers;
}

absl::Status ModelCheck::First(bool write, Report &report) {
  const int64_t vocab = models_.front().desc->vocab;
  for (const std::string &kernels : axes_->kernels())
    for (size_t artifact = 0; artifact < models_.size(); ++artifact) {
      Configuration configuration = axes_->First(kernels);
      configuration.artifact = artifact;
      std::vector<Answer> &expected = IsReference(kernels) ? reference_ : first_;
      const bool record = first_.empty() && !IsReference(kernels);
      if (record)
        configuration.options.record_routing = trace_;
      absl::StatusOr<std::vector<Answer>> answers = Play(configuration);
      if (!answers.ok())
        return absl::Status(answers.status().code(),
                            absl::StrCat(name_, ", ", Describe(configuration), ": ", answers.status().message()));
      if (expected.empty())
        expected = *std::move(answers);
      else
        CompareWith(expected, *answers, Describe(configuration), report);
    }
  if (first_.empty())
    return absl::FailedPreconditionError("this CPU runs none of the kernels of which bytes are compared");
  for (size_t i = 0; i < requests_.size(); ++i) {
    Observed &observed = requests_[i];
    const std::string name = absl::StrCat(name_, " ", observed.name);
    const double distance = Distance(first_[i], reference_[i], vocab);
    report.Check(name + ", reference kernels", distance <= kTolerance,
                 absl::StrCat("found ", distance, " of the largest logit, expected at most ", kTolerance));
    const Digest digest = DigestOf(first_[i], vocab);
    if (!write)
      report.Check(name + ", digest", digest == observed.digest,
                   absl::StrCat("found ", digest.rows, " rows, ", digest.xxh3_128, ", expected ", observed.digest.rows,
                                " rows, ", observed.digest.xxh3_128, " of ", digests_));
    observed.digest = digest;
  }
  return write ? WriteRequests(digests_, requests_) : absl::OkStatus();
}

void ModelCheck::CompareWith(const std::vector<Answer> &expected, const std::vector<Answer> &found,
                             const std::string &where, Report &report) {
  for (size_t i = 0; i < requests_.size(); ++i) {
    const std::string difference = Difference(expected[i], found[i], models_.front().desc->vocab);
    report.Check(absl::StrCat(name_, " ", requests_[i].name, ", ", where), difference.empty(), difference);
  }
}

void ModelCheck::Compare(const Row &row, uint64_t seed, Report &report) {
  const Configuration configuration = axes_->Make(row, seed);
  const std::string where = Describe(configuration);
  absl::StatusOr<std::vector<Answer>> answers = Play(configuration);
  if (answers.ok())
    return CompareWith(IsReference(configuration.options.kernels) ? reference_ : first_, *answers, where, report);
  for (const Observed &observed : requests_)
    report.Check(absl::StrCat(name_, " ", observed.name, ", ", where), false, std::string(answers.status().message()));
}

} // namespace janus::equal_bytes
