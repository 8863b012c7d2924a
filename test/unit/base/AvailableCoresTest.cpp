#include "runtime/base/AvailableCores.h"

#include "gtest/gtest.h"

#include <sched.h>
#include <thread>

namespace janus {
namespace {

TEST(AvailableCores, QuotaIsRoundedUpToCores) {
  EXPECT_EQ(QuotaCores("max 100000"), 0);
  EXPECT_EQ(QuotaCores("-1 100000"), 0);
  EXPECT_EQ(QuotaCores(""), 0);
  EXPECT_EQ(QuotaCores("100000"), 0);
  EXPECT_EQ(QuotaCores("50000 100000"), 1);
  EXPECT_EQ(QuotaCores("150000 100000"), 2);
  EXPECT_EQ(QuotaCores("400000 100000"), 4);
}

TEST(AvailableCores, FollowsTheAffinityMask) {
  int all = AvailableCores(), pinned = 0;
  EXPECT_GE(all, 1);
  std::thread([&] {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int first = 0;
    while (!CPU_ISSET(first, &set))
      ++first;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    sched_setaffinity(0, sizeof set, &set);
    pinned = AvailableCores();
  }).join();
  EXPECT_EQ(pinned, 1);
}

} // namespace
} // namespace janus
