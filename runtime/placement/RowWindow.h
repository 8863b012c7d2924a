//===- RowWindow.h - what the last rows of a layer chose --------*- C++ -*-===//
//
// Some thousand rows say more about the steps to come than the steps they came
// in: batches drawn anew from them are as many different steps as a search
// wants. (Measured: fitted to 2000 batches drawn from the rows of 50 steps, a
// placement is about as good as one fitted to 2000 observed steps; fitted to
// the 50 steps themselves it is much worse. docs/placement.md.)
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_PLACEMENT_ROWWINDOW_H
#define JANUS_RUNTIME_PLACEMENT_ROWWINDOW_H

#include "runtime/placement/ActivationWindow.h"

#include "absl/types/span.h"

#include <cstdint>
#include <vector>

namespace janus {

/// The expert ids of one layer's last capacity() rows. Add allocates nothing and
/// is one copy; one thread at a time. A copy is a snapshot.
class RowWindow {
public:
  RowWindow(int64_t experts, int64_t k, int64_t capacity) : experts_(experts), k_(k), ids_(capacity * k) {}

  /// ids: [rows][k]. Ids from experts() on are padding and not counted.
  void Add(absl::Span<const uint16_t> ids);
  void Clear() { filled_ = at_ = 0; }

  int64_t experts() const { return experts_; }
  int64_t k() const { return k_; }
  int64_t capacity() const { return static_cast<int64_t>(ids_.size()) / k_; }
  int64_t rows() const { return filled_ / k_; }
  /// Ids of a row by its age, the newest row having 0.
  absl::Span<const uint16_t> row(int64_t age) const;

  /// `steps` batches of `batch` different rows (all of them when there are
  /// fewer) drawn at random. With a half-life (in rows, above 0) a row of age a
  /// is drawn about 2^(-a / half_life) as often as the newest.
  ActivationWindow Draw(int64_t batch, int64_t steps, uint64_t seed, double half_life = 0) const;
  /// Rows that chose each expert.
  std::vector<double> Tokens() const;

private:
  int64_t experts_, k_, filled_ = 0, at_ = 0; // values in ids_; where the next row goes
  std::vector<uint16_t> ids_;                 // [capacity][k], a ring
};

} // namespace janus

#endif // JANUS_RUNTIME_PLACEMENT_ROWWINDOW_H
