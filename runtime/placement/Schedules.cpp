#include "runtime/placement/Schedules.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace janus {
namespace {

/// How many standard deviations the first steps of a change must be worse than what is allowed to give it up.
constexpr double kSigmas = 1;

int64_t Steps(absl::Span<const Schedules::Part> parts) {
  int64_t steps = 0;
  for (const Schedules::Part &part : parts)
    steps += part.window->steps();
  return steps;
}

} // namespace

Schedules::Schedules(Layout &layout, absl::Span<const Part> parts)
    : layout_(layout), experts_(layout.experts()), instances_(layout.instances()), steps_(Steps(parts)),
      words_((steps_ + 63) / 64), host_(experts_ * steps_, kInactive), load_(steps_ * instances_), largest_(steps_),
      limit_(steps_), closed_(steps_ * instances_), active_(experts_ * words_), loose_(words_), place_(steps_, -1),
      queue_(instances_), via_(instances_), from_(instances_), seen_(instances_) {
  for (const Part &part : parts)
    for (int64_t s = 0; s < part.window->steps(); ++s) {
      weight_.push_back(part.weight);
      Schedule(*part.window, s, static_cast<int64_t>(weight_.size()) - 1);
    }
}

void Schedules::Schedule(const ActivationWindow &window, int64_t at, int64_t step) {
  undo_.clear();
  undo_largest_.clear();
  undo_closed_.clear();
  undo_closed_steps_.clear();
  std::vector<int32_t> order;
  const absl::Span<const uint64_t> words = window.step(at);
  for (size_t w = 0; w < words.size(); ++w)
    for (uint64_t bits = words[w]; bits; bits &= bits - 1)
      order.push_back(static_cast<int32_t>(w * 64) + std::countr_zero(bits));
  const int64_t active = static_cast<int64_t>(order.size()), live = std::max<int64_t>(layout_.shape().live(), 1);
  limit_[step] = static_cast<uint16_t>((active + live - 1) / live);
  limit_total_ += limit_[step] * weight_[step];
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t e, int32_t f) { return layout_.replicas(e) < layout_.replicas(f); });
  for (int32_t e : order) {
    active_[e * words_ + step / 64] |= uint64_t{1} << step % 64;
    Assign(step, e, LeastLoaded(step, e));
  }
  const uint16_t *load = load_.data() + step * instances_;
  SetLargest(step, instances_ ? *std::max_element(load, load + instances_) : 0);
  Lower(step);
  work_ += active;
}

uint16_t Schedules::LeastLoaded(int64_t step, int64_t expert) const {
  const uint16_t *load = load_.data() + step * instances_;
  int32_t best = -1;
  for (int32_t g : layout_.hosts(expert))
    if (best < 0 || load[g] < load[best])
      best = g;
  return static_cast<uint16_t>(best);
}

void Schedules::Assign(int64_t step, int64_t expert, uint16_t host) {
  uint16_t &at = host_[expert * steps_ + step];
  undo_.push_back({static_cast<int32_t>(step), static_cast<int32_t>(expert), at});
  if (at != kInactive)
    --load_[step * instances_ + at];
  ++load_[step * instances_ + host];
  at = host;
}

bool Schedules::Relieve(int64_t step, int32_t start, int32_t wanted) {
  ++stamp_;
  const uint16_t *load = load_.data() + step * instances_;
  int32_t read = 0, write = 0;
  seen_[start] = stamp_;
  queue_[write++] = start;
  while (read < write) {
    const int32_t g = queue_[read++];
    for (int32_t e : layout_.held(g)) {
      if (host_[e * steps_ + step] != g)
        continue;
      for (int32_t h : layout_.hosts(e)) {
        if (seen_[h] == stamp_)
          continue;
        seen_[h] = stamp_;
        via_[h] = e;
        from_[h] = g;
        if (load[h] <= wanted) {
          for (int32_t at = h; at != start; at = from_[at])
            Assign(step, via_[at], static_cast<uint16_t>(at));
          work_ += 4 * read;
          return true;
        }
        queue_[write++] = h;
      }
    }
  }
  reached_ = write;
  work_ += 4 * read;
  return false;
}

void Schedules::Lower(int64_t step) {
  const uint16_t *load = load_.data() + step * instances_;
  while (largest_[step] > limit_[step]) {
    const int32_t largest = largest_[step];
    for (int32_t g = 0; g < instances_; ++g)
      if (load[g] == largest && !Relieve(step, g, largest - 2)) {
        KeepClosedSet(step);
        return;
      }
    SetLargest(step, largest - 1);
  }
}

void Schedules::SetLargest(int64_t step, int64_t largest) {
  if (largest == largest_[step])
    return;
  undo_largest_.push_back({static_cast<int32_t>(step), largest_[step]});
  total_ += (largest - largest_[step]) * weight_[step];
  largest_[step] = static_cast<uint16_t>(largest);
  const bool loose = largest > limit_[step];
  if (loose && place_[step] < 0) {
    place_[step] = static_cast<int32_t>(loose_list_.size());
    loose_list_.push_back(static_cast<int32_t>(step));
    loose_[step / 64] |= uint64_t{1} << step % 64;
  } else if (!loose && place_[step] >= 0) {
    const int32_t last = loose_list_.back();
    loose_list_[place_[step]] = last;
    place_[last] = place_[step];
    loose_list_.pop_back();
    place_[step] = -1;
    loose_[step / 64] &= ~(uint64_t{1} << step % 64);
  }
}

