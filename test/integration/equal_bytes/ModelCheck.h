//===- ModelCheck.h - one model over rows of the axes -----------*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_EQUAL_BYTES_MODELCHECK_H
#define JANUS_TEST_INTEGRATION_EQUAL_BYTES_MODELCHECK_H

#include "runtime/artifact/Artifact.h"
#include "runtime/engine/LoadedModel.h"
#include "test/integration/equal_bytes/Configurations.h"
#include "test/integration/equal_bytes/Requests.h"

#include <map>
#include <memory>
#include <optional>

namespace janus::equal_bytes {

/// Counts checks; prints those that fail.
class Report {
public:
  void Check(const std::string &name, bool passed, const std::string &detail);
  int64_t passed() const { return passed_; }
  int64_t failed() const { return failed_; }

private:
  int64_t passed_ = 0, failed_ = 0;
};

/// A model with its artifacts loaded, the answers of the (1, 1) run, and
/// the routing trace of that run.
class ModelCheck {
public:
  /// `folder` is the model's, with digests.json; `scratch` exists and is empty.
  static absl::StatusOr<std::unique_ptr<ModelCheck>>
  Open(const std::string &folder, const std::vector<std::string> &artifacts, const std::string &scratch);

  /// Runs (1, 1) with every kernel table and artifact: AVX2 and AVX-512 kernels and code give the same bytes, and those
  /// of the digests; the reference kernels, which sum in double, come close. With `write`, the digests are replaced
  /// instead of compared.
  absl::Status First(bool write, Report &report);

  const Axes &axes() const { return *axes_; }
  const std::string &name() const { return name_; }
  size_t requests() const { return requests_.size(); }

  /// Mean rows of a step over all runs so far, in which requests were alone, or among others.
  double MeanRows(bool together) const { return double(load_[together].rows) / double(load_[together].steps); }

  /// Over all runs so far with --rebalance.
  struct Moved {
    int64_t runs = 0, epochs = 0, moves = 0, peer_pieces = 0;
  };
  const Moved &moved() const { return moved_; }

  /// Runs one row and compares the bytes of every request's logits with the (1, 1) run.
  void Compare(const Row &row, uint64_t seed, Report &report);

private:
  absl::StatusOr<std::vector<Answer>> Play(const Configuration &configuration);
  void CompareWith(const std::vector<Answer> &expected, const std::vector<Answer> &found, const std::string &where,
                   Report &report);

  std::string name_, digests_, trace_;
  std::vector<std::shared_ptr<Artifact>> artifacts_;
  std::vector<LoadedModel> models_; // by artifact
  std::vector<Observed> requests_;
  std::optional<Axes> axes_;
  std::vector<Answer> reference_, first_; // answers of the reference kernels; of all others
  struct {
    int64_t steps = 0, rows = 0;
  } load_[2];
  Moved moved_;
};

} // namespace janus::equal_bytes

#endif // JANUS_TEST_INTEGRATION_EQUAL_BYTES_MODELCHECK_H
