#include "runtime/scheduler/ReplicaTable.h"

#include <algorithm>
#include <numeric>

namespace janus::scheduler {
namespace {

bool Live(const ReplicaList &list, const uint8_t *live, int32_t replica) {
  const int32_t instance = list.instance[replica];
  return instance >= 0 && (!live || live[instance]);
}

int32_t CountLive(const ReplicaList &list, const uint8_t *live, int32_t expert) {
  int32_t count = 0;
  for (int32_t r = list.begin[expert]; r < list.begin[expert + 1]; ++r)
    count += Live(list, live, r);
  return count;
}

/// Of experts with `count` live replicas: the lower comes first, equals by id.
int32_t Class(Rule rule, int32_t count) {
  switch (rule) {
  case Rule::kJanusGreedy:
    return std::min(count, 2);
  case Rule::kMetroGreedy:
    return std::min(count, 1);
  case Rule::kExact:
    break;
  }
  return count;
}

} // namespace

void ReplicaTable::Reserve(int64_t experts, int64_t replicas) {
  order_.reserve(experts);
  begin_.reserve(experts + 1);
  instance_.reserve(replicas);
  slot_.reserve(replicas);
}

void ReplicaTable::Sort(const ReplicaList &list, const uint8_t *live, Rule rule) {
  // begin_ holds each expert's class until Set fills it: std::stable_sort would allocate.
  order_.resize(list.experts);
  begin_.resize(list.experts + 1);
  std::iota(order_.begin(), order_.end(), uint16_t{0});
  for (int32_t e = 0; e < list.experts; ++e)
    begin_[e] = Class(rule, CountLive(list, live, e));
  std::sort(order_.begin(), order_.end(),
            [this](uint16_t a, uint16_t b) { return begin_[a] != begin_[b] ? begin_[a] < begin_[b] : a < b; });
}

void ReplicaTable::Set(const ReplicaList &list, const uint8_t *live, Rule rule) {
  Sort(list, live, rule);
  instance_.clear();
  slot_.clear();
  view_ = {};
  view_.first_choice = list.experts;
  for (int32_t p = 0; p < list.experts; ++p) {
    const int32_t e = order_[p], first = static_cast<int32_t>(slot_.size());
    begin_[p] = first;
    for (int32_t r = list.begin[e]; r < list.begin[e + 1]; ++r)
      if (Live(list, live, r)) {
        instance_.push_back(static_cast<uint16_t>(list.instance[r]));
        slot_.push_back(list.slot[r]);
      }
    const auto count = static_cast<int32_t>(slot_.size()) - first;
    view_.first_live += count == 0;
    if (count > 1)
      view_.first_choice = std::min(view_.first_choice, p);
  }
  begin_[list.experts] = static_cast<int32_t>(slot_.size());
  view_.experts = list.experts;
  view_.instances = list.instances;
  view_.live_instances =
      live ? static_cast<int32_t>(std::count_if(live, live + list.instances, [](uint8_t on) { return on != 0; }))
           : list.instances;
  view_.live_instances = std::max(view_.live_instances, 1);
  view_.replicas = static_cast<int32_t>(slot_.size());
  view_.rule = rule;
}

ReplicaTableView ReplicaTable::view() const {
  ReplicaTableView view = view_;
  view.order = order_.data();
  view.begin = begin_.data();
  view.instance = instance_.data();
  view.slot = slot_.data();
  return view;
}

bool operator==(const ReplicaTable &a, const ReplicaTable &b) {
  return a.view_.rule == b.view_.rule && a.view_.instances == b.view_.instances &&
         a.view_.live_instances == b.view_.live_instances && a.order_ == b.order_ && a.begin_ == b.begin_ &&
         a.instance_ == b.instance_ && a.slot_ == b.slot_;
}

int64_t ReplicaTable::bytes() const {
  return static_cast<int64_t>((order_.capacity() + instance_.capacity()) * sizeof(uint16_t) +
                              (begin_.capacity() + slot_.capacity()) * sizeof(int32_t));
}

} // namespace janus::scheduler