void Schedules::KeepClosedSet(int64_t step) {
  uint8_t *closed = closed_.data() + step * instances_;
  undo_closed_steps_.push_back(static_cast<int32_t>(step));
  undo_closed_.insert(undo_closed_.end(), closed, closed + instances_);
  std::fill_n(closed, instances_, 0);
  for (int32_t i = 0; i < reached_; ++i)
    closed[queue_[i]] = 1;
}

void Schedules::ChangeStep(const LayoutChange &change, int64_t step) {
  bool outwards = false; // an expert of the closed set has a host outside
  if (largest_[step] > limit_[step]) {
    const uint8_t *closed = closed_.data() + step * instances_;
    for (int i = 0; i < change.additions; ++i) {
      const uint16_t host = host_[change.added[i].expert * steps_ + step];
      outwards |= host != kInactive && closed[host] && !closed[change.added[i].instance];
    }
  }
  const uint16_t *load = load_.data() + step * instances_;
  bool exceeds = false;
  for (int i = 0; i < change.removals; ++i) {
    const auto [expert, instance] = change.removed[i];
    if (host_[expert * steps_ + step] != instance)
      continue;
    const uint16_t host = LeastLoaded(step, expert);
    Assign(step, expert, host);
    exceeds |= load[host] > largest_[step];
  }
  while (exceeds) {
    const int32_t g = static_cast<int32_t>(std::max_element(load, load + instances_) - load);
    if (load[g] <= largest_[step])
      break;
    if (!Relieve(step, g, load[g] - 2)) {
      KeepClosedSet(step);
      SetLargest(step, load[g]);
      return;
    }
  }
  if (outwards)
    Lower(step);
}

void Schedules::Apply(const LayoutChange &change) {
  for (int i = 0; i < change.removals; ++i)
    layout_.Remove(change.removed[i].instance, change.removed[i].expert);
  for (int i = 0; i < change.additions; ++i)
    layout_.Add(change.added[i].instance, change.added[i].expert);
}

void Schedules::Revert(const LayoutChange &change) {
  for (int i = 0; i < change.additions; ++i)
    layout_.Remove(change.added[i].instance, change.added[i].expert);
  for (int i = 0; i < change.removals; ++i)
    layout_.Add(change.removed[i].instance, change.removed[i].expert);
  for (size_t i = undo_.size(); i-- > 0;) {
    const auto [step, expert, host] = undo_[i];
    uint16_t &at = host_[static_cast<int64_t>(expert) * steps_ + step];
    --load_[step * instances_ + at];
    ++load_[step * instances_ + host];
    at = host;
  }
  for (size_t i = undo_largest_.size(); i-- > 0;)
    SetLargest(undo_largest_[i].step, undo_largest_[i].largest);
  for (size_t i = undo_closed_steps_.size(); i-- > 0;)
    std::copy_n(undo_closed_.begin() + static_cast<int64_t>(i) * instances_, instances_,
                closed_.begin() + undo_closed_steps_[i] * instances_);
}

int64_t Schedules::Try(const LayoutChange &change, int64_t most) {
  undo_.clear();
  undo_largest_.clear();
  undo_closed_.clear();
  undo_closed_steps_.clear();
  Apply(change);
  auto concerned = [&](int64_t word) {
    uint64_t steps = 0;
    for (int i = 0; i < change.removals; ++i)
      steps |= active_[change.removed[i].expert * words_ + word];
    for (int i = 0; i < change.additions; ++i)
      steps |= active_[change.added[i].expert * words_ + word];
    return steps;
  };
  int64_t hope = 0, left = 0; // what steps above their limit may still gain; steps to look at
  for (int64_t w = 0; w < words_; ++w) {
    left += std::popcount(concerned(w));
    for (uint64_t steps = concerned(w) & loose_[w]; steps; steps &= steps - 1)
      hope += weight_[w * 64 + std::countr_zero(steps)];
  }
  const int64_t before = total_;
  const double all = static_cast<double>(std::max<int64_t>(left, 1));
  double squares = 0;
  for (int64_t w = 0; w < words_; ++w) {
    const uint64_t loose = loose_[w];
    uint64_t steps = concerned(w);
    work_ += std::popcount(steps);
    left -= std::popcount(steps);
    for (; steps; steps &= steps - 1) {
      const int bit = std::countr_zero(steps);
      const int64_t s = w * 64 + bit, was = total_;
      bool touched = loose >> bit & 1;
      hope -= touched ? weight_[s] : 0;
      for (int i = 0; i < change.removals; ++i)
        touched |= host_[change.removed[i].expert * steps_ + s] == change.removed[i].instance;
      if (!touched)
        continue;
      work_ += 4;
      ChangeStep(change, s);
      squares += static_cast<double>((total_ - was) * (total_ - was));
      if (total_ - before - hope > most) {
        Revert(change);
        return most + 1;
      }
    }
    const double grown = static_cast<double>(total_ - before), share = 1 - static_cast<double>(left) / all;
    if (left > 0 && grown - static_cast<double>(most) * share > 1 + kSigmas * std::sqrt(squares)) {
      Revert(change);
      return most + 1;
    }
  }
  if (total_ - before > most) {
    Revert(change);
    return most + 1;
  }
  return total_ - before;
}

} // namespace janus
