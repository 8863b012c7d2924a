#include "runtime/executor/Payload.h"
#include "runtime/executor/Assignments.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>

namespace janus::executor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kColumns = 3, kSlots = 8, kStepRows = 20, kK = 2;

std::vector<char> Message(const std::vector<RoutedPair> &pairs, int64_t rows) {
  std::vector<char> bytes(pairs.size() * sizeof(RoutedPair) + rows * kColumns * 4);
  if (!pairs.empty())
    std::memcpy(bytes.data(), pairs.data(), pairs.size() * sizeof(RoutedPair));
  for (int64_t i = 0; i < rows * kColumns; ++i) {
    const float value = static_cast<float>(i);
    std::memcpy(bytes.data() + pairs.size() * sizeof(RoutedPair) + i * 4, &value, 4);
  }
  return bytes;
}

absl::Status Parse(const std::vector<char> &bytes, RoutedView &view) {
  return ParseRouted(bytes, {kColumns, kSlots, kStepRows, kK}, view);
}

const std::vector<RoutedPair> kPairs = {{0, 0, 4, 0, 0.5f}, {5, 0, 4, 1, 0.25f}, {7, 1, 9, 1, 1.0f}};

TEST(Payload, CountsFollowFromTheSize) {
  for (int64_t count = 0; count <= 3; ++count) {
    const int64_t rows = count == 0 ? 0 : count < 3 ? 1 : 2;
    std::vector<char> bytes = Message({kPairs.begin(), kPairs.begin() + count}, rows);
    RoutedView view;
    ASSERT_TRUE(Parse(bytes, view).ok());
    EXPECT_EQ(view.pair_count, count);
    EXPECT_EQ(view.row_count, rows);
    EXPECT_EQ(view.bytes(), static_cast<int64_t>(bytes.size()));
  }
}

TEST(Payload, RefusesWhatDoesNotAddUp) {
  RoutedView view;
  std::vector<char> bytes = Message(kPairs, 2);
  for (size_t size = 1; size < bytes.size(); ++size) {
    // A shorter message is refused unless its first pairs happen to be one.
    if (Parse({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}, view).ok()) {
      EXPECT_EQ(view.bytes(), static_cast<int64_t>(size));
    }
  }
  auto refused = [&](RoutedPair second) {
    return std::string(Parse(Message({kPairs[0], second, kPairs[2]}, 2), view).message());
  };
  EXPECT_THAT(refused({8, 0, 4, 1, 1.0f}), HasSubstr("found slot 8"));
  EXPECT_THAT(refused({-1, 0, 4, 1, 1.0f}), HasSubstr("found slot -1"));
  EXPECT_THAT(refused({5, 2, 4, 1, 1.0f}), HasSubstr("row 2"));
  EXPECT_THAT(refused({5, 0, 5, 1, 1.0f}), HasSubstr("step row 5"));
  EXPECT_THAT(refused({5, 1, 20, 1, 1.0f}), HasSubstr("step row 20"));
  EXPECT_THAT(refused({5, 0, 4, 0, 1.0f}), HasSubstr("rank 0"));
  EXPECT_THAT(refused({5, 0, 4, 2, 1.0f}), HasSubstr("rank 2"));
}

TEST(Payload, FiltersByInstanceAndJoinsMessages) {
  const std::vector<char> first = Message(kPairs, 2), second = Message({{6, 0, 12, 0, 2.0f}, {1, 1, 13, 0, 3.0f}}, 2);
  RoutedView views[2];
  ASSERT_TRUE(Parse(first, views[0]).ok());
  ASSERT_TRUE(Parse(second, views[1]).ok());
  const uint8_t wanted[] = {0, 0, 1, 1}; // slots 4 to 7
  const SlotFilter filter = {wanted, 2};
  std::vector<char> out(FilteredBytes(views, filter));
  WriteFiltered(views, filter, out.data());
  RoutedView view;
  ASSERT_TRUE(Parse(out, view).ok());
  ASSERT_EQ(view.pair_count, 3);
  ASSERT_EQ(view.row_count, 3);
  EXPECT_EQ(view.Pair(0).slot, 5);
  EXPECT_EQ(view.Pair(1).step_row, 9);
  EXPECT_EQ(view.Pair(2).step_row, 12);
  EXPECT_EQ(view.Pair(2).row, 2);
  EXPECT_EQ(std::memcmp(view.Row(0), views[0].Row(0), kColumns * 4), 0);
  EXPECT_EQ(std::memcmp(view.Row(1), views[0].Row(1), kColumns * 4), 0);
  EXPECT_EQ(std::memcmp(view.Row(2), views[1].Row(0), kColumns * 4), 0);
}

TEST(Assignments, OrderDoesNotDependOnArrival) {
  AssignmentBuilder builder(4, 2, 3);
  struct Added {
    int64_t row, rank;
    int32_t slot, x_row;
    float weight;
  };
  const std::vector<Added> pairs = {{3, 1, 2, 0, 0.1f}, {0, 0, 2, 1, 0.2f}, {3, 0, 0, 0, 0.3f}, {1, 1, 2, 2, 0.4f}};
  std::vector<int> order = {0, 1, 2, 3};
  do {
    builder.Begin(4, 2);
    for (int i : order)
      EXPECT_TRUE(builder.Add(pairs[i].row, pairs[i].rank, pairs[i].slot, pairs[i].x_row, pairs[i].weight));
    EXPECT_FALSE(builder.Add(3, 1, 0, 0, 0.0f));
    const abi::Assignment &work = builder.Build();
    ASSERT_EQ(work.groups, 2);
    ASSERT_EQ(work.pairs, 4);
    EXPECT_THAT(std::vector<int32_t>(work.group_slot, work.group_slot + 2), ElementsAre(0, 2));
    EXPECT_THAT(std::vector<int32_t>(work.group_begin, work.group_begin + 3), ElementsAre(0, 1, 4));
    EXPECT_THAT(std::vector<int32_t>(builder.step_rows(), builder.step_rows() + 4), ElementsAre(3, 0, 1, 3));
    EXPECT_THAT(std::vector<int32_t>(work.pair_rank, work.pair_rank + 4), ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(std::vector<int32_t>(work.pair_row, work.pair_row + 4), ElementsAre(0, 1, 2, 0));
    EXPECT_THAT(std::vector<float>(work.pair_weight, work.pair_weight + 4), ElementsAre(0.3f, 0.2f, 0.4f, 0.1f));
  } while (std::next_permutation(order.begin(), order.end()));
}

} // namespace
} // namespace janus::executor
