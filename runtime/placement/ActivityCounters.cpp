#include "runtime/placement/ActivityCounters.h"

#include <cmath>

namespace janus {
namespace {

constexpr double kLargestWeight = 1e100;

} // namespace

ActivityCounters::ActivityCounters(int64_t experts, int64_t k, int64_t steps, int64_t rows, double half_life)
    : window_(experts, steps), row_window_(experts, k, rows), half_life_(half_life), growth_(std::exp2(1 / half_life)),
      tokens_(experts), frequency_(experts), seen_in_(experts) {}

void ActivityCounters::Add(const LayerActivity &activity, int64_t limit) {
  ++steps_;
  window_.Begin();
  row_window_.Add(activity.ids);
  for (uint16_t expert : activity.ids) {
    tokens_[expert] += weight_;
    if (seen_in_[expert] == steps_)
      continue;
    seen_in_[expert] = steps_;
    frequency_[expert] += weight_;
    window_.Activate(expert);
  }
  a_max_ += weight_ * activity.a_max;
  limit_ += weight_ * static_cast<double>(limit);
  distinct_ += weight_ * activity.distinct;
  rows_ += weight_ * static_cast<double>(activity.rows);
  weight_sum_ += weight_;
  if ((weight_ *= growth_) > kLargestWeight)
    Rescale();
}

void ActivityCounters::Rescale() {
  for (double *sum : {&weight_sum_, &a_max_, &limit_, &distinct_, &rows_})
    *sum /= weight_;
  for (std::vector<double> *sums : {&tokens_, &frequency_})
    for (double &sum : *sums)
      sum /= weight_;
  weight_ = 1;
}

} // namespace janus
