#include "runtime/engine/KvBudget.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <random>
#include <set>

namespace janus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(KvBudget, HomeHasMostFreePagesTheLowestOfEqualOnes) {
  KvBudget budget(3, 10, 4);
  EXPECT_EQ(budget.Reserve(4).home, 0); // 6 10 10
  EXPECT_EQ(budget.Reserve(3).home, 1); // 6 7 10
  EXPECT_EQ(budget.Reserve(5).home, 2); // 6 7 5
  EXPECT_EQ(budget.Reserve(1).home, 1); // 6 6 5
  EXPECT_EQ(budget.Reserve(6).home, 0); // 0 6 5
  EXPECT_EQ(budget.Reserve(6).home, 1); // 0 0 5
  EXPECT_EQ(budget.Reserve(6).home, -1);
  EXPECT_EQ(budget.Reserve(5).home, 2);
}

TEST(KvBudget, LowestNumbersFirst) {
  KvBudget budget(1, 4, 2);
  KvBudget::Reservation a = budget.Reserve(2), b = budget.Reserve(2);
  EXPECT_THAT(a.pages, ElementsAre(0, 1));
  EXPECT_THAT(b.pages, ElementsAre(2, 3));
  EXPECT_EQ(a.slot, 0);
  EXPECT_EQ(b.slot, 1);
  budget.Release(b.home, b.slot, b.pages);
  budget.Release(a.home, a.slot, a.pages);
  a = budget.Reserve(3);
  EXPECT_THAT(a.pages, ElementsAre(0, 1, 2));
  EXPECT_EQ(a.slot, 0);
}

TEST(KvBudget, NothingFits) {
  KvBudget budget(2, 3, 1);
  const KvBudget::Reservation none = budget.Reserve(4);
  EXPECT_EQ(none.home, -1);
  EXPECT_THAT(none.pages, IsEmpty());
  EXPECT_EQ(budget.Reserve(1).home, 0);
  EXPECT_EQ(budget.Reserve(1).home, 1); // the slot of instance 0 is taken, whatever pages it has
  EXPECT_EQ(budget.Reserve(1).home, -1);
}

/// No page or slot is ever given twice, and all come back. Seed 1.
TEST(KvBudget, RandomTraffic) {
  KvBudget budget(3, 20, 5);
  std::mt19937 random(1);
  std::vector<KvBudget::Reservation> held;
  std::set<std::pair<int, int>> pages, slots;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 2) {
      KvBudget::Reservation given = budget.Reserve(1 + random() % 8);
      if (given.home < 0)
        continue;
      ASSERT_TRUE(slots.emplace(given.home, given.slot).second);
      for (int32_t page : given.pages) {
        ASSERT_TRUE(page >= 0 && page < 20);
        ASSERT_TRUE(pages.emplace(given.home, page).second);
      }
      held.push_back(std::move(given));
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      const KvBudget::Reservation &back = held.back();
      budget.Release(back.home, back.slot, back.pages);
      slots.erase({back.home, back.slot});
      for (int32_t page : back.pages)
        pages.erase({back.home, page});
      held.pop_back();
    }
  }
  for (const KvBudget::Reservation &back : held)
    budget.Release(back.home, back.slot, back.pages);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(budget.Reserve(20).home, i);
}

} // namespace
} // namespace janus
