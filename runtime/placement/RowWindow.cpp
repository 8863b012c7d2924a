#include "runtime/placement/RowWindow.h"

#include "runtime/base/Random.h"

#include <algorithm>
#include <cmath>

namespace janus {

void RowWindow::Add(absl::Span<const uint16_t> ids) {
  const int64_t size = static_cast<int64_t>(ids_.size());
  if (static_cast<int64_t>(ids.size()) > size)
    ids = ids.subspan(ids.size() - size);
  const int64_t count = static_cast<int64_t>(ids.size()), first = std::min(count, size - at_);
  std::copy_n(ids.begin(), first, ids_.begin() + at_);
  std::copy(ids.begin() + first, ids.end(), ids_.begin());
  at_ = size ? (at_ + count) % size : 0;
  filled_ = std::min(filled_ + count, size);
}

absl::Span<const uint16_t> RowWindow::row(int64_t age) const {
  const int64_t size = static_cast<int64_t>(ids_.size());
  return {ids_.data() + (at_ + size - (age + 1) * k_) % size, static_cast<size_t>(k_)};
}

ActivationWindow RowWindow::Draw(int64_t batch, int64_t steps, uint64_t seed, double half_life) const {
  ActivationWindow drawn(experts_, std::max<int64_t>(steps, 1));
  Random random(seed);
  const int64_t each = std::min(batch, rows());
  std::vector<int64_t> last(rows(), -1); // step that drew the row last
  auto age = [&] {
    if (half_life > 0)
      // Beyond the window the draw is repeated: the ages left are still as likely as they should be.
      for (int tries = 0; tries < 64; ++tries)
        if (const double a = -half_life * std::log2(1 - random.Uniform()); a < static_cast<double>(rows()))
          return static_cast<int64_t>(a);
    return random.Below(rows());
  };
  for (int64_t s = 0; s < steps; ++s) {
    drawn.Begin();
    for (int64_t i = 0; i < each; ++i) {
      int64_t a = age();
      while (last[a] == s)
        a = a + 1 < rows() ? a + 1 : 0;
      last[a] = s;
      for (uint16_t expert : row(a))
        if (expert < experts_)
          drawn.Activate(expert);
    }
  }
  return drawn;
}

std::vector<double> RowWindow::Tokens() const {
  std::vector<double> tokens(experts_);
  for (int64_t a = 0; a < rows(); ++a)
    for (uint16_t expert : row(a))
      if (expert < experts_)
        tokens[expert] += 1;
  return tokens;
}

} // namespace janus
