#include "runtime/placement/ActivityCounters.h"

#include <cmath>

namespace janus {
namespace {

constexpr double kLargestWeight = 1e100;

} // namespace

ActivityCounters::ActivityCounters(int64_t experts, int64_t window, double half_life)
    : window_(experts, window), half_life_(half_life), growth_(std::exp2(1 / half_life)), tokens_(experts) {}

void ActivityCounters::Add(const LayerActivity &activity, int64_t limit) {
  window_.Begin();
  for (size_t i = 0; i < activity.experts.size(); ++i) {
    window_.Activate(activity.experts[i]);
    tokens_[activity.experts[i]] += weight_ * activity.rows[i];
  }
  a_max_ += weight_ * activity.a_max;
  limit_ += weight_ * static_cast<double>(limit);
  distinct_ += weight_ * static_cast<double>(activity.experts.size());
  weight_sum_ += weight_;
  ++steps_;
  if ((weight_ *= growth_) > kLargestWeight)
    Rescale();
}

void ActivityCounters::Rescale() {
  for (double *sum : {&weight_sum_, &a_max_, &limit_, &distinct_})
    *sum /= weight_;
  for (double &tokens : tokens_)
    tokens /= weight_;
  weight_ = 1;
}

} // namespace janus
